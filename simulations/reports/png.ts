import { FederatedError } from '../../shared/errors.ts';

/**
 * A chart as a PNG, by the optional package @resvg/resvg-js.
 * @param zoom - pixels of the picture for each of the chart
 * @throws FederatedError BAD_STATE when the package is not there, or this machine has no font to write with
 */
export async function png(svg: string, zoom = 2): Promise<Uint8Array> {
  const { Resvg } = await loadResvg();
  const render = (source: string) =>
    new Resvg(source, {
      fitTo: { mode: 'zoom', value: zoom },
      font: { loadSystemFonts: true, defaultFontFamily: 'DejaVu Sans', sansSerifFamily: 'DejaVu Sans' },
    }).render();
  const letter =
    '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><text y="9" font-size="9">M</text></svg>';
  if (!render(letter).pixels.some((value) => value > 0)) {
    const message =
      'PNG: this machine has no font, so the charts would have no words; install one (such as DejaVu Sans)';
    throw new FederatedError('BAD_STATE', message);
  }
  return render(svg).asPng();
}

async function loadResvg(): Promise<typeof import('@resvg/resvg-js')> {
  try {
    return await import('@resvg/resvg-js');
  } catch (cause) {
    const message =
      'PNG needs the optional package @resvg/resvg-js: npm install @resvg/resvg-js; the SVG files need nothing';
    throw new FederatedError('BAD_STATE', message, { cause });
  }
}

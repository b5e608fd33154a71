import { expect } from 'chai';
import { inkTurnsAt } from '../../../simulations/reports/charts/heat-map.ts';
import { palettes, seriesRoles } from '../../../simulations/reports/charts/palette.ts';

type Rgb = readonly [number, number, number];
const rgb = (hex: string): Rgb => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255) as unknown as Rgb;
const linear = (c: number): number => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
/** WCAG 2.2: (L1 + 0.05) / (L2 + 0.05) */
const luminance = (colour: Rgb): number => {
  const [r, g, b] = colour.map(linear) as unknown as Rgb;
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const contrast = (one: Rgb, other: Rgb): number => {
  const [low, high] = [luminance(one), luminance(other)].toSorted((a, b) => a - b) as [number, number];
  return (high + 0.05) / (low + 0.05);
};
const mixed = (over: Rgb, under: Rgb, share: number): Rgb => over.map((c, i) => share * c + (1 - share) * under[i]!) as unknown as Rgb; // prettier-ignore

/** Machado, Oliveira and Fernandes (2009), severity 1.0, for linear RGB. */
const blindness: Readonly<Record<string, readonly Rgb[]>> = {
  protanopia: [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]], // prettier-ignore
  deuteranopia: [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]], // prettier-ignore
  tritanopia: [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]], // prettier-ignore
  none: [[1, 0, 0], [0, 1, 0], [0, 0, 1]], // prettier-ignore
};

/** CIE L*a*b* (D65) of linear RGB. */
function lab(colour: Rgb): Rgb {
  const [r, g, b] = colour.map((c) => Math.min(1, Math.max(0, c))) as unknown as Rgb;
  const x = (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505;
  const y = 0.2126 * r + 0.7152 * g + 0.0722 * b;
  const z = (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089;
  const f = (t: number): number => (t > 216 / 24389 ? Math.cbrt(t) : ((24389 / 27) * t + 16) / 116);
  return [116 * f(y) - 16, 500 * (f(x) - f(y)), 200 * (f(y) - f(z))];
}
const seen = (hex: string, kind: string): Rgb => {
  const colour = rgb(hex).map(linear);
  return lab(blindness[kind]!.map((row) => row.reduce((sum, c, i) => sum + c * colour[i]!, 0)) as unknown as Rgb);
};

for (const theme of ['light', 'dark'] as const) {
  const palette = palettes[theme];
  describe(`the palette of the ${theme} theme`, () => {
    it('can be read: text and series have 4.5:1 against the background, axes 3:1', () => {
      const page = rgb(palette.page);
      for (const role of ['ink', 'muted', ...seriesRoles] as const) {
        expect(contrast(rgb(palette[role]), page), role).to.be.at.least(4.5);
      }
      expect(contrast(rgb(palette.axis), page)).to.be.at.least(3);
    });

    it('keeps the first four series apart with every kind of colour vision', () => {
      // A difference (CIE 1976) of 2.3 can just be noticed. Tritanopia is rare, and there the dashes help blue and green.
      for (const kind of Object.keys(blindness)) {
        for (const [i, one] of seriesRoles.slice(0, 4).entries()) {
          for (const other of seriesRoles.slice(i + 1, 4)) {
            const [a, b] = [seen(palette[one], kind), seen(palette[other], kind)];
            expect(Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]), `${kind}: ${one}, ${other}`).to.be.above(
              kind === 'tritanopia' ? 10 : 18,
            );
          }
        }
      }
    });

    it('lets the numbers in a heat map be read at every depth', () => {
      for (let depth = 0; depth <= 1; depth += 0.01) {
        const cell = mixed(rgb(palette.heat), rgb(palette.page), depth);
        const ink = rgb(depth >= inkTurnsAt ? palette.deep : palette.shallow);
        expect(contrast(ink, cell), depth.toFixed(2)).to.be.at.least(4.5);
      }
    });
  });
}

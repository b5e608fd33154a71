import { element, join, text, type Attributes, type Markup } from './markup.ts';
import { paint, standaloneCss, type Role, type Theme } from './palette.ts';
import { fitted, textWidth } from './text-width.ts';

/** What every kind of chart has: a title, perhaps a line below it, and a sentence for those who cannot see it. */
export interface ChartHead {
  readonly title: string;
  /** A line below the title: what the band means, how many runs. */
  readonly subtitle?: string;
  /** One or two sentences with what the chart shows, for screen readers. */
  readonly description: string;
}

export interface Look {
  /** px; default 640 */
  readonly width?: number;
  /** px; default 380 */
  readonly height?: number;
  /** Unique on its page; letters, digits and dashes. Default `chart`. */
  readonly id?: string;
  /** Default `auto`. */
  readonly theme?: Theme;
}

/** Where the data go, in px from the top left. */
export interface Area {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

export const fontSize = 12;
const fontFamily = "system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,'DejaVu Sans',sans-serif";

/** One line of text. @param anchor - which of its ends is at x */
export function label(
  theme: Theme,
  plain: string,
  at: { readonly x: number; readonly y: number },
  options: {
    readonly anchor?: 'start' | 'middle' | 'end';
    readonly fill?: Role;
    readonly size?: number;
    readonly weight?: number;
    readonly rotate?: number;
    /** A rim of the background's colour, so that it can be read on lines. */
    readonly halo?: boolean;
  } = {},
): Markup {
  const { anchor = 'start', fill = 'muted', size = fontSize, weight, rotate, halo = false } = options;
  const attributes: Attributes = {
    x: at.x,
    y: at.y,
    ...paint(theme, halo ? { fill, stroke: 'page' } : { fill }),
    ...(halo ? { 'stroke-width': 4, 'stroke-linejoin': 'round', 'paint-order': 'stroke' } : {}),
    'text-anchor': anchor === 'start' ? undefined : anchor,
    'font-size': size === fontSize ? undefined : size,
    'font-weight': weight,
    transform: rotate === undefined ? undefined : `rotate(${rotate} ${at.x.toFixed(2)} ${at.y.toFixed(2)})`,
  };
  return element('text', attributes, [text(plain)]);
}

export const line = (
  theme: Theme,
  stroke: Role,
  [x1, y1]: readonly [number, number],
  [x2, y2]: readonly [number, number],
  more: Attributes = {},
): Markup => element('line', { ...paint(theme, { stroke }), x1, y1, x2, y2, ...more });

/** Height of the title and the line below it, px. */
export const headHeight = ({ subtitle }: ChartHead): number => (subtitle === undefined ? 36 : 52);

/** A whole chart as the text of an SVG file: with size, title and description, background and, for both themes, its styles. */
export function drawing(head: ChartHead, look: Look, body: readonly Markup[]): string {
  const { width = 640, height = 380, id = 'chart', theme = 'auto' } = look;
  const heading = fitted(head.title, 15, width - 24);
  return element(
    'svg',
    {
      xmlns: 'http://www.w3.org/2000/svg',
      viewBox: `0 0 ${width} ${height}`,
      width,
      height,
      role: 'img',
      'aria-labelledby': `${id}-title ${id}-desc`,
      'font-family': fontFamily,
      'font-size': fontSize,
    },
    [
      element('title', { id: `${id}-title` }, [text(head.title)]),
      element('desc', { id: `${id}-desc` }, [text(head.description)]),
      ...(theme === 'auto' ? [element('style', {}, [text(standaloneCss)])] : []),
      ...(theme === 'page' ? [] : [element('rect', { ...paint(theme, { fill: 'page' }), width, height })]),
      label(theme, heading, { x: 12, y: 24 }, { fill: 'ink', size: 15, weight: 600 }),
      ...(head.subtitle === undefined
        ? []
        : [label(theme, fitted(head.subtitle, fontSize, width - 24), { x: 12, y: 42 })]),
      ...body,
    ],
  );
}

export interface LegendItem {
  readonly name: string;
  /** A small drawing of 18 by 12 px with its left top at x, y. */
  readonly swatch: (x: number, y: number) => Markup;
}

const rowHeight = 18;

/** Names and swatches in rows from the left. */
export function legend(
  theme: Theme,
  items: readonly LegendItem[],
  { left, top, width }: { readonly left: number; readonly top: number; readonly width: number },
): { readonly markup: Markup; readonly height: number } {
  let [x, y] = [left, top];
  const drawn = items.map(({ name, swatch }) => {
    const shown = fitted(name, fontSize, Math.min(220, width - 24));
    const wide = 24 + textWidth(shown, fontSize) + 16;
    if (x > left && x + wide > left + width) [x, y] = [left, y + rowHeight];
    const item = join([swatch(x, y), label(theme, shown, { x: x + 24, y: y + 10 }, { fill: 'ink' })]);
    x += wide;
    return item;
  });
  return { markup: element('g', {}, drawn), height: items.length === 0 ? 0 : y - top + rowHeight + 4 };
}

/** The swatch of a filled thing. */
export const boxSwatch =
  (colours: Attributes) =>
  (x: number, y: number): Markup =>
    element('rect', { ...colours, x: x + 3, y: y + 1, width: 12, height: 10, rx: 2 });

/** The swatch of a line. */
export const lineSwatch =
  (theme: Theme, stroke: Role, dash: string | undefined) =>
  (x: number, y: number): Markup =>
    line(theme, stroke, [x, y + 6], [x + 19, y + 6], { 'stroke-width': 2.25, 'stroke-dasharray': dash });

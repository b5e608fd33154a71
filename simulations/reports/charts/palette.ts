import type { Attributes } from './markup.ts';

/**
 * The colours of charts, by what they are for, in both themes. Series colours are darker (on white) and lighter (on black)
 * kin of Okabe and Ito's set (2008), of which the first four stay apart for the common kinds of colour blindness; each has at
 * least 4.5:1 against its background, so that a line's name can be written in its colour. `shallow` and `deep` are for
 * numbers on `heat`.
 */
export const palettes = {
  light: {
    page: '#ffffff',
    ink: '#111827',
    muted: '#55606f',
    axis: '#6b7686',
    grid: '#e6e9ee',
    heat: '#063662',
    shallow: '#000000',
    deep: '#ffffff',
    s0: '#0068a8',
    s1: '#b84a00',
    s2: '#00775a',
    s3: '#5a0f4b',
    s4: '#1b7f9e',
    s5: '#a8387c',
    s6: '#856000',
    s7: '#4b5563',
  },
  dark: {
    page: '#141923',
    ink: '#e8edf5',
    muted: '#a3aebf',
    axis: '#8793a7',
    grid: '#2a3342',
    heat: '#70a9e0',
    shallow: '#ffffff',
    deep: '#000000',
    s0: '#5fb0f0',
    s1: '#f08b4a',
    s2: '#2fc99b',
    s3: '#f0d22d',
    s4: '#74d5ee',
    s5: '#e58ec2',
    s6: '#b0a2ff',
    s7: '#b6c0ce',
  },
} as const;

export type Role = keyof (typeof palettes)['light'];

/**
 * `auto`: light, and dark where the reader's system is, also in an `<img>`; a renderer without media queries draws light.
 * `light`, `dark`: that one. `page`: no background, and colours from the page's `pageChartCss`.
 */
export type Theme = 'auto' | 'light' | 'dark' | 'page';

export const seriesRoles = ['s0', 's1', 's2', 's3', 's4', 's5', 's6', 's7'] as const satisfies readonly Role[];

/** The dashes of series, so that nothing depends on colour alone. */
export const dashes = [undefined, '7 3', '2 3', '9 3 2 3', '5 2', '1 3', '12 4', '4 4 1 4'] as const;

export const seriesRole = (index: number): Role => seriesRoles[index % seriesRoles.length]!;
export const seriesDash = (index: number): string | undefined => dashes[index % dashes.length];

/** Fill and stroke as plain attributes, which any renderer knows, and as classes, by which a style sheet can change them. */
export function paint(theme: Theme, { fill, stroke }: { readonly fill?: Role; readonly stroke?: Role }): Attributes {
  const colours = palettes[theme === 'dark' ? 'dark' : 'light'];
  const classes = [...(fill === undefined ? [] : [`fl-${fill}`]), ...(stroke === undefined ? [] : [`fl-l-${stroke}`])];
  return {
    class: classes.join(' '),
    fill: fill === undefined ? 'none' : colours[fill],
    stroke: stroke === undefined ? undefined : colours[stroke],
  };
}

const rules = (colour: (role: Role) => string): string =>
  (Object.keys(palettes.light) as Role[])
    .map((role) => `.fl-${role}{fill:${colour(role)}}.fl-l-${role}{stroke:${colour(role)}}`)
    .join('');

/** Inside a chart that stands alone: what changes where the reader's system is dark. */
export const standaloneCss = `@media (prefers-color-scheme:dark){${rules((role) => palettes.dark[role])}}`;

/** For a page that holds charts drawn with the theme `page`; follows the page's `color-scheme`. */
export const pageChartCss = rules((role) => `light-dark(${palettes.light[role]},${palettes.dark[role]})`);

/** Steps from dark violet over green to yellow, for more series than there are colours; told apart by lightness, too. */
const rampStops = [
  [91, 58, 158],
  [62, 92, 170],
  [42, 120, 142],
  [34, 168, 132],
  [122, 209, 81],
  [230, 206, 40],
] as const;

/** The colour of series `index` of `count`, the same in both themes. */
export function rampColour(index: number, count: number): string {
  const at = (count <= 1 ? 0 : index / (count - 1)) * (rampStops.length - 1);
  const left = Math.min(rampStops.length - 2, Math.floor(at));
  const [from, to] = [rampStops[left]!, rampStops[left + 1]!];
  const channel = (i: 0 | 1 | 2): string =>
    Math.round(from[i] + (at - left) * (to[i] - from[i]))
      .toString(16)
      .padStart(2, '0');
  return `#${channel(0)}${channel(1)}${channel(2)}`;
}

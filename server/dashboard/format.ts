/** Figures as people read them. A figure that is not there is a dash, never a zero. */

export const dash = '–';
const is = (value: unknown): value is number => typeof value === 'number' && !Number.isNaN(value);

export const count = (value: number | null | undefined): string => (is(value) ? value.toLocaleString('en') : dash);

/** 0.9764 as `97.6 %`; never rounded up to 100. */
export function percent(value: number | null | undefined, digits = 1): string {
  if (!is(value)) return dash;
  const grain = 10 ** digits;
  const shown = value < 1 ? Math.min(Math.round(value * 100 * grain) / grain, 100 - 1 / grain) : value * 100;
  return `${shown.toFixed(digits)} %`;
}

/** Percentage points, with sign: `+0.2`. */
export const points = (value: number, digits = 1): string => signed(value * 100, digits);

/** With sign; without one where it would show nothing but zeros. */
export const signed = (value: number, digits: number): string => {
  const size = Math.abs(value).toFixed(digits);
  return Number(size) === 0 ? size : `${value < 0 ? '−' : '+'}${size}`;
};

/** About four digits: `0.2134`, `12.4`, `3.1e-5`. */
export function figure(value: number | null | undefined): string {
  if (!is(value)) return value === undefined || value === null ? dash : 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '∞' : '−∞';
  const size = Math.abs(value);
  if (size === 0) return '0';
  if (size < 0.001 || size >= 100_000) return value.toExponential(1);
  return value.toFixed(size < 1 ? 4 : size < 10 ? 3 : size < 100 ? 2 : 1);
}

export function bytes(value: number | null | undefined): string {
  if (!is(value)) return dash;
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let scaled = value;
  let unit = 0;
  while (scaled >= 999.5 && unit < units.length - 1) {
    scaled /= 1000;
    unit++;
  }
  return `${scaled < 10 && unit > 0 ? scaled.toFixed(1) : scaled.toFixed(0)} ${units[unit]}`;
}

/** A figure on an axis: no zeros at the end. */
export const tick = (value: number): string =>
  Math.abs(value) >= 1e5 ? value.toExponential(0) : String(Number(value.toPrecision(4)));

/** A length of time: `0.4 s`, `42 s`, `6 min 12 s`, `3 h 05 min`. @param seconds - 0 or more */
export function duration(seconds: number | null | undefined): string {
  if (!is(seconds)) return dash;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3_600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
  return `${Math.floor(whole / 3_600)} h ${String(Math.floor((whole % 3_600) / 60)).padStart(2, '0')} min`;
}

/** Coarser, for what is only guessed: `about 10 min`. */
export function about(seconds: number): string {
  if (seconds < 60) return `about ${Math.max(1, Math.round(seconds / 5) * 5)} s`;
  if (seconds < 5_400) return `about ${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `about ${Math.round(seconds / 3_600)} h` : `about ${Math.round(seconds / 86_400)} days`;
}

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const dated = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });
/** @param at - ms since 1970 */
export const time = (at: number): string => clock.format(at);
export const date = (at: number): string => dated.format(at);

export const short = (id: string): string => id.slice(0, 8);

/** `1 client`, `3 clients` */
export const plural = (value: number, noun: string): string => `${count(value)} ${noun}${value === 1 ? '' : 's'}`;

/** `just now`, `12 s ago`, `5 min ago`. @param ms - since then */
export function ago(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 2) return 'just now';
  if (seconds < 60) return `${seconds} s ago`;
  return seconds < 5_400 ? `${Math.round(seconds / 60)} min ago` : `${Math.round(seconds / 3_600)} h ago`;
}

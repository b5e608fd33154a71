/** Numbers for people. */

const units = (value: number, names: readonly string[], base: number): string => {
  let size = value;
  let i = 0;
  while (Math.abs(size) >= base && i < names.length - 1) {
    size /= base;
    i++;
  }
  return `${i === 0 ? String(Math.round(size)) : size.toFixed(1)} ${names[i]!}`;
};

/** `7.9 MB`, powers of 1000 */
export const formatBytes = (bytes: number): string => units(bytes, ['bytes', 'kB', 'MB', 'GB', 'TB'], 1000);

/** `18.2 s`, `4 min 25 s`, `1 h 2 min` */
export function formatSeconds(seconds: number): string {
  if (seconds < 0.9995) return `${(1000 * seconds).toFixed(0)} ms`;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** `95.15 %` */
export const formatPercent = (share: number): string => `${(100 * share).toFixed(2)} %`;

/** Shares of one, that are shown in percent. */
export const isShare = (tag: string): boolean =>
  /accuracy/.test(tag) || tag === 'attack/success' || /^fairness\/(p\d+|worst\d*|mean|min|max|std|gap)/.test(tag);

/** A value in the way that its tag asks for. */
export function formatValue(tag: string, value: number): string {
  if (isShare(tag)) return formatPercent(value);
  if (tag.startsWith('bytes/')) return formatBytes(value);
  if (tag.startsWith('time/')) return formatSeconds(value);
  if (Number.isInteger(value)) return String(value);
  return String(Number(value.toPrecision(4)));
}

/**
 * How long to wait before connecting again: doubles from `base` with each failure up to `cap`, and a random part of it
 * (half to all), so that the clients of a server that comes back do not arrive in one instant.
 * @param failures - failed tries in a row, from 1
 * @param random - uniform over [0, 1)
 * @returns ms
 */
export function backoff(failures: number, random: number, { base = 250, cap = 30_000 } = {}): number {
  const whole = Math.min(cap, base * 2 ** Math.min(30, failures - 1));
  return Math.round(whole * (0.5 + random / 2));
}

/** What a target cost: rounds, bytes or seconds until a model was good enough. */

/** A model's accuracy after so many rounds, bytes or seconds in all. */
export interface CurvePoint {
  readonly at: number;
  readonly value: number;
}

/** The first point that reaches the target, as it was measured; null where none does. */
export const firstAt = (curve: readonly CurvePoint[], target: number): number | null =>
  curve.find(({ value }) => value >= target)?.at ?? null;

/**
 * Where the curve crosses the target, as McMahan et al. 2017 (section 3) count rounds: each value becomes the best so far, and
 * between two points the curve is a line. Null where it never does.
 * @param curve - `at` ascending
 */
export function crossingAt(curve: readonly CurvePoint[], target: number): number | null {
  const reached = curve.findIndex(({ value }) => value >= target);
  if (reached < 0) return null;
  const { at, value } = curve[reached]!;
  if (reached === 0) return at;
  const before = curve[reached - 1]!.at;
  const best = curve.slice(0, reached).reduce((most, point) => Math.max(most, point.value), Number.NEGATIVE_INFINITY);
  return before + ((target - best) / (value - best)) * (at - before);
}

/** A straight line through measurements. */
export interface Slope {
  /** Units of y for one of x. */
  readonly slope: number;
  /** Half of the interval that holds the true slope 95 times in 100, if what is left over is independent. */
  readonly error: number;
}

/**
 * Ordinary least squares: slope = Sxy / Sxx, standard error = sqrt(residual variance / Sxx) with n - 2 degrees of freedom,
 * times 2 (Student's t for 95 % is 2.0 at 60 of them, 2.3 at 8). Infinite error below three points.
 * @param points - [x, y], at least two different x
 */
export function slopeOf(points: readonly (readonly [number, number])[]): Slope {
  const n = points.length;
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / n;
  const meanY = points.reduce((sum, [, y]) => sum + y, 0) / n;
  const sxx = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  const slope = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0) / sxx;
  const rest = points.reduce((sum, [x, y]) => sum + (y - meanY - slope * (x - meanX)) ** 2, 0);
  return { slope, error: n < 3 ? Infinity : 2 * Math.sqrt(rest / (n - 2) / sxx) };
}

/** `passed`: the whole interval lies below the bound; `failed`: the whole interval above it; else the time was too short. */
export const verdictOf = ({ slope, error }: Slope, bound: number): 'passed' | 'failed' | 'undecided' =>
  slope + error < bound ? 'passed' : slope - error > bound ? 'failed' : 'undecided';

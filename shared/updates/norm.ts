/**
 * Sum of squares in float64: the squared L2 norm, and at the same time the check for finite values, since one NaN or
 * infinity among the values makes it NaN or infinite (the square of the largest float32 is far below float64's largest).
 */
export function sumOfSquares(values: Float32Array): number {
  // Four sums instead of one: each addition then waits for the one four before, not for the last.
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  const whole = values.length - (values.length % 4);
  for (let i = 0; i < whole; i += 4) {
    const v0 = values[i]!;
    const v1 = values[i + 1]!;
    const v2 = values[i + 2]!;
    const v3 = values[i + 3]!;
    a += v0 * v0;
    b += v1 * v1;
    c += v2 * v2;
    d += v3 * v3;
  }
  for (let i = whole; i < values.length; i++) a += values[i]! * values[i]!;
  return a + b + (c + d);
}

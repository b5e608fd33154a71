// Which taps of a window lie in the image: those from `firstInside` to `endInside`, exclusive, along each axis.

/** The first n with from + n step >= 0. */
// @ts-ignore: decorator
@inline
export function firstInside(from: i32, step: i32): i32 {
  return from >= 0 ? 0 : (step - 1 - from) / step;
}

/** The first n, at most `count`, with from + n step >= length. */
// @ts-ignore: decorator
@inline
export function endInside(from: i32, step: i32, count: i32, length: i32): i32 {
  return from >= length ? 0 : min(count, (length - from + step - 1) / step);
}

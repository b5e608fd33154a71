// The first 1 to 4 lanes of a vector in memory: nothing behind them is read or written.

/** `count` floats, from 1 on (4 and more: a whole vector), with zeros behind. */
// @ts-ignore: decorator
@inline
export function loadPart(at: usize, count: i32): v128 {
  if (count >= 4) return v128.load(at);
  let v = v128.load32_zero(at);
  if (count > 1) v = v128.load32_lane(at + 4, v, 1);
  if (count > 2) v = v128.load32_lane(at + 8, v, 2);
  return v;
}

// @ts-ignore: decorator
@inline
export function storePart(at: usize, v: v128, count: i32): void {
  if (count >= 4) {
    v128.store(at, v);
    return;
  }
  v128.store32_lane(at, v, 0);
  if (count > 1) v128.store32_lane(at, v, 1, 4);
  if (count > 2) v128.store32_lane(at, v, 2, 8);
}

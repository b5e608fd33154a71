// The ways to the points of Winograd's method and back, for four channels at a time: winograd.as.ts says what for. Every way is a
// fixed matrix, here written out with the sums that its lines share.

const a: f32 = 1.5;
const q: f32 = 2.25; // a²
const s: f32 = 3.25; // 1 + a²

/** What a line of a square goes through. */
export const enum Way {
  /** Bᵀ: 6 pixels of an image. */
  Image,
  /** A: 2 or 4 errors. */
  Error2,
  Error4,
  /** Aᵀ: 2 or 4 outputs. */
  Output2,
  Output4,
  /** G: 3 or 5 taps. */
  Taps3,
  Taps5,
  /** Gᵀ: 3 or 5 gradients of taps. */
  Gradient3,
  Gradient5,
}

// @ts-ignore: decorator
@inline
export function add(x: v128, y: v128): v128 {
  return f32x4.add(x, y);
}

// @ts-ignore: decorator
@inline
function sub(x: v128, y: v128): v128 {
  return f32x4.sub(x, y);
}

// @ts-ignore: decorator
@inline
export function times(factor: f32, x: v128): v128 {
  return f32x4.mul(f32x4.splat(factor), x);
}

// @ts-ignore: decorator
@inline
function taps(way: Way): i32 {
  return way == Way.Taps3 || way == Way.Gradient3 ? 3 : 5;
}

/** How many numbers a line has before its way, */
// @ts-ignore: decorator
@inline
export function sideBefore(way: Way): i32 {
  if (way == Way.Error2) return 2;
  if (way == Way.Error4) return 4;
  if (way == Way.Taps3 || way == Way.Taps5) return taps(way);
  return 6;
}

/** and behind it. */
// @ts-ignore: decorator
@inline
export function sideAfter(way: Way): i32 {
  if (way == Way.Output2) return 2;
  if (way == Way.Output4) return 4;
  if (way == Way.Gradient3 || way == Way.Gradient5) return taps(way);
  return 6;
}

/** Values at the six points: at 0, at 1 and -1 and at a and -a, each from its even and its odd part, and at infinity. */
// @ts-ignore: decorator
@inline
function put(to: usize, next: usize, first: v128, even: v128, odd: v128, evenFar: v128, oddFar: v128, last: v128): void {
  v128.store(to, first);
  v128.store(to + next, add(even, odd));
  v128.store(to + 2 * next, sub(even, odd));
  v128.store(to + 3 * next, add(evenFar, oddFar));
  v128.store(to + 4 * next, sub(evenFar, oddFar));
  v128.store(to + 5 * next, last);
}

/** One line of a square, for four channels at a time: read with `step` bytes between its numbers, written with `next`. */
// @ts-ignore: decorator
@inline
export function line(way: Way, from: usize, step: usize, to: usize, next: usize): void {
  const v0 = v128.load(from);
  const v1 = v128.load(from + step);
  if (way == Way.Error2) {
    const far = times(a, v1);
    put(to, next, v0, v0, v1, v0, far, v1);
    return;
  }
  const v2 = v128.load(from + 2 * step);
  if (way == Way.Taps3 || way == Way.Taps5) {
    let even = add(v0, v2);
    let odd = v1;
    let evenFar = add(v0, times(q, v2));
    let oddFar = v1;
    let last = v2;
    if (way == Way.Taps5) {
      const v3 = v128.load(from + 3 * step);
      last = v128.load(from + 4 * step);
      even = add(even, last);
      odd = add(odd, v3);
      evenFar = add(evenFar, times(q * q, last));
      oddFar = add(oddFar, times(q, v3));
    }
    const near: f32 = 1 / (2 - 2 * q);
    const far: f32 = 1 / (2 * q * (q - 1));
    even = times(near, even);
    odd = times(near, odd);
    evenFar = times(far, evenFar);
    oddFar = times(far * a, oddFar);
    put(to, next, times(1 / q, v0), even, odd, evenFar, oddFar, last);
    return;
  }
  const v3 = v128.load(from + 3 * step);
  if (way == Way.Error4) {
    const even = add(v0, v2);
    const odd = add(v1, v3);
    const evenFar = add(v0, times(q, v2));
    const oddFar = times(a, add(v1, times(q, v3)));
    put(to, next, v0, even, odd, evenFar, oddFar, v3);
    return;
  }
  const v4 = v128.load(from + 4 * step);
  const v5 = v128.load(from + 5 * step);
  if (way == Way.Image) {
    const even = sub(v4, times(q, v2));
    const odd = sub(v3, times(q, v1));
    const evenFar = sub(v4, v2);
    const oddFar = times(a, sub(v3, v1));
    put(to, next, add(sub(times(q, v0), times(s, v2)), v4), even, odd, evenFar, oddFar, add(sub(times(q, v1), times(s, v3)), v5));
    return;
  }
  let even = add(v1, v2);
  let odd = sub(v1, v2);
  let evenFar = add(v3, v4);
  let oddFar = sub(v3, v4);
  let first = v0;
  if (way == Way.Gradient3 || way == Way.Gradient5) {
    const near: f32 = 1 / (2 - 2 * q);
    const far: f32 = 1 / (2 * q * (q - 1));
    even = times(near, even);
    odd = times(near, odd);
    evenFar = times(far, evenFar);
    oddFar = times(far, oddFar);
    first = times(1 / q, v0);
  }
  oddFar = times(a, oddFar);
  v128.store(to, add(first, add(even, evenFar)));
  if (way == Way.Output2) {
    v128.store(to + next, add(add(odd, oddFar), v5));
    return;
  }
  v128.store(to + next, add(odd, oddFar));
  const third = add(even, times(q, evenFar));
  if (way == Way.Gradient3) {
    v128.store(to + 2 * next, add(third, v5));
    return;
  }
  v128.store(to + 2 * next, third);
  const fourth = add(odd, times(q, oddFar));
  if (way == Way.Output4) {
    v128.store(to + 3 * next, add(fourth, v5));
    return;
  }
  v128.store(to + 3 * next, fourth);
  v128.store(to + 4 * next, add(add(even, times(q * q, evenFar)), v5));
}

/** A square, for four channels: its columns, then its rows. `between` takes 36 vectors. */
// @ts-ignore: decorator
@inline
export function square(way: Way, from: usize, row: usize, column: usize, to: usize, toRow: usize, toColumn: usize, between: usize): void {
  const pitch = <usize>sideBefore(way) << 4;
  for (let j = 0; j < sideBefore(way); j++) {
    line(way, from, row, between + (<usize>j << 4), pitch);
    from += column;
  }
  for (let i = 0; i < sideAfter(way); i++) {
    line(way, between, 16, to, toColumn);
    between += pitch;
    to += toRow;
  }
}

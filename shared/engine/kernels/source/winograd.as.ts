// Convolutions of stride 1 with fewer multiplications: S. Winograd's minimal filtering, as A. Lavin and S. Gray have it for
// networks (Fast Algorithms for Convolutional Neural Networks, CVPR 2016, arXiv:1509.09308).
//
// An output is made in squares of m x m from squares of 6 x 6 of its padded image: m = 2 for kernels of 5 x 5 (36 products
// instead of 100 for each channel and filter), m = 4 for 3 x 3 (36 instead of 144). Squares and kernels are taken to the
// values of polynomials at the points 0, 1, -1, a, -a and infinity along both axes, 36 of them; there a convolution is a
// product for each pair of points, summed over the channels as a product of matrices; and what comes out is taken back.
//   output  y  = Aᵀ [ (G w Gᵀ) ∘ (Bᵀ x B) ] A         kernel's gradient  dw = Gᵀ [ (Bᵀ x B) ∘ (A dy Aᵀ) ] G
// With a = 3/2, which is exact in binary, the error is two to five times that of the plain sum in float32, 2 in 1,000,000.
//
// In memory a point holds a matrix [squares or channels, channels or filters]; the matrices lie `point` bytes apart. All
// channels and filters come in fours.
import { product } from './product.as';

const a: f32 = 1.5;
const q: f32 = 2.25; // a²
const s: f32 = 3.25; // 1 + a²

/** What a line of a square goes through. */
const enum Way {
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
function add(x: v128, y: v128): v128 {
  return f32x4.add(x, y);
}

// @ts-ignore: decorator
@inline
function sub(x: v128, y: v128): v128 {
  return f32x4.sub(x, y);
}

// @ts-ignore: decorator
@inline
function times(factor: f32, x: v128): v128 {
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
function sideBefore(way: Way): i32 {
  if (way == Way.Error2) return 2;
  if (way == Way.Error4) return 4;
  if (way == Way.Taps3 || way == Way.Taps5) return taps(way);
  return 6;
}

/** and behind it. */
// @ts-ignore: decorator
@inline
function sideAfter(way: Way): i32 {
  if (way == Way.Output2) return 2;
  if (way == Way.Output4) return 4;
  if (way == Way.Gradient3 || way == Way.Gradient5) return taps(way);
  return 6;
}

/** One line of a square, for four channels at a time: read with `step` bytes between its numbers, written with `next`. */
// @ts-ignore: decorator
@inline
function line(way: Way, from: usize, step: usize, to: usize, next: usize): void {
  const v0 = v128.load(from);
  const v1 = v128.load(from + step);
  if (way == Way.Error2) {
    const far = times(a, v1);
    v128.store(to, v0);
    v128.store(to + next, add(v0, v1));
    v128.store(to + 2 * next, sub(v0, v1));
    v128.store(to + 3 * next, add(v0, far));
    v128.store(to + 4 * next, sub(v0, far));
    v128.store(to + 5 * next, v1);
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
    v128.store(to, times(1 / q, v0));
    v128.store(to + next, add(even, odd));
    v128.store(to + 2 * next, sub(even, odd));
    v128.store(to + 3 * next, add(evenFar, oddFar));
    v128.store(to + 4 * next, sub(evenFar, oddFar));
    v128.store(to + 5 * next, last);
    return;
  }
  const v3 = v128.load(from + 3 * step);
  if (way == Way.Error4) {
    const even = add(v0, v2);
    const odd = add(v1, v3);
    const evenFar = add(v0, times(q, v2));
    const oddFar = times(a, add(v1, times(q, v3)));
    v128.store(to, v0);
    v128.store(to + next, add(even, odd));
    v128.store(to + 2 * next, sub(even, odd));
    v128.store(to + 3 * next, add(evenFar, oddFar));
    v128.store(to + 4 * next, sub(evenFar, oddFar));
    v128.store(to + 5 * next, v3);
    return;
  }
  const v4 = v128.load(from + 4 * step);
  const v5 = v128.load(from + 5 * step);
  if (way == Way.Image) {
    const even = sub(v4, times(q, v2));
    const odd = sub(v3, times(q, v1));
    const evenFar = sub(v4, v2);
    const oddFar = times(a, sub(v3, v1));
    v128.store(to, add(sub(times(q, v0), times(s, v2)), v4));
    v128.store(to + next, add(even, odd));
    v128.store(to + 2 * next, sub(even, odd));
    v128.store(to + 3 * next, add(evenFar, oddFar));
    v128.store(to + 4 * next, sub(evenFar, oddFar));
    v128.store(to + 5 * next, add(sub(times(q, v1), times(s, v3)), v5));
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
function square(way: Way, from: usize, row: usize, column: usize, to: usize, toRow: usize, toColumn: usize, between: usize): void {
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

// @ts-ignore: decorator
@inline
function squaresOf(
  way: Way, out: usize, point: usize, images: usize, imageBytes: usize, imageLine: usize, channels: i32, m: i32,
  down: i32, across: i32, first: i32, rows: i32, between: usize,
): void {
  const pixel = <usize>channels << 2;
  const wide = (across - 1) * m + sideBefore(way);
  const pitch = <usize>wide << 4;
  for (let r = first; r < first + rows; r++) {
    const from = images + <usize>(r / down) * imageBytes + <usize>((r % down) * m) * imageLine;
    for (let c: usize = 0; c < pixel; c += 16) {
      // Squares overlap: each column goes its way once, for all of them.
      let column = from + c;
      for (let j = 0; j < wide; j++) {
        line(way, column, imageLine, between + (<usize>j << 4), pitch);
        column += pixel;
      }
      let square = between;
      let to = out + c;
      for (let x = 0; x < across; x++) {
        for (let i: usize = 0; i < 6; i++) line(way, square + i * pitch, 16, to + 6 * i * point, point);
        square += <usize>m << 4;
        to += pixel;
      }
    }
    out += <usize>across * pixel;
  }
}

/**
 * Takes squares of images to the points: out [36, rows · across, channels]. Each image has `down` rows of `across` squares,
 * m pixels apart; the rows are counted through all images, from `first` on.
 * @param side - 6 for what a convolution reads, m for the gradient of what it made
 * @param between - takes 6 vectors for each pixel of a row of squares; elsewhere 72
 */
export function winogradSquares(
  out: usize, point: usize, images: usize, imageBytes: usize, imageLine: usize, channels: i32, side: i32, m: i32,
  down: i32, across: i32, first: i32, rows: i32, between: usize,
): void {
  if (side == 6) squaresOf(Way.Image, out, point, images, imageBytes, imageLine, channels, m, down, across, first, rows, between);
  else if (side == 2) squaresOf(Way.Error2, out, point, images, imageBytes, imageLine, channels, 2, down, across, first, rows, between);
  else squaresOf(Way.Error4, out, point, images, imageBytes, imageLine, channels, 4, down, across, first, rows, between);
}

// @ts-ignore: decorator
@inline
function outputsOf(
  way: Way, y: usize, height: i32, width: i32, filters: i32, values: usize, point: usize,
  down: i32, across: i32, first: i32, rows: i32, between: usize,
): void {
  const m = sideAfter(way);
  const pixel = <usize>filters << 2;
  const outLine = <usize>width * pixel;
  const made = between + 36 * 16;
  for (let r = first; r < first + rows; r++) {
    const top = (r % down) * m;
    const inside = min(m, height - top);
    const to = y + <usize>(r / down) * outLine * height + <usize>top * outLine;
    for (let x = 0; x < across; x++) {
      const beside = min(m, width - x * m);
      for (let f: usize = 0; f < pixel; f += 16) {
        const at = to + <usize>(x * m) * pixel + f;
        const isWhole = inside == m && beside == m;
        square(way, values, 6 * point, point, isWhole ? at : made, isWhole ? outLine : 16 * m, isWhole ? pixel : 16, between);
        if (!isWhole) {
          for (let i = 0; i < inside; i++) {
            for (let j = 0; j < beside; j++) {
              v128.store(at + <usize>i * outLine + <usize>j * pixel, v128.load(made + <usize>((i * m + j) << 4)));
            }
          }
        }
        values += 16;
      }
    }
  }
}

/**
 * Takes values [36, rows · across, filters] back to outputs y [images, height, width, filters], of squares as above; what
 * lies outside is left away.
 */
export function winogradOutputs(
  y: usize, height: i32, width: i32, filters: i32, values: usize, point: usize, m: i32,
  down: i32, across: i32, first: i32, rows: i32, between: usize,
): void {
  if (m == 2) outputsOf(Way.Output2, y, height, width, filters, values, point, down, across, first, rows, between);
  else outputsOf(Way.Output4, y, height, width, filters, values, point, down, across, first, rows, between);
}

/** Takes a kernel w [side, side, size], side 3 or 5 and size a multiple of 4, to the points: out [36, size]. */
export function winogradKernel(out: usize, w: usize, side: i32, size: i32, between: usize): void {
  const tap = <usize>size << 2;
  for (let i: usize = 0; i < tap; i += 16) {
    if (side == 3) square(Way.Taps3, w + i, 3 * tap, tap, out + i, 6 * tap, tap, between);
    else square(Way.Taps5, w + i, 5 * tap, tap, out + i, 6 * tap, tap, between);
  }
}

/** at [side, side, size] = alpha times the gradient of a kernel, given that of its values, [36, size], + beta at. */
export function winogradKernelGradient(at: usize, values: usize, side: i32, size: i32, alpha: f32, beta: f32, between: usize): void {
  const tap = <usize>size << 2;
  const made = between + 36 * 16;
  for (let i: usize = 0; i < tap; i += 16) {
    if (side == 3) square(Way.Gradient3, values + i, 6 * tap, tap, made, 3 * 16, 16, between);
    else square(Way.Gradient5, values + i, 6 * tap, tap, made, 5 * 16, 16, between);
    let to = at + i;
    for (let k = 0; k < side * side; k++) {
      let value = times(alpha, v128.load(made + (<usize>k << 4)));
      if (beta != 0) value = add(value, times(beta, v128.load(to)));
      v128.store(to, value);
      to += tap;
    }
  }
}

/** At each point: out [count, n] = squares [count, k] times kernel [k, n]. */
export function winogradProducts(out: usize, count: i32, n: i32, squares: usize, k: i32, kernel: usize): void {
  for (let point = 0; point < 36; point++) {
    product(out, n << 2, count, n, squares, k << 2, k << 4, 4, 0, 1, k, kernel, n << 2, 32, 1, 0);
    out += <usize>(count * n) << 2;
    squares += <usize>(count * k) << 2;
    kernel += <usize>(k * n) << 2;
  }
}

/** At each point: out [m, n] = transposed squares [count, m] times errors [count, n], + beta out. */
export function winogradGradientProducts(out: usize, m: i32, n: i32, squares: usize, count: i32, errors: usize, beta: f32): void {
  for (let point = 0; point < 36; point++) {
    product(out, n << 2, m, n, squares, 4, 16, m << 2, 0, 1, count, errors, n << 2, 32, 1, beta);
    out += <usize>(m * n) << 2;
    squares += <usize>(count * m) << 2;
    errors += <usize>(count * n) << 2;
  }
}

// Convolutions of stride 1 with fewer multiplications: S. Winograd's minimal filtering, as A. Lavin and S. Gray have it for
// networks (Fast Algorithms for Convolutional Neural Networks, CVPR 2016, arXiv:1509.09308).
//
// An output is made in squares of m x m from squares of 6 x 6 of its padded image: m = 2 for kernels of 5 x 5 (36 products
// instead of 100 for each channel and filter), m = 4 for 3 x 3 (36 instead of 144). Squares and kernels are taken to the
// values of polynomials at the points 0, 1, -1, a, -a and infinity along both axes, 36 of them; there a convolution is a
// product for each pair of points, summed over the channels as a product of matrices; and what comes out is taken back.
//   output  y  = Aᵀ [ (G w Gᵀ) ∘ (Bᵀ x B) ] A         kernel's gradient  dw = Gᵀ [ (Bᵀ x B) ∘ (A dy Aᵀ) ] G
// With a = 3/2, exact in binary, outputs and gradients are off by 1 to 2 millionths of their root mean square; plain sums in
// float32 by 0.2.
//
// In memory a point holds a matrix [squares or channels, channels or filters]; the matrices lie `point` bytes apart. All
// channels and filters come in fours.
import { product } from './product.as';
import { add, line, sideAfter, sideBefore, square, times, Way } from './winograd-ways.as';

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
export function winogradKernel(out: usize, point: usize, w: usize, side: i32, size: i32, between: usize): void {
  const tap = <usize>size << 2;
  for (let i: usize = 0; i < tap; i += 16) {
    if (side == 3) square(Way.Taps3, w + i, 3 * tap, tap, out + i, 6 * point, point, between);
    else square(Way.Taps5, w + i, 5 * tap, tap, out + i, 6 * point, point, between);
  }
}

/** at [side, side, size] = alpha times the gradient of a kernel, given that of its values, [36, size], + beta at. */
export function winogradKernelGradient(
  at: usize, values: usize, point: usize, side: i32, size: i32, alpha: f32, beta: f32, between: usize,
): void {
  const tap = <usize>size << 2;
  const made = between + 36 * 16;
  for (let i: usize = 0; i < tap; i += 16) {
    if (side == 3) square(Way.Gradient3, values + i, 6 * point, point, made, 3 * 16, 16, between);
    else square(Way.Gradient5, values + i, 6 * point, point, made, 5 * 16, 16, between);
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
export function winogradProducts(
  out: usize, outPoint: usize, count: i32, n: i32, squares: usize, squaresPoint: usize, k: i32, kernel: usize, kernelPoint: usize,
): void {
  for (let point = 0; point < 36; point++) {
    product(out, n << 2, count, n, squares, k << 2, k << 4, 4, 0, 1, k, kernel, n << 2, 32, 1, 0);
    out += outPoint;
    squares += squaresPoint;
    kernel += kernelPoint;
  }
}

/** At each point: out [m, n] = transposed squares [count, m] times errors [count, n], + beta out. */
export function winogradGradientProducts(
  out: usize, outPoint: usize, m: i32, n: i32, squares: usize, squaresPoint: usize, count: i32, errors: usize, errorsPoint: usize,
  beta: f32,
): void {
  for (let point = 0; point < 36; point++) {
    product(out, n << 2, m, n, squares, 4, 16, m << 2, 0, 1, count, errors, n << 2, 32, 1, beta);
    out += outPoint;
    squares += squaresPoint;
    errors += errorsPoint;
  }
}

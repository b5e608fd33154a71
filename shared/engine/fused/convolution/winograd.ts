import type { MethodOf } from './method.ts';
import type { ConvolutionShape } from './shape.ts';

/** Squares are taken to the points so many at a time that what they become, and the kernel, stay in a core's own cache. */
const squaresAtOnce = 32;
/** With fewer channels or filters the way to the points and back costs more than it saves. */
const fewest = 16;
const points = 36;
/** Bytes from one point's `size` floats to the next: an odd number of cache lines, so that not all points fall on the same. */
const apart = (size: number): number => 64 * (Math.ceil(size / 16) | 1);

/** Whether a convolution is one that Winograd's method computes faster: 3 x 3 or 5 x 5, every pixel, enough channels. */
export const suitsWinograd = (shape: ConvolutionShape): boolean => {
  const { kernelHeight, kernelWidth, strideY, strideX, channels, filters } = shape;
  return (
    kernelHeight === kernelWidth &&
    (kernelHeight === 3 || kernelHeight === 5) &&
    strideY === 1 &&
    strideX === 1 &&
    Math.min(channels, filters) >= fewest &&
    channels % 4 === 0 &&
    filters % 4 === 0
  );
};

/** How an image that is made in squares of m x m is cut, and what it is made from. */
interface Cut {
  /** Rows of squares of an image. */
  readonly down: number;
  /** Squares of a row. */
  readonly across: number;
  /** Rows of squares that are worked at a time. */
  readonly rows: number;
  readonly frameHeight: number;
  readonly frameWidth: number;
}

function cutOf(height: number, width: number, m: number): Cut {
  const down = Math.ceil(height / m);
  const across = Math.ceil(width / m);
  const rows = Math.max(1, Math.floor(squaresAtOnce / across));
  return {
    down,
    across,
    rows: rows - (rows > 4 ? rows % 4 : 0), // products are fastest with rows in fours
    frameHeight: (down - 1) * m + 6,
    frameWidth: (across - 1) * m + 6,
  };
}

/**
 * Convolutions that take a third of the multiplications or less (source/winograd.as.ts). Images lie in frames of zeros, from
 * which squares of 6 x 6 are read that overlap.
 *
 * The gradient of x is the convolution of dy in its frame with the kernel turned around. The gradient of W is summed at the
 * points, over all squares of the batch, and taken back once.
 */
export const winograd: MethodOf = (shape, place, kernel) => {
  const { kernels, arena, capacity } = place;
  const { height, width, channels, outHeight, outWidth, filters, kernelHeight: side, top, left } = shape;
  const pairs = channels * filters;
  const taps = side * side;
  const m = 7 - side;
  const made = cutOf(outHeight, outWidth, m);
  const read = cutOf(height, width, m);

  const paddedSize = made.frameHeight * made.frameWidth * channels;
  const padded = arena.reserve(capacity * paddedSize);
  const frameSize = read.frameHeight * read.frameWidth * filters;
  const most = Math.max(made.rows * made.across, read.rows * read.across);

  const [kernelPoint, point, outPoint] = [apart(pairs), apart(most * channels), apart(most * filters)];

  // What the scratch holds, in floats.
  const sizes = {
    /** A row of squares between the two halves of its way. */
    between: 24 * Math.max(12, made.frameWidth, read.frameWidth),
    /** At the points: the kernel or its gradient, squares of images and of outputs. */
    values: (points * kernelPoint) / 4,
    squares: (points * point) / 4,
    outputs: (points * outPoint) / 4,
    /** The kernel turned around. */
    turned: taps * pairs,
    /** Gradients of outputs. */
    frame: capacity * frameSize,
  };
  const scratch = place.scratch(Object.values(sizes).reduce((sum, size) => sum + size, 0));
  const parts = (): typeof sizes => {
    let end = scratch();
    const at = (size: number): number => (end += 4 * size) - 4 * size;
    const { between, values, squares, outputs, turned, frame } = sizes;
    return { between: at(between), values: at(values), squares: at(squares), outputs: at(outputs), turned: at(turned), frame: at(frame) }; // prettier-ignore
  };

  /** Does a few rows of squares after the other. */
  const eachPart = (
    count: number,
    { down, across, rows }: Cut,
    work: (first: number, now: number, squares: number) => void,
  ): void => {
    for (let first = 0; first < count * down; first += rows) {
      const now = Math.min(rows, count * down - first);
      work(first, now, now * across);
    }
  };

  const [frameTop, frameLeft] = [side - 1 - top, side - 1 - left];
  const line = 4 * made.frameWidth * channels;
  const frameLine = 4 * read.frameWidth * filters;
  const embedErrors = (frame: number, count: number, dOut: number): void =>
    kernels.embedImages(frame, read.frameHeight, read.frameWidth, dOut, count, outHeight, outWidth, filters, frameTop, frameLeft, 1, 1); // prettier-ignore

  return {
    take(count, images) {
      kernels.embedImages(padded, made.frameHeight, made.frameWidth, images, count, height, width, channels, top, left, 1, 1); // prettier-ignore
    },
    convolve(count, out) {
      const { down, across } = made;
      const { between, values, squares, outputs } = parts();
      kernels.winogradKernel(values, kernelPoint, kernel, side, pairs, between);
      eachPart(count, made, (first, rows, n) => {
        kernels.winogradSquares(squares, point, padded, 4 * paddedSize, line, channels, 6, m, down, across, first, rows, between); // prettier-ignore
        kernels.winogradProducts(outputs, outPoint, n, filters, squares, point, channels, values, kernelPoint);
        kernels.winogradOutputs(out, outHeight, outWidth, filters, outputs, outPoint, m, down, across, first, rows, between); // prettier-ignore
      });
    },
    kernelGradient(count, dOut, { at, alpha, beta }) {
      const { down, across } = made;
      const { between, values, squares, outputs, frame } = parts();
      embedErrors(frame, count, dOut);
      const errors = frame + frameLine * frameTop + 4 * frameLeft * filters;
      eachPart(count, made, (first, rows, n) => {
        kernels.winogradSquares(squares, point, padded, 4 * paddedSize, line, channels, 6, m, down, across, first, rows, between); // prettier-ignore
        kernels.winogradSquares(outputs, outPoint, errors, 4 * frameSize, frameLine, filters, m, m, down, across, first, rows, between); // prettier-ignore
        kernels.winogradGradientProducts(
          values,
          kernelPoint,
          channels,
          filters,
          squares,
          point,
          n,
          outputs,
          outPoint,
          first === 0 ? 0 : 1,
        );
      });
      kernels.winogradKernelGradient(at, values, kernelPoint, side, pairs, alpha, beta, between);
    },
    imageGradient(count, dOut, dImages) {
      const { down, across } = read;
      const { between, values, squares, outputs, turned, frame } = parts();
      embedErrors(frame, count, dOut);
      for (let tap = 0; tap < taps; tap++) {
        kernels.transposeMatrix(turned + 4 * tap * pairs, kernel + 4 * (taps - 1 - tap) * pairs, channels, filters);
      }
      kernels.winogradKernel(values, kernelPoint, turned, side, pairs, between);
      eachPart(count, read, (first, rows, n) => {
        kernels.winogradSquares(outputs, outPoint, frame, 4 * frameSize, frameLine, filters, 6, m, down, across, first, rows, between); // prettier-ignore
        kernels.winogradProducts(squares, point, n, channels, outputs, outPoint, filters, values, kernelPoint);
        kernels.winogradOutputs(dImages, height, width, channels, squares, point, m, down, across, first, rows, between); // prettier-ignore
      });
    },
  };
};

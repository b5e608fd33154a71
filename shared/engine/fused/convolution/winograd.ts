import type { Landing, Place } from '../stage.ts';
import type { ConvolutionMethod } from './method.ts';
import type { ConvolutionShape } from './shape.ts';

/** Squares are taken to the points so many at a time that what they become, and the kernel, stay in a core's own cache. */
const squaresAtOnce = 32;
/** With fewer channels or filters the way to the points and back costs more than it saves. */
const fewest = 16;
const points = 36;

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
export function winograd(shape: ConvolutionShape, place: Place, output: number): ConvolutionMethod {
  const { kernels, arena, capacity, input } = place;
  const { height, width, channels, outHeight, outWidth, filters, kernelHeight: side, top, left } = shape;
  const kernel = place.weights[0]!;
  const pairs = channels * filters;
  const m = 7 - side;
  const made = cutOf(outHeight, outWidth, m);
  const read = cutOf(height, width, m);

  const paddedSize = made.frameHeight * made.frameWidth * channels;
  const padded = arena.reserve(capacity * paddedSize);
  const frameSize = read.frameHeight * read.frameWidth * filters;
  const most = Math.max(made.rows * made.across, read.rows * read.across);

  // In the scratch: what a square becomes between its two halves, the kernel at the points, the squares of images and of
  // outputs at the points, and, in the way back, the kernel turned around and the frame of dy.
  const between = 24 * Math.max(12, made.frameWidth, read.frameWidth);
  const sizes = [between, points * pairs, points * most * channels, points * most * filters];
  const backSizes = [...sizes, side * side * pairs, capacity * frameSize];
  const scratch = place.scratch(backSizes.reduce((sum, size) => sum + size, 0));
  const parts = (): number[] => {
    let at = scratch();
    return backSizes.map((size) => (at += 4 * size) - 4 * size);
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

  return {
    forward(count) {
      const { down, across, frameHeight, frameWidth } = made;
      const [between, values, squares, outputs] = parts() as [number, number, number, number];
      kernels.embedImages(padded, frameHeight, frameWidth, input, count, height, width, channels, top, left, 1, 1);
      kernels.winogradKernel(values, kernel.at, side, pairs, between);
      eachPart(count, made, (first, rows, n) => {
        const line = 4 * frameWidth * channels;
        kernels.winogradSquares(squares, 4 * n * channels, padded, 4 * paddedSize, line, channels, 6, m, down, across, first, rows, between); // prettier-ignore
        kernels.winogradProducts(outputs, n, filters, squares, channels, values);
        kernels.winogradOutputs(output, outHeight, outWidth, filters, outputs, 4 * n * filters, m, down, across, first, rows, between); // prettier-ignore
      });
    },
    backward(count, dOutput, dInput, landOf) {
      const [between, values, squares, outputs, turned, frame] = parts() as [number, number, number, number, number, number]; // prettier-ignore
      const line = 4 * read.frameWidth * filters;
      const [frameTop, frameLeft] = [side - 1 - top, side - 1 - left];
      kernels.embedImages(frame, read.frameHeight, read.frameWidth, dOutput, count, outHeight, outWidth, filters, frameTop, frameLeft, 1, 1); // prettier-ignore
      if (dInput !== null) inputGradient();
      kernelGradient(landOf());

      function inputGradient(): void {
        const { down, across } = read;
        const taps = side * side;
        for (let tap = 0; tap < taps; tap++) {
          kernels.transposeMatrix(
            turned + 4 * tap * pairs,
            kernel.at + 4 * (taps - 1 - tap) * pairs,
            channels,
            filters,
          );
        }
        kernels.winogradKernel(values, turned, side, pairs, between);
        eachPart(count, read, (first, rows, n) => {
          kernels.winogradSquares(outputs, 4 * n * filters, frame, 4 * frameSize, line, filters, 6, m, down, across, first, rows, between); // prettier-ignore
          kernels.winogradProducts(squares, n, channels, outputs, filters, values);
          kernels.winogradOutputs(dInput!, height, width, channels, squares, 4 * n * channels, m, down, across, first, rows, between); // prettier-ignore
        });
      }

      function kernelGradient({ at, alpha, beta }: Landing): void {
        const { down, across, frameWidth } = made;
        const errors = frame + line * frameTop + 4 * frameLeft * filters;
        eachPart(count, made, (first, rows, n) => {
          kernels.winogradSquares(squares, 4 * n * channels, padded, 4 * paddedSize, 4 * frameWidth * channels, channels, 6, m, down, across, first, rows, between); // prettier-ignore
          kernels.winogradSquares(outputs, 4 * n * filters, errors, 4 * frameSize, line, filters, m, m, down, across, first, rows, between); // prettier-ignore
          kernels.winogradGradientProducts(values, channels, filters, squares, n, outputs, first === 0 ? 0 : 1);
        });
        kernels.winogradKernelGradient(at, values, side, pairs, alpha, beta, between);
      }
    },
  };
}

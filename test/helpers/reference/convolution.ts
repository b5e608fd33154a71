import { transposedWindowOf, windowOf } from '../../../shared/tasks/layers.ts';
import { zeros, type Tensor } from './tensor.ts';

/** How a window lies over rows and columns. */
export interface Sliding {
  readonly kernelSize: readonly [number, number];
  readonly strides: readonly [number, number];
  readonly padding: 'valid' | 'same';
}

const windowsOf = ({ shape }: Tensor, { kernelSize, strides, padding }: Sliding) =>
  [0, 1].map((axis) => windowOf(shape[axis + 1]!, kernelSize[axis]!, strides[axis]!, padding)) as [Window, Window];
type Window = ReturnType<typeof windowOf>;

/**
 * Calls `visit` for every pair of an output place and an input place that its window covers, all channels left out.
 * @param visit - offsets of the first channel of the input and of the output place over the channels, and the place in the
 *   window, row-major
 */
export function eachPair(x: Tensor, sliding: Sliding, visit: (from: number, to: number, tap: number) => void): void {
  const [batch, height, width] = x.shape as [number, number, number, number];
  const [rows, columns] = windowsOf(x, sliding);
  const [kernelHeight, kernelWidth] = sliding.kernelSize;
  for (let n = 0; n < batch; n++) {
    for (let row = 0; row < rows.output; row++) {
      for (let column = 0; column < columns.output; column++) {
        const to = (n * rows.output + row) * columns.output + column;
        for (let i = 0; i < kernelHeight; i++) {
          const y = row * sliding.strides[0] + i - rows.before;
          if (y < 0 || y >= height) continue;
          for (let j = 0; j < kernelWidth; j++) {
            const x0 = column * sliding.strides[1] + j - columns.before;
            if (x0 < 0 || x0 >= width) continue;
            visit((n * height + y) * width + x0, to, i * kernelWidth + j);
          }
        }
      }
    }
  }
}

/** Zeros of the shape that a window over x leaves. */
export function windowed(x: Tensor, sliding: Sliding, channels: number): Tensor {
  const [rows, columns] = windowsOf(x, sliding);
  return zeros([x.shape[0]!, rows.output, columns.output, channels]);
}

/**
 * Cross-correlation, as networks call convolution.
 * @param x - [batch, height, width, channels]
 * @param kernel - [kernelHeight, kernelWidth, channels, filters]
 */
export function convolve(x: Tensor, kernel: Float64Array, filters: number, sliding: Sliding): Tensor {
  const channels = x.shape[3]!;
  const y = windowed(x, sliding, filters);
  eachPair(x, sliding, (from, to, tap) => {
    for (let c = 0; c < channels; c++) {
      const value = x.data[from * channels + c]!;
      const k = (tap * channels + c) * filters;
      for (let f = 0; f < filters; f++) y.data[to * filters + f]! += value * kernel[k + f]!;
    }
  });
  return y;
}

/**
 * Each channel by its own filters: output channel c · multiplier + q comes from channel c.
 * @param kernel - [kernelHeight, kernelWidth, channels, multiplier]
 */
export function convolveDepthwise(x: Tensor, kernel: Float64Array, multiplier: number, sliding: Sliding): Tensor {
  const channels = x.shape[3]!;
  const outputs = channels * multiplier;
  const y = windowed(x, sliding, outputs);
  eachPair(x, sliding, (from, to, tap) => {
    for (let o = 0; o < outputs; o++) {
      y.data[to * outputs + o]! += x.data[from * channels + Math.floor(o / multiplier)]! * kernel[tap * outputs + o]!;
    }
  });
  return y;
}

/**
 * Every input value paints its window, scaled, on the output: the gradient of a convolution with respect to its input.
 * @param kernel - [kernelHeight, kernelWidth, filters, channels]
 */
export function convolveTransposed(
  x: Tensor,
  kernel: Float64Array,
  filters: number,
  { kernelSize, strides, padding }: Sliding,
): Tensor {
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  const rows = transposedWindowOf(height, kernelSize[0], strides[0], padding);
  const columns = transposedWindowOf(width, kernelSize[1], strides[1], padding);
  const y = zeros([batch, rows.output, columns.output, filters]);
  for (let n = 0; n < batch; n++) {
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) {
        const from = ((n * height + row) * width + column) * channels;
        for (let i = 0; i < kernelSize[0]; i++) {
          const toRow = row * strides[0] + i - rows.before;
          if (toRow < 0 || toRow >= rows.output) continue;
          for (let j = 0; j < kernelSize[1]; j++) {
            const toColumn = column * strides[1] + j - columns.before;
            if (toColumn < 0 || toColumn >= columns.output) continue;
            const to = ((n * rows.output + toRow) * columns.output + toColumn) * filters;
            for (let f = 0; f < filters; f++) {
              const k = ((i * kernelSize[1] + j) * filters + f) * channels;
              for (let c = 0; c < channels; c++) y.data[to + f]! += x.data[from + c]! * kernel[k + c]!;
            }
          }
        }
      }
    }
  }
  return y;
}

/** [batch, length, channels] as an image of one row, and back. */
export const asImage = ({ shape: [batch, length, channels], data }: Tensor): Tensor => ({
  shape: [batch!, 1, length!, channels!],
  data,
});
export const asSequence = ({ shape: [batch, , length, channels], data }: Tensor): Tensor => ({
  shape: [batch!, length!, channels!],
  data,
});

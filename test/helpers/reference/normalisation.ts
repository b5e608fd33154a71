import { lastAxis, type Tensor } from './tensor.ts';

/** Mean and biased variance: the mean of the squared distances, not divided by count - 1. */
export interface Moments {
  readonly mean: Float64Array;
  readonly variance: Float64Array;
}

/** Of every channel over all other axes (Ioffe and Szegedy 2015, Algorithm 1). */
export function momentsOf(x: Tensor): Moments {
  const channels = lastAxis(x);
  const count = x.data.length / channels;
  const mean = new Float64Array(channels);
  const variance = new Float64Array(channels);
  for (const [i, value] of x.data.entries()) mean[i % channels]! += value / count;
  for (const [i, value] of x.data.entries()) variance[i % channels]! += (value - mean[i % channels]!) ** 2 / count;
  return { mean, variance };
}

/** gamma (x - mean) / sqrt(variance + epsilon) + beta, channel by channel. */
export const normalise = (
  x: Tensor,
  { mean, variance }: Moments,
  [gamma, beta]: readonly [Float64Array, Float64Array],
  epsilon: number,
): Tensor => ({
  shape: x.shape,
  data: x.data.map((value, i) => {
    const c = i % gamma.length;
    return (gamma[c]! * (value - mean[c]!)) / Math.sqrt(variance[c]! + epsilon) + beta[c]!;
  }),
});

/** Each row of the last axis by its own mean and biased variance (Ba, Kiros and Hinton 2016). */
export function normaliseRows(
  x: Tensor,
  [gamma, beta]: readonly [Float64Array, Float64Array],
  epsilon: number,
): Tensor {
  const width = lastAxis(x);
  const data = new Float64Array(x.data.length);
  for (let row = 0; row < data.length; row += width) {
    const values = x.data.subarray(row, row + width);
    const mean = values.reduce((sum, value) => sum + value, 0) / width;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / width;
    for (let i = 0; i < width; i++) {
      data[row + i] = (gamma[i]! * (values[i]! - mean)) / Math.sqrt(variance + epsilon) + beta[i]!;
    }
  }
  return { shape: x.shape, data };
}

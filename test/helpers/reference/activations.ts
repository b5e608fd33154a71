import type { Activation } from '../../../shared/tasks/layers.ts';
import { erfc } from './erf.ts';
import { lastAxis, type Tensor } from './tensor.ts';

export const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

// Klambauer et al., Self-Normalizing Neural Networks, 2017, formula 14
const seluAlpha = 1.6732632423543772;
const seluScale = 1.0507009873554805;

const pointwise: Record<Exclude<Activation, 'softmax'>, (x: number) => number> = {
  linear: (x) => x,
  relu: (x) => Math.max(0, x),
  relu6: (x) => Math.min(6, Math.max(0, x)),
  elu: (x) => (x > 0 ? x : Math.expm1(x)),
  selu: (x) => seluScale * (x > 0 ? x : seluAlpha * Math.expm1(x)),
  /** x Φ(x), with the normal distribution function Φ (Hendrycks and Gimpel 2016). */
  gelu: (x) => (x * erfc(-x / Math.SQRT2)) / 2,
  sigmoid,
  tanh: Math.tanh,
  softplus: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
  swish: (x) => x * sigmoid(x),
};

/** log softmax of each row of `width` values: z - logsumexp(z), stable for any size of z. */
export function logSoftmax(values: Float64Array, width: number): Float64Array {
  const result = new Float64Array(values.length);
  for (let row = 0; row < values.length; row += width) {
    const z = values.subarray(row, row + width);
    const most = z.reduce((a, b) => Math.max(a, b), -Infinity);
    const logSum = most + Math.log(z.reduce((sum, value) => sum + Math.exp(value - most), 0));
    for (let i = 0; i < width; i++) result[row + i] = z[i]! - logSum;
  }
  return result;
}

/** An activation over every value; softmax over the last axis. */
export function activate(x: Tensor, activation: Activation): Tensor {
  if (activation === 'linear') return x;
  if (activation === 'softmax')
    return { shape: x.shape, data: logSoftmax(x.data, lastAxis(x)).map((value) => Math.exp(value)) };
  return { shape: x.shape, data: x.data.map((value) => pointwise[activation](value)) };
}

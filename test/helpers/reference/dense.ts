import { lastAxis, zeros, type Tensor } from './tensor.ts';

/**
 * x W over the last axis.
 * @param x - [..., inputs]
 * @param kernel - [inputs, units], row-major
 */
export function product(x: Tensor, kernel: Float64Array, units: number): Tensor {
  const inputs = lastAxis(x);
  const y = zeros([...x.shape.slice(0, -1), units]);
  for (let row = 0; row * inputs < x.data.length; row++) {
    for (let i = 0; i < inputs; i++) {
      const value = x.data[row * inputs + i]!;
      for (let j = 0; j < units; j++) y.data[row * units + j]! += value * kernel[i * units + j]!;
    }
  }
  return y;
}

/** x + bias over the last axis; x as it is without one. */
export function addBias(x: Tensor, bias: Float64Array | undefined): Tensor {
  if (bias === undefined) return x;
  return { shape: x.shape, data: x.data.map((value, i) => value + bias[i % bias.length]!) };
}

/** The rows of a table that the values of x name. @param x - [batch, length] whole numbers */
export function lookUp(x: Tensor, table: Float64Array, width: number): Tensor {
  const y = zeros([...x.shape, width]);
  for (const [place, row] of x.data.entries()) {
    if (!Number.isInteger(row) || row < 0 || (row + 1) * width > table.length) throw new Error(`no row ${row}`);
    y.data.set(table.subarray(row * width, (row + 1) * width), place * width);
  }
  return y;
}

/** Adds to each example the same vectors, one for each place. */
export const addToEach = (x: Tensor, table: Float64Array): Tensor => ({
  shape: x.shape,
  data: x.data.map((value, i) => value + table[i % table.length]!),
});

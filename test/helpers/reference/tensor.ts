import { sizeOf } from '../../../shared/weights.ts';

/** Numbers in float64, row-major; the first axis is the batch. */
export interface Tensor {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

export const zeros = (shape: readonly number[]): Tensor => ({ shape, data: new Float64Array(sizeOf(shape)) });

export const tensor = (shape: readonly number[], values: ArrayLike<number>): Tensor => {
  const data = Float64Array.from(values);
  if (data.length !== sizeOf(shape)) throw new Error(`[${shape.join(', ')}] cannot hold ${data.length} values`);
  return { shape, data };
};

/** The same values under another shape. */
export const reshaped = ({ data }: Tensor, shape: readonly number[]): Tensor => ({ shape, data });

export const lastAxis = ({ shape }: Tensor): number => shape.at(-1)!;

export const plus = (a: Tensor, b: Tensor): Tensor => ({
  shape: a.shape,
  data: a.data.map((value, i) => value + b.data[i]!),
});

import * as tf from '@tensorflow/tfjs-core';
import type { Padding } from './training-backend.ts';

export type Shape4D = [number, number, number, number];

/** [batch, rows, columns] as [batch, columns, rows]: pixels and channels exchanged, either way. */
export function turn(values: ArrayLike<number>, batch: number, rows: number, columns: number): Float32Array {
  const out = new Float32Array(values.length);
  for (let i = 0; i < batch; i++) {
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        out[(i * columns + column) * rows + row] = values[(i * rows + row) * columns + column]!;
      }
    }
  }
  return out;
}

/** Images [n, h, w, c] as a tensor with channels last or first. */
export const images = (values: Float32Array, [n, h, w, c]: Shape4D, isFirst: boolean): tf.Tensor =>
  isFirst ? tf.tensor4d(turn(values, n, h * w, c), [n, c, h, w]) : tf.tensor4d(values, [n, h, w, c]);

/** Padding in the order of the axes. */
export const padFor = (padding: Padding, isFirst: boolean): Padding =>
  isFirst ? [padding[0], padding[3], padding[1], padding[2]] : padding;

import type { LossName } from '../../../shared/tasks/model.ts';
import { logSoftmax } from './activations.ts';
import { lastAxis, type Tensor } from './tensor.ts';

const mean = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0) / values.length;

const huber = (distance: number): number => (distance <= 1 ? distance ** 2 / 2 : distance - 1 / 2);

/**
 * The loss, mean over examples and over the places or targets of each.
 * @param output - [batch, ...output]; logits where the loss is a cross entropy
 * @param ys - labels, one for each row of the last axis, or targets, as many as outputs
 */
export function lossOf(loss: LossName, output: Tensor, ys: ArrayLike<number>): number {
  const classes = lastAxis(output);
  const places = output.data.length / classes;
  const distances = (): Float64Array => output.data.map((value, i) => Math.abs(value - ys[i]!));
  const expected = loss === 'sparse-categorical-crossentropy' ? places : output.data.length;
  if (ys.length !== expected)
    throw new Error(`${loss} of [${output.shape.join(', ')}] cannot take ${ys.length} values`);
  switch (loss) {
    case 'sparse-categorical-crossentropy': {
      const logs = logSoftmax(output.data, classes);
      return -mean(Float64Array.from({ length: places }, (_, i) => logs[i * classes + ys[i]!]!));
    }
    case 'categorical-crossentropy':
      return -mean(logSoftmax(output.data, classes).map((log, i) => ys[i]! * log)) * classes;
    case 'binary-crossentropy':
      // -t log s(z) - (1 - t) log(1 - s(z)) = max(z, 0) - z t + log(1 + e^-|z|)
      return mean(output.data.map((z, i) => Math.max(z, 0) - z * ys[i]! + Math.log1p(Math.exp(-Math.abs(z)))));
    case 'mean-squared-error':
      return mean(distances().map((distance) => distance ** 2));
    case 'mean-absolute-error':
      return mean(distances());
    case 'huber':
      return mean(distances().map(huber));
    default:
      return loss satisfies never;
  }
}

/** Part of the predictions that is right; undefined for losses without classes. Ties go to the first class. */
export function accuracyOf(loss: LossName, output: Tensor, ys: ArrayLike<number>): number | undefined {
  const classes = lastAxis(output);
  const rows = output.data.length / classes;
  const highest = (row: ArrayLike<number>): number => Array.from(row).indexOf(Math.max(...Array.from(row)));
  const rowOf = (values: ArrayLike<number>, row: number) =>
    Array.from({ length: classes }, (_, i) => values[row * classes + i]!);
  const part = (count: number, isRight: (index: number) => boolean): number =>
    Array.from({ length: count }, (_, i) => isRight(i)).filter(Boolean).length / count;
  switch (loss) {
    case 'sparse-categorical-crossentropy':
      return part(rows, (i) => highest(rowOf(output.data, i)) === ys[i]);
    case 'categorical-crossentropy':
      return part(rows, (i) => highest(rowOf(output.data, i)) === highest(rowOf(ys, i)));
    case 'binary-crossentropy':
      if (Array.from(ys).some((y) => y !== 0 && y !== 1)) return undefined; // amounts
      return part(output.data.length, (i) => output.data[i]! >= 0 === (ys[i] === 1)); // s(z) >= 1/2 where z >= 0
    default:
      return undefined;
  }
}

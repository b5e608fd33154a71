import { FederatedError } from '../errors.ts';
import type { LossName } from '../tasks/model.ts';
import type { DataContract } from '../tasks/task.ts';
import { sizeOf } from '../weights.ts';
import type { Examples } from './engine.ts';

const refuse = (message: string): never => {
  throw new FederatedError('BAD_DATA', `data: ${message}`);
};

/** Index of the first value that is NaN or infinite, or -1. */
export function firstNotFinite(values: Float32Array): number {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i]!)) return i;
  return -1;
}

/**
 * Checks examples against what a task asks of them: counts, the ranges of labels and of a vocabulary, and that every number
 * is finite.
 * @throws FederatedError BAD_DATA naming what was expected and what was found
 */
export function checkExamples({ xs, ys, count }: Examples, { features, vocabulary, labels }: DataContract): void {
  const width = sizeOf(features);
  if (!Number.isSafeInteger(count) || count < 1) refuse(`expected at least one example, got ${count}`);
  if (xs.length !== count * width) {
    refuse(`expected ${count} x [${features.join(', ')}] = ${count * width} features, got ${xs.length}`);
  }
  checkFeatures(xs, width, vocabulary);
  if ('classes' in labels) checkLabels(ys, count, labels);
  else checkTargets(ys, count, labels.targets);
}

function checkFeatures(xs: Float32Array, width: number, vocabulary: number | undefined): void {
  const bad = vocabulary === undefined ? firstNotFinite(xs) : firstOutside(xs, vocabulary);
  if (bad < 0) return;
  const expected = vocabulary === undefined ? 'a finite number' : `a whole number from 0 to ${vocabulary - 1}`;
  refuse(`feature ${bad % width} of example ${Math.floor(bad / width)} is ${xs[bad]}; expected ${expected}`);
}

/** Index of the first value that is no whole number below `limit`, or -1. */
function firstOutside(values: Float32Array, limit: number): number {
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!(value >= 0 && value < limit && Number.isInteger(value))) return i;
  }
  return -1;
}

function checkLabels(
  ys: Examples['ys'],
  count: number,
  { classes, positions }: { readonly classes: number; readonly positions: number },
): void {
  if (!(ys instanceof Int32Array)) return refuse('expected labels as whole numbers (Int32Array), got real numbers');
  if (ys.length !== count * positions) {
    const each = positions === 1 ? '' : ` (${positions} for each of ${count} examples)`;
    refuse(`expected ${count * positions} labels${each}, got ${ys.length}`);
  }
  const wrong = ys.findIndex((label) => label < 0 || label >= classes);
  if (wrong < 0) return;
  const place = positions === 1 ? '' : `${wrong % positions} `;
  refuse(`label ${place}of example ${Math.floor(wrong / positions)} is ${ys[wrong]}; expected 0 to ${classes - 1}`);
}

function checkTargets(ys: Examples['ys'], count: number, targets: number): void {
  if (!(ys instanceof Float32Array))
    return refuse('expected targets as real numbers (Float32Array), got whole numbers');
  if (ys.length !== count * targets) refuse(`expected ${count} x ${targets} targets, got ${ys.length}`);
  const wrong = firstNotFinite(ys);
  if (wrong >= 0) {
    refuse(
      `target ${wrong % targets} of example ${Math.floor(wrong / targets)} is ${ys[wrong]}; expected a finite number`,
    );
  }
}

/**
 * Checks that targets are such as the loss is made for: a cross entropy of anything but parts of 1 has no lowest value.
 * @throws FederatedError BAD_DATA
 */
export function checkTargetsFor(loss: LossName, { ys, count }: Examples): void {
  if (loss !== 'binary-crossentropy' && loss !== 'categorical-crossentropy') return;
  const wrong = (ys as Float32Array).findIndex((target) => !(target >= 0 && target <= 1));
  if (wrong < 0) return;
  const example = Math.floor(wrong / (ys.length / count));
  refuse(`a target of example ${example} is ${ys[wrong]}; the loss ${loss} takes numbers from 0 to 1`);
}

import { FederatedError } from '../errors.ts';
import { outputShape } from '../tasks/model.ts';
import type { DataContract, Task } from '../tasks/task.ts';
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
 * Checks examples against what a task asks of them: counts, label range, and that every number is finite.
 * @throws FederatedError BAD_DATA naming what was expected and what was found
 */
export function checkExamples({ xs, ys, count }: Examples, { features, labels }: DataContract): void {
  const width = sizeOf(features);
  if (!Number.isSafeInteger(count) || count < 1) refuse(`expected at least one example, got ${count}`);
  if (xs.length !== count * width) {
    refuse(`expected ${count} x [${features.join(', ')}] = ${count * width} features, got ${xs.length}`);
  }
  const bad = firstNotFinite(xs);
  if (bad >= 0)
    refuse(`feature ${bad % width} of example ${Math.floor(bad / width)} is ${xs[bad]}; expected a finite number`);
  if ('classes' in labels) {
    if (!(ys instanceof Int32Array)) refuse('expected labels as whole numbers (Int32Array), got real numbers');
    if (ys.length !== count) refuse(`expected ${count} labels, got ${ys.length}`);
    const wrong = ys.findIndex((label) => label < 0 || label >= labels.classes);
    if (wrong >= 0) {
      refuse(`label of example ${wrong} is ${ys[wrong]}; expected 0 to ${labels.classes - 1}`);
    }
    return;
  }
  const { targets } = labels;
  if (!(ys instanceof Float32Array))
    return refuse('expected targets as real numbers (Float32Array), got whole numbers');
  if (ys.length !== count * targets) refuse(`expected ${count} x ${targets} targets, got ${ys.length}`);
  const wrong = firstNotFinite(ys);
  if (wrong >= 0) refuse(`target ${wrong % targets} of example ${Math.floor(wrong / targets)} is ${ys[wrong]}`);
}

/**
 * Checks that a task's data contract fits its own model.
 * @throws FederatedError BAD_TASK, BAD_MODEL
 */
export function checkTaskFits({ model, data }: Task): void {
  const output = sizeOf(outputShape(model));
  const isClasses = 'classes' in data.labels;
  const expected = 'classes' in data.labels ? data.labels.classes : data.labels.targets;
  if (sizeOf(data.features) !== sizeOf(model.input)) {
    throw new FederatedError(
      'BAD_TASK',
      `task: data.features [${data.features.join(', ')}] does not fit model.input [${model.input.join(', ')}]`,
    );
  }
  if (output !== expected) {
    const what = isClasses ? 'classes' : 'targets';
    throw new FederatedError('BAD_TASK', `task: data.labels has ${expected} ${what}, the model gives ${output} values`);
  }
  if (isClasses !== (model.loss === 'sparse-categorical-crossentropy')) {
    throw new FederatedError(
      'BAD_TASK',
      `task: the loss ${model.loss} does not go with ${isClasses ? 'classes' : 'targets'}`,
    );
  }
}

import { FederatedError } from '../errors.ts';
import { losses, outputShape, type ModelSpec } from '../tasks/model.ts';
import { sizeOf } from '../weights.ts';
import type { Examples } from './engine.ts';

/** What every engine asks of a batch before it trusts its lengths and indices. */

const refuse = (message: string): never => {
  throw new FederatedError('BAD_DATA', `data: ${message}`);
};

/** @throws FederatedError BAD_ARGUMENT unless so many examples can be taken at a time */
export function checkBatchSize(batchSize: number): void {
  if (Number.isSafeInteger(batchSize) && batchSize >= 1) return;
  throw new FederatedError('BAD_ARGUMENT', `batch size: expected a whole number from 1 on, got ${batchSize}`);
}

/** @throws FederatedError BAD_DATA unless xs is [count, ...input], of whole numbers in range before an embedding */
export function checkInputs(xs: Float32Array, count: number, { input, layers }: ModelSpec): void {
  if (!(xs instanceof Float32Array)) refuse('expected the features as a Float32Array');
  const features = sizeOf(input);
  if (!(Number.isSafeInteger(count) && count >= 1 && xs.length === count * features)) {
    refuse(`${count} examples for this model have ${features} features each; got ${xs.length} in all`);
  }
  const [first] = layers;
  if (first?.type !== 'embedding') return;
  for (let i = 0; i < xs.length; i++) {
    const index = xs[i]!;
    if (!(index >= 0 && index < first.inputDim && Number.isInteger(index))) {
      refuse(
        `feature ${i % features} of example ${Math.floor(i / features)} is ${index}; the embedding takes whole numbers from 0 to ${first.inputDim - 1}`,
      );
    }
  }
}

/** @throws FederatedError BAD_DATA unless inputs and targets fit the model and each label is a class of it */
export function checkBatch({ xs, ys, count }: Examples, model: ModelSpec): void {
  checkInputs(xs, count, model);
  if (!(ys instanceof Float32Array || ys instanceof Int32Array)) {
    refuse('expected labels as an Int32Array, or targets as a Float32Array');
  }
  const output = outputShape(model);
  const classes = output.at(-1)!;
  const isLabels = losses[model.loss].reads === 'labels';
  const each = isLabels ? sizeOf(output) / classes : sizeOf(output);
  if (ys.length !== count * each) {
    refuse(
      `${count} examples for this model have ${each} ${isLabels ? 'labels' : 'targets'} each; got ${ys.length} in all`,
    );
  }
  if (!isLabels) return;
  for (let i = 0; i < ys.length; i++) {
    const label = ys[i]!;
    if (!(label >= 0 && label < classes && Number.isInteger(label))) {
      refuse(`label ${label} of example ${Math.floor(i / each)}: expected 0 to ${classes - 1}`);
    }
  }
}

/** The examples from `from` to `to` (exclusive), as views. */
export function sliceExamples({ xs, ys, count }: Examples, from: number, to: number): Examples {
  const [features, targets] = [xs.length / count, ys.length / count];
  return {
    xs: xs.subarray(from * features, to * features),
    ys: ys.subarray(from * targets, to * targets),
    count: to - from,
  };
}

import { FederatedError } from '../errors.ts';
import { sizeOf } from '../weights.ts';
import { losses, outputShape } from './model.ts';
import type { Task } from './task.ts';

/**
 * Checks that a task's data contract fits its own model: as many features as inputs, a vocabulary that the embedding holds,
 * and labels or targets that the loss reads and the output answers.
 *
 * | loss | labels | output |
 * | --- | --- | --- |
 * | sparse-categorical-crossentropy | classes, positions | [..., classes], `positions` values in the axes before |
 * | binary-crossentropy | classes: 2, positions | `positions` values |
 * | any but the sparse one | targets | `targets` values |
 * @throws FederatedError BAD_TASK, BAD_MODEL
 */
export function checkTaskFits({ model, data }: Task): void {
  const output = outputShape(model);
  const contradiction = (what: string): never => {
    throw new FederatedError('BAD_TASK', `task: ${what}`);
  };
  if (sizeOf(data.features) !== sizeOf(model.input)) {
    contradiction(`data.features [${data.features.join(', ')}] does not fit model.input [${model.input.join(', ')}]`);
  }
  const first = model.layers[0]!;
  if (first.type === 'embedding') {
    if (data.vocabulary === undefined) contradiction('a model with an embedding needs data.vocabulary');
    else if (data.vocabulary > first.inputDim) {
      contradiction(`data.vocabulary is ${data.vocabulary}, the embedding has inputDim ${first.inputDim}`);
    }
  }
  const size = sizeOf(output);
  const { labels } = data;
  if (!('classes' in labels)) {
    if (losses[model.loss].reads === 'labels') contradiction(`the loss ${model.loss} does not go with targets`);
    if (size !== labels.targets)
      contradiction(`data.labels has ${labels.targets} targets, the model gives ${size} values`);
    return;
  }
  const { classes, positions } = labels;
  if (losses[model.loss].reads === 'labels') {
    const last = output.at(-1)!;
    if (last !== classes) contradiction(`data.labels has ${classes} classes, the model gives ${last} values`);
    if (size / last !== positions) {
      contradiction(`data.labels has ${positions} positions, the model gives [${output.join(', ')}]`);
    }
  } else if (model.loss === 'binary-crossentropy') {
    if (classes !== 2) contradiction(`the loss binary-crossentropy takes 2 classes, data.labels has ${classes}`);
    if (size !== positions) contradiction(`data.labels has ${positions} positions, the model gives ${size} values`);
  } else {
    contradiction(`the loss ${model.loss} does not go with classes; give data.labels as targets`);
  }
}

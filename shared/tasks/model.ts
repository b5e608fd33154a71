import * as v from 'valibot';
import { FederatedError } from '../errors.ts';
import { issueText } from '../issue-text.ts';
import { layoutOf, layoutSize, type Layout } from '../weights.ts';
import { layerSchema, outlineChain, type Outline, type WeightSpec } from './layers.ts';

/** A model as data: a chain of layers and the loss that trains it. */

/**
 * How a loss reads its targets: `labels` are class indices, one for each place of the output's last axis; `targets` are
 * real numbers, as many as outputs.
 */
export const losses = {
  /** From class indices; needs softmax at the end. */
  'sparse-categorical-crossentropy': { reads: 'labels', end: 'softmax' },
  /** From a distribution over the classes (one-hot or soft); needs softmax at the end. */
  'categorical-crossentropy': { reads: 'targets', end: 'softmax' },
  /** From numbers 0 to 1, or from labels 0 and 1; needs sigmoid at the end. */
  'binary-crossentropy': { reads: 'targets', end: 'sigmoid' },
  'mean-squared-error': { reads: 'targets', end: null },
  'mean-absolute-error': { reads: 'targets', end: null },
  /** Quadratic up to a distance of 1 and linear beyond (Huber 1964). */
  huber: { reads: 'targets', end: null },
} as const satisfies Record<string, { reads: 'labels' | 'targets'; end: 'softmax' | 'sigmoid' | null }>;
export type LossName = keyof typeof losses;
export const lossNames = Object.keys(losses) as [LossName, ...LossName[]];

const side = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1_000_000));

export const modelSchema = v.strictObject({
  /** Shape of one example. */
  input: v.pipe(v.array(side), v.minLength(1), v.maxLength(4)),
  layers: v.pipe(v.array(layerSchema), v.minLength(1), v.maxLength(256)),
  loss: v.picklist(lossNames),
});

/** What may be written in JSON: options with a default can be left out. */
export type ModelInput = v.InferInput<typeof modelSchema>;
export type ModelSpec = v.InferOutput<typeof modelSchema>;

/**
 * A checked model from untrusted JSON, with all options filled in.
 * @throws FederatedError BAD_MODEL naming the field, or what does not fit
 */
export function checkModel(value: unknown): ModelSpec {
  const result = v.safeParse(modelSchema, value, { abortEarly: true });
  if (!result.success) {
    const issue = result.issues[0];
    throw new FederatedError('BAD_MODEL', `model: ${v.getDotPath(issue) ?? 'value'}: ${issueText(issue)}`);
  }
  outlineOf(result.output);
  return result.output;
}

/** 4 GiB of weights: what a WebAssembly memory and a typed array of any runtime can hold. */
const maxWeights = 2 ** 30;

function outlineOf(model: ModelSpec): Outline {
  const outline = outlineChain(model.layers, '', model.input);
  if (!outline.weights.some(({ role }) => role !== 'statistic'))
    throw new FederatedError('BAD_MODEL', 'model: no layer has weights, so nothing can be trained');
  const count = layoutSize(layoutOf(outline.weights));
  if (!(count <= maxWeights)) {
    throw new FederatedError('BAD_MODEL', `model: has ${count} weights; at most ${maxWeights} are possible`);
  }
  const { end } = losses[model.loss];
  const last = model.layers.at(-1)!;
  const found = 'activation' in last ? last.activation : 'linear';
  if (end !== null && found !== end) {
    throw new FederatedError('BAD_MODEL', `model: the loss ${model.loss} needs a last layer with activation ${end}`);
  }
  if (last.type === 'residual' || last.type === 'dropout') {
    throw new FederatedError('BAD_MODEL', `model: the last layer cannot be ${last.type}`);
  }
  return outline;
}

/**
 * The weights of a model in order of its layers, kernel before bias, named `<layer number>-<type>/<weight>`.
 * @throws FederatedError BAD_MODEL when the layers do not fit together, or the last one does not fit the loss
 */
export const weightSpecs = (model: ModelSpec): readonly WeightSpec[] => outlineOf(model).weights;

/** Shape of one example's output. @throws FederatedError BAD_MODEL */
export const outputShape = (model: ModelSpec): readonly number[] => outlineOf(model).output;

/** Where each weight lies in the flat vector. @throws FederatedError BAD_MODEL */
export const modelLayout = (model: ModelSpec): Layout => layoutOf(weightSpecs(model));

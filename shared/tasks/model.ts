import * as v from 'valibot';
import { FederatedError } from '../errors.ts';
import { layoutOf, sizeOf, type Layout } from '../weights.ts';

/** A model as data: a chain of layers with TensorFlow.js's names for their options. No code, no TensorFlow.js here. */

const units = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1_000_000));
const activation = v.optional(v.picklist(['linear', 'relu', 'sigmoid', 'tanh', 'softmax']), 'linear');

const layerSchema = v.variant('type', [
  v.strictObject({ type: v.literal('dense'), units, activation, useBias: v.optional(v.boolean(), true) }),
  v.strictObject({ type: v.literal('flatten') }),
]);

export const losses = ['sparse-categorical-crossentropy', 'mean-squared-error'] as const;

export const modelSchema = v.strictObject({
  /** Shape of one example. */
  input: v.pipe(v.array(units), v.minLength(1), v.maxLength(4)),
  layers: v.pipe(v.array(layerSchema), v.minLength(1), v.maxLength(256)),
  loss: v.picklist(losses),
});

export type ModelSpec = v.InferOutput<typeof modelSchema>;
export type LayerSpec = ModelSpec['layers'][number];

/** A weight of the model: its place in the layout and how its initial values are drawn. */
export interface WeightSpec {
  readonly name: string;
  readonly shape: readonly number[];
  readonly initializer: 'zeros' | { readonly glorotUniform: { readonly fanIn: number; readonly fanOut: number } };
}

/** What a chain of layers comes to. */
interface Outline {
  readonly weights: readonly WeightSpec[];
  /** Shape of one example's output. */
  readonly output: readonly number[];
}

function outlineOf(model: ModelSpec): Outline {
  let shape: readonly number[] = model.input;
  const weights: WeightSpec[] = [];
  for (const [index, layer] of model.layers.entries()) {
    const name = `${index + 1}-${layer.type}`;
    switch (layer.type) {
      case 'flatten':
        shape = [sizeOf(shape)];
        break;
      case 'dense': {
        if (shape.length !== 1) {
          throw new FederatedError(
            'BAD_MODEL',
            `layer ${name}: needs flat input, got [${shape.join(', ')}]; put a flatten layer before it`,
          );
        }
        const fanIn = shape[0]!;
        const fanOut = layer.units;
        const initializer = { glorotUniform: { fanIn, fanOut } };
        weights.push({ name: `${name}/kernel`, shape: [fanIn, fanOut], initializer });
        if (layer.useBias) weights.push({ name: `${name}/bias`, shape: [fanOut], initializer: 'zeros' });
        shape = [fanOut];
        break;
      }
      default:
        layer satisfies never;
    }
  }
  if (weights.length === 0)
    throw new FederatedError('BAD_MODEL', 'model: no layer has weights, so nothing can be trained');
  const last = model.layers.at(-1)!;
  if (model.loss === 'sparse-categorical-crossentropy' && (last.type !== 'dense' || last.activation !== 'softmax')) {
    throw new FederatedError('BAD_MODEL', `model: the loss ${model.loss} needs a last dense layer with softmax`);
  }
  return { weights, output: shape };
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

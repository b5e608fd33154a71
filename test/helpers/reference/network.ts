import { dropoutMask } from '../../../shared/engine/dropout.ts';
import type { Examples } from '../../../shared/engine/engine.ts';
import { outlineChain, outlineLayer, type LayerSpec } from '../../../shared/tasks/layers.ts';
import { losses, type ModelSpec } from '../../../shared/tasks/model.ts';
import { layoutOf, sizeOf } from '../../../shared/weights.ts';
import { activate } from './activations.ts';
import { selfAttention } from './attention.ts';
import * as conv from './convolution.ts';
import { addBias, addToEach, lookUp, product } from './dense.ts';
import { accuracyOf, lossOf } from './losses.ts';
import { momentsOf, normalise, normaliseRows, type Moments } from './normalisation.ts';
import * as pool from './pooling.ts';
import { gru, lstm } from './recurrent.ts';
import { plus, reshaped, tensor, type Tensor } from './tensor.ts';

/**
 * A network in float64 and plain loops, written to be read and checked by hand: what every engine is held against. It has
 * no backward pass; gradients come from differences.
 */

export interface Mode {
  /** Statistics of the batch and dropout. */
  readonly training: boolean;
  /** Of dropout, see `dropoutMask`. */
  readonly seed?: number;
}

/** How far a forward pass has come: what goes into a layer, and how many weights and dropouts lie before it. */
export interface Stage {
  readonly input: Tensor;
  readonly weights: number;
  readonly dropouts: number;
}

/** A forward pass under way. */
class Pass {
  readonly #weights: readonly Float64Array[];
  readonly #mode: Mode;
  #nextWeight: number;
  #nextDropout: number;
  readonly seen: Seen[] = [];

  constructor(weights: readonly Float64Array[], mode: Mode, { weights: nextWeight, dropouts }: Omit<Stage, 'input'>) {
    this.#weights = weights;
    this.#mode = mode;
    this.#nextWeight = nextWeight;
    this.#nextDropout = dropouts;
  }

  stage = (input: Tensor): Stage => ({ input, weights: this.#nextWeight, dropouts: this.#nextDropout });

  /** The layer's output from x [batch, ...input]. @param isOpen - leaves the layer's activation out */
  apply(layer: LayerSpec, x: Tensor, isOpen = false): Tensor {
    if (layer.type === 'residual') {
      let y = x;
      for (const inner of layer.layers) y = this.apply(inner, y);
      return plus(x, y);
    }
    const { weights: specs, output } = outlineLayer(layer, layer.type, x.shape.slice(1));
    const weights = specs.map(() => this.#weights[this.#nextWeight++]!);
    const [kernel, bias] = weights as [Float64Array, Float64Array | undefined];
    const close = (y: Tensor): Tensor =>
      'activation' in layer && !isOpen ? activate(addBias(y, bias), layer.activation) : addBias(y, bias);

    switch (layer.type) {
      case 'dense':
        return close(product(x, kernel, layer.units));
      case 'conv1d':
        return close(conv.asSequence(conv.convolve(conv.asImage(x), kernel, layer.filters, flat(layer))));
      case 'conv2d':
        return close(conv.convolve(x, kernel, layer.filters, layer));
      case 'conv2dTranspose':
        return close(conv.convolveTransposed(x, kernel, layer.filters, layer));
      case 'depthwiseConv2d':
        return close(conv.convolveDepthwise(x, kernel, layer.depthMultiplier, layer));
      case 'maxPooling1d':
        return conv.asSequence(pool.maxPool(conv.asImage(x), flat({ ...layer, kernelSize: layer.poolSize })));
      case 'averagePooling1d':
        return conv.asSequence(pool.averagePool(conv.asImage(x), flat({ ...layer, kernelSize: layer.poolSize })));
      case 'maxPooling2d':
        return pool.maxPool(x, { ...layer, kernelSize: layer.poolSize, strides: layer.strides ?? layer.poolSize });
      case 'averagePooling2d':
        return pool.averagePool(x, { ...layer, kernelSize: layer.poolSize, strides: layer.strides ?? layer.poolSize });
      case 'globalMaxPooling1d':
      case 'globalMaxPooling2d':
        return pool.globalPool(x, 'max');
      case 'globalAveragePooling1d':
      case 'globalAveragePooling2d':
        return pool.globalPool(x, 'average');
      case 'upSampling2d':
        return pool.upSample(x, layer.size);
      case 'flatten':
      case 'reshape':
        return reshaped(x, [x.shape[0]!, ...output]);
      case 'activation':
        return isOpen ? x : activate(x, layer.activation);
      case 'dropout':
        return this.#drop(x, layer.rate);
      case 'batchNormalization': {
        const [gamma, beta, mean, variance] = weights as [Float64Array, Float64Array, Float64Array, Float64Array];
        const moments = this.#mode.training ? momentsOf(x) : { mean, variance };
        this.seen.push({ momentum: layer.momentum, ...moments });
        return normalise(x, moments, [gamma, beta], layer.epsilon);
      }
      case 'layerNormalization':
        return normaliseRows(x, [kernel, bias!], layer.epsilon);
      case 'embedding':
        return lookUp(x, kernel, layer.outputDim);
      case 'positionEmbedding':
        return addToEach(x, kernel);
      case 'lstm':
        return lstm(x, weights as [Float64Array, Float64Array, Float64Array], layer.units, layer.returnSequences);
      case 'gru':
        return gru(x, weights as [Float64Array, Float64Array, Float64Array], layer.units, layer.returnSequences);
      case 'selfAttention':
        return selfAttention(x, weights, layer.heads, layer.causal);
      default:
        return layer satisfies never;
    }
  }

  #drop(x: Tensor, rate: number): Tensor {
    const number = this.#nextDropout++;
    if (!this.#mode.training) return x;
    const mask = dropoutMask(this.#mode.seed ?? 0, number, rate, new Float32Array(x.data.length));
    // The mask's float32 1 / (1 - rate) is what engines multiply by, so it is taken as it is.
    return { shape: x.shape, data: x.data.map((value, i) => value * mask[i]!) };
  }
}

/** A one-dimensional window as one over an image of one row. */
const flat = (layer: {
  kernelSize: number;
  strides?: number | undefined;
  padding: 'valid' | 'same';
}): conv.Sliding => ({
  kernelSize: [1, layer.kernelSize],
  strides: [1, layer.strides ?? layer.kernelSize],
  padding: layer.padding,
});

const start = { weights: 0, dropouts: 0 };

/** The model's weights as one view each. @param weights - length d */
const split = (model: ModelSpec, weights: Float64Array): Float64Array[] =>
  layoutOf(outlineChain(model.layers, '', model.input).weights).map(({ offset, shape }) =>
    weights.subarray(offset, offset + sizeOf(shape)),
  );

const inputOf = (model: ModelSpec, { xs, count }: Pick<Examples, 'xs' | 'count'>): Tensor =>
  tensor([count, ...model.input], xs);

/** Whether a layer is the last and its softmax or sigmoid belongs to the loss. */
const isOpenAt = (model: ModelSpec, index: number): boolean =>
  index === model.layers.length - 1 && losses[model.loss].end !== null;

/** The stage before each layer of the chain. @param weights - length d */
export function stagesOf(model: ModelSpec, weights: Float64Array, examples: Examples, mode: Mode): Stage[] {
  const pass = new Pass(split(model, weights), mode, start);
  let x = inputOf(model, examples);
  return model.layers.map((layer, index) => {
    const stage = pass.stage(x);
    x = pass.apply(layer, x, isOpenAt(model, index));
    return stage;
  });
}

/**
 * [batch, ...output], logits where the loss is a cross entropy.
 * @param from - the stage to go on from, and the number of its layer
 */
function outputOf(
  model: ModelSpec,
  weights: Float64Array,
  mode: Mode,
  from: { readonly stage: Stage; readonly layer: number },
): Tensor {
  const pass = new Pass(split(model, weights), mode, from.stage);
  let x = from.stage.input;
  for (let i = from.layer; i < model.layers.length; i++) x = pass.apply(model.layers[i]!, x, isOpenAt(model, i));
  return x;
}

const fromInput = (model: ModelSpec, examples: Pick<Examples, 'xs' | 'count'>) => ({
  stage: { input: inputOf(model, examples), ...start },
  layer: 0,
});

/**
 * The loss of a batch.
 * @param weights - length d
 */
export const referenceLoss = (
  model: ModelSpec,
  weights: Float64Array,
  examples: Examples,
  mode: Mode,
  from = fromInput(model, examples),
): number => lossOf(model.loss, outputOf(model, weights, mode, from), examples.ys);

/** Loss and accuracy in evaluation mode. */
export function referenceMeasure(
  model: ModelSpec,
  weights: Float64Array,
  examples: Examples,
): { loss: number; accuracy?: number } {
  const output = outputOf(model, weights, { training: false }, fromInput(model, examples));
  const loss = lossOf(model.loss, output, examples.ys);
  const accuracy = accuracyOf(model.loss, output, examples.ys);
  return accuracy === undefined ? { loss } : { loss, accuracy };
}

/** The output after the last activation, [count, ...output]; evaluation mode unless told otherwise. */
export function referencePredict(
  model: ModelSpec,
  weights: Float64Array,
  examples: Pick<Examples, 'xs' | 'count'>,
  mode: Mode = { training: false },
): Tensor {
  const output = outputOf(model, weights, mode, fromInput(model, examples));
  const { end } = losses[model.loss];
  return end === null ? output : activate(output, end);
}

/** What a batch normalization has seen of a batch. */
export interface Seen extends Moments {
  readonly momentum: number;
}

/** The statistics of the batch at every batch normalization in training mode, in the order of the layers. */
export function batchMoments(model: ModelSpec, weights: Float64Array, examples: Examples, seed = 0): readonly Seen[] {
  const pass = new Pass(split(model, weights), { training: true, seed }, start);
  let x = inputOf(model, examples);
  for (const layer of model.layers) x = pass.apply(layer, x);
  return pass.seen;
}

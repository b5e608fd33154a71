import * as v from 'valibot';
import { FederatedError } from '../errors.ts';
import { sizeOf } from '../weights.ts';

/**
 * The layers of a model as data, with the names and defaults that TensorFlow.js and Keras use: what each may be told, which
 * weights it has, and the shape that comes out of it. No code, no TensorFlow.js here. Shapes are of one example, channels
 * last.
 */

const size = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1_000_000));
const sides = v.strictTuple([size, size]);
const pair = v.pipe(
  v.lazy((value) => (Array.isArray(value) ? sides : size)),
  v.transform((value): [number, number] => (typeof value === 'number' ? [value, value] : value)),
);

export const activations = [
  'linear',
  'relu',
  'relu6',
  'elu',
  'selu',
  'gelu',
  'sigmoid',
  'tanh',
  'softplus',
  'swish',
  'softmax',
] as const;
export type Activation = (typeof activations)[number];

const activation = v.optional(v.picklist(activations), 'linear');
const useBias = v.optional(v.boolean(), true);
const padding = v.optional(v.picklist(['valid', 'same']), 'valid');
const epsilon = v.optional(v.pipe(v.number(), v.gtValue(0), v.maxValue(1)), 1e-3);
const returnSequences = v.optional(v.boolean(), false);

/** Window and step of a pooling: the step is the window unless said otherwise. */
const pool1d = {
  poolSize: v.optional(size, 2),
  strides: v.optional(size),
  padding,
};
const pool2d = {
  poolSize: v.optional(pair, [2, 2]),
  strides: v.optional(pair),
  padding,
};
const filters1d = { filters: size, kernelSize: size, strides: v.optional(size, 1), padding, activation, useBias };
const filters2d = { filters: size, kernelSize: pair, strides: v.optional(pair, [1, 1]), padding, activation, useBias };

const plainLayers = [
  /** y = activation(x W + b) over the last axis. */
  v.strictObject({ type: v.literal('dense'), units: size, activation, useBias }),
  v.strictObject({ type: v.literal('conv1d'), ...filters1d }),
  v.strictObject({ type: v.literal('conv2d'), ...filters2d }),
  v.strictObject({ type: v.literal('conv2dTranspose'), ...filters2d }),
  v.strictObject({
    type: v.literal('depthwiseConv2d'),
    kernelSize: pair,
    strides: v.optional(pair, [1, 1]),
    padding,
    depthMultiplier: v.optional(size, 1),
    activation,
    useBias,
  }),
  v.strictObject({ type: v.literal('maxPooling1d'), ...pool1d }),
  v.strictObject({ type: v.literal('averagePooling1d'), ...pool1d }),
  v.strictObject({ type: v.literal('maxPooling2d'), ...pool2d }),
  v.strictObject({ type: v.literal('averagePooling2d'), ...pool2d }),
  v.strictObject({ type: v.literal('globalMaxPooling1d') }),
  v.strictObject({ type: v.literal('globalAveragePooling1d') }),
  v.strictObject({ type: v.literal('globalMaxPooling2d') }),
  v.strictObject({ type: v.literal('globalAveragePooling2d') }),
  /** Repeats rows and columns (nearest neighbour). */
  v.strictObject({ type: v.literal('upSampling2d'), size: v.optional(pair, [2, 2]) }),
  v.strictObject({ type: v.literal('flatten') }),
  v.strictObject({ type: v.literal('reshape'), targetShape: v.pipe(v.array(size), v.minLength(1), v.maxLength(4)) }),
  v.strictObject({ type: v.literal('activation'), activation: v.picklist(activations) }),
  /** Sets a part `rate` of the values to zero and divides the others by 1 - rate; does nothing in evaluation. */
  v.strictObject({ type: v.literal('dropout'), rate: v.pipe(v.number(), v.minValue(0), v.ltValue(1)) }),
  /** Over all axes but the last. Moving mean and variance are weights that no gradient moves. */
  v.strictObject({
    type: v.literal('batchNormalization'),
    momentum: v.optional(v.pipe(v.number(), v.minValue(0), v.ltValue(1)), 0.99),
    epsilon,
  }),
  /** Over the last axis. */
  v.strictObject({ type: v.literal('layerNormalization'), epsilon }),
  /** Turns [length] whole numbers below `inputDim` into [length, outputDim]. Only as first layer. */
  v.strictObject({ type: v.literal('embedding'), inputDim: size, outputDim: size }),
  /** Adds a learned vector for each place of the sequence. */
  v.strictObject({ type: v.literal('positionEmbedding') }),
  /** Hochreiter and Schmidhuber 1997 with forget gate (Gers 2000); gates in the order i, f, c, o. */
  v.strictObject({ type: v.literal('lstm'), units: size, returnSequences }),
  /** Cho et al. 2014; gates in the order z, r, h; the reset gate acts before the product. */
  v.strictObject({ type: v.literal('gru'), units: size, returnSequences }),
  /** Vaswani et al. 2017, section 3.2.2; `causal`: a place sees itself and those before it. */
  v.strictObject({ type: v.literal('selfAttention'), heads: size, causal: v.optional(v.boolean(), false) }),
] as const;

/** x + layers(x). Does not nest. */
const residual = v.strictObject({
  type: v.literal('residual'),
  layers: v.pipe(v.array(v.variant('type', plainLayers)), v.minLength(1), v.maxLength(64)),
});

export const layerSchema = v.variant('type', [...plainLayers, residual]);
export type LayerSpec = v.InferOutput<typeof layerSchema>;
/** The spec of one type of layer. */
export type LayerOf<Type extends LayerSpec['type']> = Extract<LayerSpec, { readonly type: Type }>;

export type Initializer =
  | 'zeros'
  | 'ones'
  /** Uniform in ±sqrt(6 / (fanIn + fanOut)). */
  | { readonly glorotUniform: { readonly fanIn: number; readonly fanOut: number } }
  /** Uniform in ±limit. */
  | { readonly uniform: { readonly limit: number } }
  /** Zeros, but ones for the forget gate (Jozefowicz et al. 2015): the second of four blocks of `units`. */
  | { readonly forgetBias: { readonly units: number } };

/** A weight of the model: its place in the layout and how its initial values are drawn. */
export interface WeightSpec {
  readonly name: string;
  readonly shape: readonly number[];
  readonly initializer: Initializer;
  /** `kernel`: gets L2 regularisation and weight decay. `statistic`: moved by the layer itself, not by a gradient. */
  readonly role: 'kernel' | 'bias' | 'statistic';
}

/** What a layer comes to. */
export interface Outline {
  readonly weights: readonly WeightSpec[];
  /** Shape of one example's output. */
  readonly output: readonly number[];
}

/** Outputs along one axis, and the zeros that `same` puts before it (TensorFlow's rule: the odd one goes behind). */
export interface Window {
  readonly output: number;
  readonly before: number;
}

/** How a window of `kernel` moves by `stride` over `input` values. An output of 0 or less means that it does not fit. */
export function windowOf(input: number, kernel: number, stride: number, mode: 'valid' | 'same'): Window {
  if (mode === 'valid') return { output: Math.floor((input - kernel) / stride) + 1, before: 0 };
  const output = Math.ceil(input / stride);
  return { output, before: Math.floor(Math.max(0, (output - 1) * stride + kernel - input) / 2) };
}

/** What a transposed convolution makes of `input` values, and how many it cuts off before them. */
export function transposedWindowOf(input: number, kernel: number, stride: number, mode: 'valid' | 'same'): Window {
  if (mode === 'valid') return { output: input * stride + Math.max(0, kernel - stride), before: 0 };
  return { output: input * stride, before: windowOf(input * stride, kernel, stride, 'same').before };
}

/** What a layer may make of one example, 1 GiB: more would stop a client in the middle of its training. */
const maxValues = 2 ** 28;

/**
 * The weights and the output of a layer for one example of the given shape. Weights are named `<name>/<weight>`.
 * @throws FederatedError BAD_MODEL when the input does not fit the layer
 */
export function outlineLayer(layer: LayerSpec, name: string, input: readonly number[]): Outline {
  const refuse = (what: string): never => {
    throw new FederatedError('BAD_MODEL', `layer ${name}: ${what}, got [${input.join(', ')}]`);
  };
  const needRank = (rank: number, axes: string): void => {
    if (input.length !== rank) refuse(`needs input [${axes}]`);
  };
  const weight = (
    part: string,
    shape: readonly number[],
    initializer: Initializer,
    role: WeightSpec['role'] = typeof initializer === 'string' ? 'bias' : 'kernel',
  ): WeightSpec => ({ name: `${name}/${part}`, shape, initializer, role });
  const kernel = (part: string, shape: readonly number[], fanIn: number, fanOut: number): WeightSpec =>
    weight(part, shape, { glorotUniform: { fanIn, fanOut } });
  const bias = (wanted: boolean, length: number): WeightSpec[] => (wanted ? [weight('bias', [length], 'zeros')] : []);
  const slide = (axis: number, window: number, stride: number, mode: 'valid' | 'same'): number => {
    const { output } = windowOf(input[axis]!, window, stride, mode);
    return output >= 1 ? output : refuse(`its window of ${window} is larger than the input`);
  };
  const unchanged: Outline = { weights: [], output: input };
  const last = input.at(-1)!;

  switch (layer.type) {
    case 'dense':
      return {
        weights: [kernel('kernel', [last, layer.units], last, layer.units), ...bias(layer.useBias, layer.units)],
        output: [...input.slice(0, -1), layer.units],
      };
    case 'conv1d': {
      needRank(2, 'length, channels');
      const { filters, kernelSize, strides, padding: mode } = layer;
      return {
        weights: [
          kernel('kernel', [kernelSize, last, filters], kernelSize * last, kernelSize * filters),
          ...bias(layer.useBias, filters),
        ],
        output: [slide(0, kernelSize, strides, mode), filters],
      };
    }
    case 'conv2d': {
      needRank(3, 'height, width, channels');
      const { filters, kernelSize, strides, padding: mode } = layer;
      const area = sizeOf(kernelSize);
      return {
        weights: [
          kernel('kernel', [...kernelSize, last, filters], area * last, area * filters),
          ...bias(layer.useBias, filters),
        ],
        output: [slide(0, kernelSize[0], strides[0], mode), slide(1, kernelSize[1], strides[1], mode), filters],
      };
    }
    case 'conv2dTranspose': {
      needRank(3, 'height, width, channels');
      const { filters, kernelSize, strides, padding: mode } = layer;
      const area = sizeOf(kernelSize);
      const [height, width] = [0, 1].map(
        (axis) => transposedWindowOf(input[axis]!, kernelSize[axis]!, strides[axis]!, mode).output,
      );
      return {
        // Keras's order: the filters come before the input's channels.
        weights: [
          kernel('kernel', [...kernelSize, filters, last], area * last, area * filters),
          ...bias(layer.useBias, filters),
        ],
        output: [height!, width!, filters],
      };
    }
    case 'depthwiseConv2d': {
      needRank(3, 'height, width, channels');
      const { kernelSize, strides, padding: mode, depthMultiplier } = layer;
      const area = sizeOf(kernelSize);
      return {
        weights: [
          kernel('kernel', [...kernelSize, last, depthMultiplier], area, area * depthMultiplier),
          ...bias(layer.useBias, last * depthMultiplier),
        ],
        output: [
          slide(0, kernelSize[0], strides[0], mode),
          slide(1, kernelSize[1], strides[1], mode),
          last * depthMultiplier,
        ],
      };
    }
    case 'maxPooling1d':
    case 'averagePooling1d': {
      needRank(2, 'length, channels');
      const { poolSize, strides = poolSize, padding: mode } = layer;
      return { weights: [], output: [slide(0, poolSize, strides, mode), last] };
    }
    case 'maxPooling2d':
    case 'averagePooling2d': {
      needRank(3, 'height, width, channels');
      const { poolSize, strides = poolSize, padding: mode } = layer;
      return {
        weights: [],
        output: [slide(0, poolSize[0], strides[0], mode), slide(1, poolSize[1], strides[1], mode), last],
      };
    }
    case 'globalMaxPooling1d':
    case 'globalAveragePooling1d':
      needRank(2, 'length, channels');
      return { weights: [], output: [last] };
    case 'globalMaxPooling2d':
    case 'globalAveragePooling2d':
      needRank(3, 'height, width, channels');
      return { weights: [], output: [last] };
    case 'upSampling2d':
      needRank(3, 'height, width, channels');
      return { weights: [], output: [input[0]! * layer.size[0], input[1]! * layer.size[1], last] };
    case 'flatten':
      return { weights: [], output: [sizeOf(input)] };
    case 'reshape':
      if (sizeOf(layer.targetShape) !== sizeOf(input)) refuse(`cannot become [${layer.targetShape.join(', ')}]`);
      return { weights: [], output: layer.targetShape };
    case 'activation':
    case 'dropout':
      return unchanged;
    case 'batchNormalization':
      return {
        weights: [
          weight('gamma', [last], 'ones'),
          weight('beta', [last], 'zeros'),
          weight('moving-mean', [last], 'zeros', 'statistic'),
          weight('moving-variance', [last], 'ones', 'statistic'),
        ],
        output: input,
      };
    case 'layerNormalization':
      return { weights: [weight('gamma', [last], 'ones'), weight('beta', [last], 'zeros')], output: input };
    case 'embedding':
      needRank(1, 'length');
      return {
        weights: [weight('embeddings', [layer.inputDim, layer.outputDim], { uniform: { limit: 0.05 } })],
        output: [last, layer.outputDim],
      };
    case 'positionEmbedding':
      needRank(2, 'length, channels');
      return { weights: [weight('embeddings', input, { uniform: { limit: 0.05 } })], output: input };
    case 'lstm':
    case 'gru': {
      needRank(2, 'length, channels');
      const { units, returnSequences: all } = layer;
      const gates = layer.type === 'lstm' ? 4 : 3;
      const recurrent: Initializer = { uniform: { limit: 1 / Math.sqrt(units) } };
      return {
        weights: [
          kernel('kernel', [last, gates * units], last, units),
          weight('recurrent-kernel', [units, gates * units], recurrent),
          weight('bias', [gates * units], layer.type === 'lstm' ? { forgetBias: { units } } : 'zeros', 'bias'),
        ],
        output: all ? [input[0]!, units] : [units],
      };
    }
    case 'selfAttention': {
      needRank(2, 'length, channels');
      if (last % layer.heads !== 0) refuse(`needs channels that ${layer.heads} heads can share evenly`);
      needRoom(name, layer.heads * input[0]! ** 2);
      return {
        weights: ['query', 'key', 'value', 'output'].flatMap((part) => [
          kernel(`${part}-kernel`, [last, last], last, last),
          weight(`${part}-bias`, [last], 'zeros'),
        ]),
        output: input,
      };
    }
    case 'residual': {
      const inner = outlineChain(layer.layers, `${name}/`, input);
      if (inner.output.join() !== input.join()) {
        refuse(`its layers give [${inner.output.join(', ')}], which cannot be added to their input`);
      }
      return inner;
    }
    default:
      return layer satisfies never;
  }
}

function needRoom(name: string, values: number): void {
  if (values <= maxValues) return;
  throw new FederatedError(
    'BAD_MODEL',
    `layer ${name}: computes ${values} values of each example; at most ${maxValues}`,
  );
}

/**
 * The weights of layers one after the other, in their order, each layer named `<prefix><number>-<type>` from 1.
 * @throws FederatedError BAD_MODEL
 */
export function outlineChain(layers: readonly LayerSpec[], prefix: string, input: readonly number[]): Outline {
  const weights: WeightSpec[] = [];
  let shape = input;
  for (const [index, layer] of layers.entries()) {
    if (layer.type === 'embedding' && (index > 0 || prefix !== '')) {
      throw new FederatedError('BAD_MODEL', 'model: an embedding can only be the first layer');
    }
    const name = `${prefix}${index + 1}-${layer.type}`;
    needRoom(name, sizeOf(shape));
    const outline = outlineLayer(layer, name, shape);
    needRoom(name, sizeOf(outline.output));
    weights.push(...outline.weights);
    shape = outline.output;
  }
  return { weights, output: shape };
}

import * as layers from '@tensorflow/tfjs-layers';
import { activations } from '../../../../shared/tasks/layers.ts';
import { checkModel, type ModelInput, type ModelSpec } from '../../../../shared/tasks/model.ts';

/** A model with a layer in it, and the same model in TensorFlow.js layers where that has the layer. */
export interface LayerCase {
  readonly name: string;
  readonly model: ModelSpec;
  readonly keras?: () => layers.layers.Layer[];
}

type Layers = ModelInput['layers'];
const { layers: keras } = layers;
const head = { type: 'dense', units: 2 } as const;
const kerasHead = () => keras.dense({ units: 2 });
/** The gradient of a pooling can only be seen through weights before it. */
const dense3 = { type: 'dense', units: 3, activation: 'tanh' } as const;
const kerasDense3 = () => keras.dense({ units: 3, activation: 'tanh' });

const layerCase = (name: string, input: number[], chain: Layers, same?: () => layers.layers.Layer[]): LayerCase => {
  const model = checkModel({ input, layers: [...chain, head], loss: 'mean-squared-error' });
  return same === undefined ? { name, model } : { name, model, keras: () => [...same(), kerasHead()] };
};

/** The default initializer needs chained methods, which plain Node does not have. */
const recurrent = { recurrentActivation: 'sigmoid', recurrentInitializer: 'zeros' } as const;
const paddings = ['valid', 'same'] as const;

/** Every layer, and every option of it that changes what it computes. Input sides are odd, so that `same` pads unevenly. */
export const layerCases: readonly LayerCase[] = [
  ...activations.map((activation) =>
    layerCase(`dense with ${activation}`, [4], [{ type: 'dense', units: 5, activation }], () => [
      keras.dense({ units: 5, activation: activation as 'relu' }),
    ]),
  ),
  layerCase('dense over a sequence', [3, 4], [{ type: 'dense', units: 5, useBias: false }], () => [
    keras.dense({ units: 5, useBias: false }),
  ]),
  layerCase(
    'activation',
    [2, 3],
    [
      { type: 'dense', units: 4 },
      { type: 'activation', activation: 'softmax' },
    ],
    () => [keras.dense({ units: 4 }), keras.activation({ activation: 'softmax' })],
  ),
  layerCase('flatten', [2, 3], [{ type: 'flatten' }], () => [keras.flatten()]),
  layerCase('reshape', [6, 2], [{ type: 'reshape', targetShape: [3, 2, 2] }], () => [
    keras.reshape({ targetShape: [3, 2, 2] }),
  ]),
  layerCase('dropout', [6], [{ type: 'dropout', rate: 0.5 }], () => [keras.dropout({ rate: 0.5 })]),
  ...paddings.flatMap((padding) => [
    layerCase(`conv1d, ${padding}`, [7, 2], [{ type: 'conv1d', filters: 3, kernelSize: 3, padding }], () => [
      keras.conv1d({ filters: 3, kernelSize: 3, padding }),
    ]),
    layerCase(
      `conv1d in steps, ${padding}`,
      [7, 2],
      [{ type: 'conv1d', filters: 3, kernelSize: 4, strides: 2, padding, activation: 'tanh' }],
      () => [keras.conv1d({ filters: 3, kernelSize: 4, strides: 2, padding, activation: 'tanh' })],
    ),
    layerCase(
      `conv2d, ${padding}`,
      [5, 6, 2],
      [{ type: 'conv2d', filters: 3, kernelSize: [3, 2], padding, activation: 'tanh' }],
      () => [keras.conv2d({ filters: 3, kernelSize: [3, 2], padding, activation: 'tanh' })],
    ),
    layerCase(
      `conv2d in steps, ${padding}`,
      [5, 7, 2],
      [{ type: 'conv2d', filters: 3, kernelSize: 3, strides: [2, 3], padding, useBias: false }],
      () => [keras.conv2d({ filters: 3, kernelSize: 3, strides: [2, 3], padding, useBias: false })],
    ),
    layerCase(
      `conv2dTranspose with steps below the kernel, ${padding}`,
      [3, 4, 2],
      [{ type: 'conv2dTranspose', filters: 3, kernelSize: 3, strides: 2, padding, activation: 'tanh' }],
      () => [keras.conv2dTranspose({ filters: 3, kernelSize: 3, strides: 2, padding, activation: 'tanh' })],
    ),
    layerCase(
      `conv2dTranspose with steps above the kernel, ${padding}`,
      [3, 2, 2],
      [{ type: 'conv2dTranspose', filters: 3, kernelSize: [2, 1], strides: [3, 2], padding, useBias: false }],
      () => [keras.conv2dTranspose({ filters: 3, kernelSize: [2, 1], strides: [3, 2], padding, useBias: false })],
    ),
    layerCase(
      `depthwiseConv2d, ${padding}`,
      [5, 6, 3],
      [{ type: 'depthwiseConv2d', kernelSize: 3, depthMultiplier: 2, padding, activation: 'tanh' }],
      () => [keras.depthwiseConv2d({ kernelSize: 3, depthMultiplier: 2, padding, activation: 'tanh' })],
    ),
    layerCase(
      `depthwiseConv2d in steps, ${padding}`,
      [5, 6, 3],
      [{ type: 'depthwiseConv2d', kernelSize: [2, 3], strides: 2, padding, useBias: false }],
      () => [keras.depthwiseConv2d({ kernelSize: [2, 3], strides: 2, padding, useBias: false })],
    ),
    layerCase(`maxPooling1d, ${padding}`, [7, 2], [dense3, { type: 'maxPooling1d', padding }], () => [
      kerasDense3(),
      keras.maxPooling1d({ poolSize: 2, padding }),
    ]),
    layerCase(
      `averagePooling1d that overlaps, ${padding}`,
      [7, 2],
      [dense3, { type: 'averagePooling1d', poolSize: 3, strides: 2, padding }],
      () => [kerasDense3(), keras.averagePooling1d({ poolSize: 3, strides: 2, padding })],
    ),
    layerCase(
      `maxPooling2d that overlaps, ${padding}`,
      [5, 6, 2],
      [dense3, { type: 'maxPooling2d', poolSize: 3, strides: [1, 2], padding }],
      () => [kerasDense3(), keras.maxPooling2d({ poolSize: 3, strides: [1, 2], padding })],
    ),
    layerCase(
      `averagePooling2d, ${padding}`,
      [5, 6, 2],
      [dense3, { type: 'averagePooling2d', poolSize: [2, 3], padding }],
      () => [kerasDense3(), keras.averagePooling2d({ poolSize: [2, 3], padding })],
    ),
    layerCase(
      `averagePooling2d that leaves out values, ${padding}`,
      [6, 7, 2],
      [dense3, { type: 'averagePooling2d', poolSize: 2, strides: 3, padding }],
      () => [kerasDense3(), keras.averagePooling2d({ poolSize: 2, strides: 3, padding })],
    ),
  ]),
  layerCase('globalMaxPooling1d', [5, 2], [dense3, { type: 'globalMaxPooling1d' }], () => [
    kerasDense3(),
    keras.globalMaxPooling1d(),
  ]),
  layerCase('globalAveragePooling1d', [5, 2], [dense3, { type: 'globalAveragePooling1d' }], () => [
    kerasDense3(),
    keras.globalAveragePooling1d(),
  ]),
  layerCase('globalMaxPooling2d', [3, 4, 2], [dense3, { type: 'globalMaxPooling2d' }], () => [
    kerasDense3(),
    keras.globalMaxPooling2d({}),
  ]),
  layerCase('globalAveragePooling2d', [3, 4, 2], [dense3, { type: 'globalAveragePooling2d' }], () => [
    kerasDense3(),
    keras.globalAveragePooling2d({}),
  ]),
  layerCase('upSampling2d', [2, 3, 2], [dense3, { type: 'upSampling2d', size: [2, 3] }], () => [
    kerasDense3(),
    keras.upSampling2d({ size: [2, 3] }),
  ]),
  layerCase('batchNormalization', [4], [dense3, { type: 'batchNormalization', momentum: 0.9 }], () => [
    kerasDense3(),
    keras.batchNormalization({ momentum: 0.9 }),
  ]),
  layerCase('batchNormalization of images', [3, 4, 2], [dense3, { type: 'batchNormalization', epsilon: 0.01 }], () => [
    kerasDense3(),
    keras.batchNormalization({ epsilon: 0.01 }),
  ]),
  layerCase('layerNormalization', [3, 4], [dense3, { type: 'layerNormalization' }], () => [
    kerasDense3(),
    keras.layerNormalization(),
  ]),
  layerCase('embedding', [4], [{ type: 'embedding', inputDim: 5, outputDim: 3 }], () => [
    keras.embedding({ inputDim: 5, outputDim: 3 }),
  ]),
  ...[false, true].flatMap((returnSequences) => [
    layerCase(
      `lstm${returnSequences ? ' of all times' : ''}`,
      [4, 2],
      [{ type: 'lstm', units: 3, returnSequences }],
      () => [keras.lstm({ units: 3, returnSequences, ...recurrent })],
    ),
    layerCase(
      `gru${returnSequences ? ' of all times' : ''}`,
      [4, 2],
      [{ type: 'gru', units: 3, returnSequences }],
      () => [keras.gru({ units: 3, returnSequences, ...recurrent })],
    ),
  ]),
  layerCase('positionEmbedding', [4, 3], [{ type: 'positionEmbedding' }]),
  layerCase('selfAttention', [4, 6], [{ type: 'selfAttention', heads: 2 }]),
  layerCase('causal selfAttention', [4, 6], [{ type: 'selfAttention', heads: 3, causal: true }]),
  layerCase(
    'residual',
    [4],
    [
      {
        type: 'residual',
        layers: [
          { type: 'dense', units: 3, activation: 'tanh' },
          { type: 'dropout', rate: 0.3 },
          { type: 'dense', units: 4 },
        ],
      },
    ],
  ),
];

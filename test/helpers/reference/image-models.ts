import { modelCase, type ModelCase } from './case.ts';

/** Convolutional models, small. */
export const imageModels: Readonly<Record<string, ModelCase>> = {
  'convolutional network (McMahan)': modelCase(
    {
      input: [64],
      layers: [
        { type: 'reshape', targetShape: [8, 8, 1] },
        { type: 'conv2d', filters: 4, kernelSize: 5, padding: 'same', activation: 'relu' },
        { type: 'maxPooling2d' },
        { type: 'conv2d', filters: 5, kernelSize: 5, padding: 'same', activation: 'relu' },
        { type: 'maxPooling2d' },
        { type: 'flatten' },
        { type: 'dense', units: 9, activation: 'relu' },
        { type: 'dense', units: 6, activation: 'softmax' },
      ],
      loss: 'sparse-categorical-crossentropy',
    },
    11,
  ),
  'strided valid convolution, average pooling and dropout': modelCase(
    {
      input: [11, 9, 2],
      layers: [
        { type: 'conv2d', filters: 5, kernelSize: [3, 2], strides: [2, 1], activation: 'elu' },
        { type: 'averagePooling2d', poolSize: [2, 3], strides: [1, 2], padding: 'same' },
        { type: 'dropout', rate: 0.25 },
        { type: 'conv2d', filters: 4, kernelSize: 3, strides: 2, padding: 'same', useBias: false, activation: 'tanh' },
        { type: 'averagePooling2d', poolSize: 2, padding: 'same' },
        { type: 'flatten' },
        { type: 'dropout', rate: 0.5 },
        { type: 'dense', units: 3, activation: 'softmax' },
      ],
      loss: 'sparse-categorical-crossentropy',
    },
    12,
  ),
  'overlapping pools': modelCase(
    {
      input: [7, 6, 2],
      layers: [
        { type: 'conv2d', filters: 3, kernelSize: 2, activation: 'tanh' },
        { type: 'maxPooling2d', poolSize: 3, strides: 2, padding: 'same' },
        { type: 'conv2d', filters: 4, kernelSize: 1, activation: 'gelu' },
        { type: 'maxPooling2d', poolSize: 2, strides: 1 },
        { type: 'globalMaxPooling2d' },
        { type: 'dense', units: 2 },
      ],
      loss: 'mean-squared-error',
    },
    13,
  ),
  'convolutional autoencoder': modelCase(
    {
      input: [8, 8, 1],
      layers: [
        { type: 'conv2d', filters: 4, kernelSize: 3, padding: 'same', activation: 'relu' },
        { type: 'maxPooling2d' },
        { type: 'conv2d', filters: 3, kernelSize: 3, padding: 'same', activation: 'relu' },
        { type: 'maxPooling2d' },
        { type: 'conv2dTranspose', filters: 4, kernelSize: 3, strides: 2, padding: 'same', activation: 'relu' },
        { type: 'upSampling2d' },
        { type: 'conv2d', filters: 1, kernelSize: 3, padding: 'same', activation: 'sigmoid' },
      ],
      loss: 'binary-crossentropy',
    },
    14,
  ),
  'transposed convolutions': modelCase(
    {
      input: [3, 4, 2],
      layers: [
        { type: 'conv2dTranspose', filters: 3, kernelSize: [3, 2], strides: [2, 1], activation: 'tanh' },
        { type: 'conv2dTranspose', filters: 2, kernelSize: [2, 4], strides: [1, 2], padding: 'same', useBias: false },
        { type: 'conv2dTranspose', filters: 2, kernelSize: 1, strides: 2, activation: 'swish' },
      ],
      loss: 'mean-squared-error',
    },
    15,
    { count: 2 },
  ),
  'separable convolutions (MobileNet)': modelCase(
    {
      input: [9, 9, 2],
      layers: [
        { type: 'conv2d', filters: 6, kernelSize: 3, strides: 2, padding: 'same', useBias: false },
        { type: 'batchNormalization' },
        { type: 'activation', activation: 'relu6' },
        { type: 'depthwiseConv2d', kernelSize: 3, padding: 'same', useBias: false },
        { type: 'batchNormalization' },
        { type: 'activation', activation: 'relu6' },
        { type: 'conv2d', filters: 8, kernelSize: 1, useBias: false },
        { type: 'batchNormalization' },
        { type: 'activation', activation: 'relu6' },
        { type: 'depthwiseConv2d', kernelSize: [3, 2], strides: 2, depthMultiplier: 2, activation: 'relu' },
        { type: 'globalAveragePooling2d' },
        { type: 'dense', units: 4, activation: 'softmax' },
      ],
      loss: 'sparse-categorical-crossentropy',
    },
    16,
    { count: 4 },
  ),
  'residual convolutions': modelCase(
    {
      input: [5, 5, 3],
      layers: [
        {
          type: 'residual',
          layers: [
            { type: 'conv2d', filters: 3, kernelSize: 3, padding: 'same', activation: 'relu' },
            { type: 'dropout', rate: 0.2 },
            { type: 'batchNormalization' },
            { type: 'depthwiseConv2d', kernelSize: 2, padding: 'same' },
          ],
        },
        { type: 'dropout', rate: 0.4 },
        { type: 'globalAveragePooling2d' },
        { type: 'dense', units: 3, activation: 'softmax' },
      ],
      loss: 'categorical-crossentropy',
    },
    17,
  ),
};

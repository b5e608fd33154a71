import { modelCase, type ModelCase } from './case.ts';
import { imageModels } from './image-models.ts';
import { sequenceModels } from './sequence-models.ts';

/** Dense models, small: a few dozen to a few thousand weights. */
const denseModels: Readonly<Record<string, ModelCase>> = {
  'multilayer perceptron (2NN)': modelCase(
    {
      input: [20],
      layers: [
        { type: 'dense', units: 12, activation: 'relu' },
        { type: 'dense', units: 10, activation: 'relu' },
        { type: 'dense', units: 5, activation: 'softmax' },
      ],
      loss: 'sparse-categorical-crossentropy',
    },
    1,
    { count: 4 },
  ),
  'logistic regression': modelCase(
    { input: [7], layers: [{ type: 'dense', units: 1, activation: 'sigmoid' }], loss: 'binary-crossentropy' },
    2,
    { count: 4, ys: 'labels' },
  ),
  'tabular perceptron with batch normalization and dropout': modelCase(
    {
      input: [11],
      layers: [
        { type: 'dense', units: 9, useBias: false },
        { type: 'batchNormalization' },
        { type: 'activation', activation: 'relu' },
        { type: 'dropout', rate: 0.3 },
        { type: 'dense', units: 8 },
        { type: 'batchNormalization', momentum: 0.9, epsilon: 0.01 },
        { type: 'activation', activation: 'tanh' },
        { type: 'dropout', rate: 0.5 },
        { type: 'dense', units: 1, activation: 'sigmoid' },
      ],
      loss: 'binary-crossentropy',
    },
    3,
    { count: 4 },
  ),
  'dense autoencoder': modelCase(
    {
      input: [16],
      layers: [
        { type: 'dense', units: 12, activation: 'relu' },
        { type: 'dense', units: 8, activation: 'tanh' },
        { type: 'dense', units: 12, activation: 'elu' },
        { type: 'dense', units: 16, activation: 'sigmoid' },
      ],
      loss: 'mean-squared-error',
    },
    4,
  ),
  'selu, swish and softplus under the mean absolute error': modelCase(
    {
      input: [6],
      layers: [
        { type: 'dense', units: 7, activation: 'selu' },
        { type: 'dense', units: 6, activation: 'swish' },
        { type: 'dense', units: 5, activation: 'softplus' },
        { type: 'dense', units: 3 },
      ],
      loss: 'mean-absolute-error',
    },
    5,
  ),
  'gelu, relu6 and sigmoid under the Huber loss': modelCase(
    {
      input: [6],
      layers: [
        { type: 'dense', units: 7, activation: 'gelu' },
        { type: 'dense', units: 8, activation: 'relu6' },
        { type: 'dense', units: 5, activation: 'sigmoid' },
        { type: 'layerNormalization' },
        { type: 'dense', units: 4 },
      ],
      loss: 'huber',
    },
    6,
    { count: 4, spread: 8 },
  ),
  'soft targets under the categorical cross entropy': modelCase(
    {
      input: [2, 6],
      layers: [
        { type: 'reshape', targetShape: [3, 4] },
        { type: 'dense', units: 5, activation: 'softmax' },
        { type: 'dense', units: 4, activation: 'linear', useBias: false },
        { type: 'activation', activation: 'softmax' },
      ],
      loss: 'categorical-crossentropy',
    },
    7,
  ),
};

/** Small versions of every family of models that a task may have, with every layer, activation and loss among them. */
export const referenceModels: Readonly<Record<string, ModelCase>> = {
  ...denseModels,
  ...imageModels,
  ...sequenceModels,
};

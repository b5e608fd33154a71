import { modelCase, type ModelCase } from './case.ts';

/** Models over sequences, small. */
export const sequenceModels: Readonly<Record<string, ModelCase>> = {
  'character LSTM, one label': modelCase(
    {
      input: [6],
      layers: [
        { type: 'embedding', inputDim: 9, outputDim: 4 },
        { type: 'lstm', units: 5, returnSequences: true },
        { type: 'lstm', units: 6 },
        { type: 'dense', units: 9, activation: 'softmax' },
      ],
      loss: 'sparse-categorical-crossentropy',
    },
    21,
  ),
  'character LSTM, a label for each place': modelCase(
    {
      input: [5],
      layers: [
        { type: 'embedding', inputDim: 8, outputDim: 3 },
        { type: 'lstm', units: 5, returnSequences: true },
        { type: 'dropout', rate: 0.2 },
        { type: 'lstm', units: 4, returnSequences: true },
        { type: 'dense', units: 8, activation: 'softmax' },
      ],
      loss: 'sparse-categorical-crossentropy',
    },
    22,
  ),
  'LSTM on real numbers': modelCase(
    {
      input: [5, 3],
      layers: [
        { type: 'lstm', units: 4 },
        { type: 'dense', units: 2 },
      ],
      loss: 'huber',
    },
    23,
  ),
  'character GRU': modelCase(
    {
      input: [6],
      layers: [
        { type: 'embedding', inputDim: 9, outputDim: 4 },
        { type: 'gru', units: 5, returnSequences: true },
        { type: 'gru', units: 6 },
        { type: 'dense', units: 9, activation: 'softmax' },
      ],
      loss: 'sparse-categorical-crossentropy',
    },
    24,
  ),
  'transformer block': modelCase(
    {
      input: [5],
      layers: [
        { type: 'embedding', inputDim: 7, outputDim: 6 },
        { type: 'positionEmbedding' },
        {
          type: 'residual',
          layers: [
            { type: 'layerNormalization' },
            { type: 'selfAttention', heads: 2, causal: true },
            { type: 'dropout', rate: 0.1 },
          ],
        },
        {
          type: 'residual',
          layers: [
            { type: 'layerNormalization' },
            { type: 'dense', units: 10, activation: 'gelu' },
            { type: 'dense', units: 6 },
          ],
        },
        { type: 'layerNormalization', epsilon: 1e-5 },
        { type: 'dense', units: 7, activation: 'softmax' },
      ],
      loss: 'sparse-categorical-crossentropy',
    },
    25,
  ),
  'attention over all places': modelCase(
    {
      input: [4, 6],
      layers: [
        { type: 'selfAttention', heads: 3 },
        { type: 'globalAveragePooling1d' },
        { type: 'dense', units: 2, activation: 'sigmoid' },
      ],
      loss: 'binary-crossentropy',
    },
    26,
  ),
  'bag of embeddings': modelCase(
    {
      input: [4],
      layers: [
        { type: 'embedding', inputDim: 6, outputDim: 5 },
        { type: 'globalAveragePooling1d' },
        { type: 'dense', units: 3, activation: 'softmax' },
      ],
      loss: 'sparse-categorical-crossentropy',
    },
    27,
  ),
  'convolution over windows, largest of all places': modelCase(
    {
      input: [12, 3],
      layers: [
        { type: 'conv1d', filters: 5, kernelSize: 3, padding: 'same', activation: 'relu' },
        { type: 'maxPooling1d' },
        { type: 'conv1d', filters: 4, kernelSize: 3, strides: 2, activation: 'tanh' },
        { type: 'globalMaxPooling1d' },
        { type: 'dense', units: 1 },
      ],
      loss: 'huber',
    },
    28,
  ),
  'convolution over windows, average pools': modelCase(
    {
      input: [11, 2],
      layers: [
        { type: 'conv1d', filters: 4, kernelSize: 4, strides: 2, padding: 'same', useBias: false, activation: 'swish' },
        { type: 'batchNormalization' },
        { type: 'averagePooling1d', poolSize: 3, strides: 2, padding: 'same' },
        { type: 'maxPooling1d', poolSize: 2, strides: 1, padding: 'same' },
        { type: 'flatten' },
        { type: 'dense', units: 3 },
      ],
      loss: 'mean-absolute-error',
    },
    29,
  ),
};

import { checkTask, type Task } from '../task.ts';

/**
 * Tasks of the next character. An example is a sequence of 80 characters, as codes below 90, and its 80 labels are at each
 * place the character that follows: one label for each place, not one for the whole sequence.
 */

const format = 'fedloom-task-1';
const vocabulary = 90;
const length = 80;
const loss = 'sparse-categorical-crossentropy';
const data = {
  features: [length],
  vocabulary,
  labels: { classes: vocabulary, positions: length },
  source: 'shakespeare',
};
const nextCharacter = { type: 'dense', units: vocabulary, activation: 'softmax' };

/**
 * B. McMahan et al., AISTATS 2017, section 3: characters embedded in 8 numbers, two LSTM layers of 256 units, unrolled over
 * 80 characters. 820,522 parameters; the paper has 866,578, and a vocabulary that it does not give.
 * With the paper's plain SGD the loss stays at that of the letters' frequencies, 3.2, for many hundred steps; with Adam it
 * leaves it after a hundred (2.44 after 300 steps of 10 on a twentieth of the data).
 */
const shakespeareLstm = checkTask({
  format,
  name: 'char-lstm',
  description: 'Next character of Shakespeare by two LSTM layers of 256 units',
  model: {
    input: [length],
    layers: [
      { type: 'embedding', inputDim: vocabulary, outputDim: 8 },
      { type: 'lstm', units: 256, returnSequences: true },
      { type: 'lstm', units: 256, returnSequences: true },
      nextCharacter,
    ],
    loss,
  },
  data,
  training: { localEpochs: 1, batchSize: 10, clientLearningRate: 0.003, optimizer: 'adam' },
});

/** A small recurrent model: one GRU layer (Cho et al. 2014) of 128 units, 68,730 parameters. */
const shakespeareGru = checkTask({
  format,
  name: 'char-gru',
  description: 'Next character of Shakespeare by a GRU layer of 128 units',
  model: {
    input: [length],
    layers: [
      { type: 'embedding', inputDim: vocabulary, outputDim: 16 },
      { type: 'gru', units: 128, returnSequences: true },
      nextCharacter,
    ],
    loss,
  },
  data,
  training: { localEpochs: 1, batchSize: 10, clientLearningRate: 1, optimizer: 'sgd', gradientClipNorm: 5 },
});

/** Causal attention and two dense layers, each normalized first and added (R. Xiong et al., 2020, figure 1b). */
const block = (width: number, heads: number): object[] => [
  { type: 'residual', layers: [{ type: 'layerNormalization' }, { type: 'selfAttention', heads, causal: true }] },
  {
    type: 'residual',
    layers: [
      { type: 'layerNormalization' },
      { type: 'dense', units: 4 * width, activation: 'gelu' },
      { type: 'dense', units: width },
    ],
  },
];

/**
 * A decoder as in A. Vaswani et al., Attention Is All You Need, 2017: two blocks of width 64 with 4 heads; 116,826
 * parameters.
 */
const shakespeareTransformer = checkTask({
  format,
  name: 'char-transformer',
  description: 'Next character of Shakespeare by two blocks of causal attention',
  model: {
    input: [length],
    layers: [
      { type: 'embedding', inputDim: vocabulary, outputDim: 64 },
      { type: 'positionEmbedding' },
      ...block(64, 4),
      ...block(64, 4),
      { type: 'layerNormalization' },
      nextCharacter,
    ],
    loss,
  },
  data,
  training: { localEpochs: 1, batchSize: 10, clientLearningRate: 0.002, optimizer: 'adam' },
});

export const textTasks: readonly Task[] = [shakespeareLstm, shakespeareGru, shakespeareTransformer];

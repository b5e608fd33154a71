import { checkTask, type Task } from '../task.ts';

/** Tasks on tables: income, heart disease, activity, sentences, numbers at random. Two classes are one output from 0 to 1. */

const format = 'fedloom-task-1';
const yesOrNo = { type: 'dense', units: 1, activation: 'sigmoid' };
const adult = { features: [88], labels: { classes: 2 }, source: 'adult' };
const heart = { features: [22], labels: { classes: 2 }, source: 'heart-disease' };
const logistic = (features: number): object => ({ input: [features], layers: [yesOrNo], loss: 'binary-crossentropy' });

/** Logistic regression, 89 parameters. */
const adultLogistic = checkTask({
  format,
  name: 'adult-logistic',
  description: 'Income above 50,000 dollars by logistic regression',
  model: logistic(88),
  data: adult,
  training: { localEpochs: 1, batchSize: 32, clientLearningRate: 0.1, optimizer: 'sgd' },
});

/** Two hidden layers with batch normalization and dropout (Srivastava et al. 2014): 8,001 weights, 128 of them statistics. */
const adultMlp = checkTask({
  format,
  name: 'adult-mlp',
  description: 'Income above 50,000 dollars by two hidden layers with batch normalization and dropout',
  model: {
    input: [88],
    layers: [
      { type: 'dense', units: 64, useBias: false },
      { type: 'batchNormalization', momentum: 0.9 },
      { type: 'activation', activation: 'relu' },
      { type: 'dropout', rate: 0.2 },
      { type: 'dense', units: 32, activation: 'relu' },
      yesOrNo,
    ],
    loss: 'binary-crossentropy',
  },
  data: adult,
  training: { localEpochs: 1, batchSize: 32, clientLearningRate: 0.05, optimizer: 'sgd' },
});

/**
 * Logistic regression across four hospitals, 23 parameters, as in J. Ogier du Terrail et al., FLamby, NeurIPS 2022,
 * Fed-Heart-Disease (there with 13 features and without the rows that miss a value).
 */
const heartLogistic = checkTask({
  format,
  name: 'heart-logistic',
  description: 'Heart disease from 13 findings by logistic regression',
  model: logistic(22),
  data: heart,
  training: { localEpochs: 1, batchSize: 8, clientLearningRate: 0.05, optimizer: 'sgd', l2: 0.001 },
});

/** Two hidden layers, 5,094 parameters; Kwapisz et al., SensorKDD 2010, used a perceptron with one on these features. */
const wisdmMlp = checkTask({
  format,
  name: 'wisdm-mlp',
  description: 'Six activities from the accelerometer of a phone by two hidden layers',
  model: {
    input: [43],
    layers: [
      { type: 'dense', units: 64, activation: 'relu' },
      { type: 'dropout', rate: 0.2 },
      { type: 'dense', units: 32, activation: 'relu' },
      { type: 'dense', units: 6, activation: 'softmax' },
    ],
    loss: 'sparse-categorical-crossentropy',
  },
  data: { features: [43], labels: { classes: 6 }, source: 'wisdm' },
  training: { localEpochs: 2, batchSize: 10, clientLearningRate: 0.05, optimizer: 'sgd' },
});

/** Logistic regression on hashed words, 2,049 parameters. */
const sentimentLogistic = checkTask({
  format,
  name: 'sentiment-logistic',
  description: 'Praise or complaint in a sentence, by logistic regression on hashed words',
  model: logistic(2_048),
  data: { features: [2_048], labels: { classes: 2 }, source: 'sentiment' },
  training: { localEpochs: 1, batchSize: 10, clientLearningRate: 2, optimizer: 'sgd' },
});

/**
 * Multinomial logistic regression, 610 parameters: T. Li et al., Federated Optimization in Heterogeneous Networks, 2020, section
 * 5.1, with its learning rate, batches of 10 and 20 local epochs. The data differ more with `--data synthetic:ALPHA,BETA`.
 */
const syntheticLogistic = checkTask({
  format,
  name: 'synthetic-logistic',
  description: 'Ten classes of synthetic data, by multinomial logistic regression (FedProx)',
  model: {
    input: [60],
    layers: [{ type: 'dense', units: 10, activation: 'softmax' }],
    loss: 'sparse-categorical-crossentropy',
  },
  data: { features: [60], labels: { classes: 10 }, source: 'synthetic:1,1' },
  training: { localEpochs: 20, batchSize: 10, clientLearningRate: 0.01, optimizer: 'sgd' },
});

export const tableTasks: readonly Task[] = [
  adultLogistic,
  adultMlp,
  heartLogistic,
  wisdmMlp,
  sentimentLogistic,
  syntheticLogistic,
];

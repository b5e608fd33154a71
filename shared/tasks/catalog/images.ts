import { checkTask, type Task } from '../task.ts';

/** Tasks on images of 28 x 28 grey values from 0 to 1: MNIST and Fashion-MNIST. */

const format = 'fedloom-task-1';
const pixels = [28, 28, 1];
const digit = { type: 'dense', units: 10, activation: 'softmax' };
const loss = 'sparse-categorical-crossentropy';
const digits = { features: [784], labels: { classes: 10 }, source: 'mnist' };
/** An autoencoder's targets are the pixels themselves. */
const samePixels = { features: [784], labels: { targets: 784 }, source: 'mnist?target=features' };

/**
 * The 2NN of B. McMahan et al., Communication-Efficient Learning of Deep Networks from Decentralized Data, AISTATS 2017,
 * section 3: two hidden layers of 200 ReLU units, 199,210 parameters, B = 10.
 */
const mnist2nn = checkTask({
  format,
  name: 'mnist-2nn',
  description: 'Handwritten digits by two hidden layers of 200 units',
  model: {
    input: [784],
    layers: [
      { type: 'dense', units: 200, activation: 'relu' },
      { type: 'dense', units: 200, activation: 'relu' },
      digit,
    ],
    loss,
  },
  data: digits,
  training: { localEpochs: 1, batchSize: 10, clientLearningRate: 0.1, optimizer: 'sgd' },
});

/** Multinomial logistic regression, the convex case that many papers begin with: 7,850 parameters. */
const mnistLogistic = checkTask({
  format,
  name: 'mnist-logistic',
  description: 'Handwritten digits by logistic regression',
  model: { input: [784], layers: [digit], loss },
  data: digits,
  training: { localEpochs: 1, batchSize: 10, clientLearningRate: 0.03, optimizer: 'sgd' },
});

/** The CNN of the same paper: 5x5 convolutions of 32 and 64 channels, each with 2x2 max pooling, and 512 units. */
const mcmahanCnn = {
  input: pixels,
  layers: [
    { type: 'conv2d', filters: 32, kernelSize: 5, padding: 'same', activation: 'relu' },
    { type: 'maxPooling2d', poolSize: 2 },
    { type: 'conv2d', filters: 64, kernelSize: 5, padding: 'same', activation: 'relu' },
    { type: 'maxPooling2d', poolSize: 2 },
    { type: 'flatten' },
    { type: 'dense', units: 512, activation: 'relu' },
    digit,
  ],
  loss,
};

/** McMahan et al. 2017, section 3: 1,663,370 parameters, B = 10. */
const mnistCnn = checkTask({
  format,
  name: 'mnist-cnn',
  description: 'Handwritten digits by two convolutions and 512 units',
  model: mcmahanCnn,
  data: digits,
  training: { localEpochs: 1, batchSize: 10, clientLearningRate: 0.05, optimizer: 'sgd' },
});

/** The same model for Fashion-MNIST (Xiao et al., arXiv:1708.07747): 1,663,370 parameters. */
const fashionMnistCnn = checkTask({
  format,
  name: 'fashion-mnist-cnn',
  description: 'Pictures of clothing by two convolutions and 512 units',
  model: mcmahanCnn,
  data: { ...digits, source: 'fashion-mnist' },
  training: { localEpochs: 1, batchSize: 10, clientLearningRate: 0.05, optimizer: 'sgd' },
});

/** For weak devices and for tests: 3x3 convolutions of 8 channels, 4,594 parameters. */
const mnistSmallCnn = checkTask({
  format,
  name: 'mnist-small-cnn',
  description: 'Handwritten digits by a model of 18 kB',
  model: {
    input: pixels,
    layers: [
      { type: 'conv2d', filters: 8, kernelSize: 3, padding: 'same', activation: 'relu' },
      { type: 'maxPooling2d', poolSize: 2 },
      { type: 'conv2d', filters: 8, kernelSize: 3, padding: 'same', activation: 'relu' },
      { type: 'maxPooling2d', poolSize: 2 },
      { type: 'flatten' },
      digit,
    ],
    loss,
  },
  data: digits,
  training: { localEpochs: 1, batchSize: 10, clientLearningRate: 0.05, optimizer: 'sgd' },
});

/** Batch statistics follow a client's few steps better than with the usual momentum of 0.99. */
const batchNormalization = { type: 'batchNormalization', momentum: 0.9 };
const relu6 = { type: 'activation', activation: 'relu6' };
/** A depthwise separable convolution: A. Howard et al., MobileNets, arXiv:1704.04861, section 3.1 and figure 3. */
const separable = (filters: number, strides: number): object[] => [
  { type: 'depthwiseConv2d', kernelSize: 3, strides, padding: 'same', useBias: false },
  batchNormalization,
  relu6,
  { type: 'conv2d', filters, kernelSize: 1, useBias: false },
  batchNormalization,
  relu6,
];

/** A MobileNet for small images: a convolution and three separable ones with batch normalization; 9,610 weights,
 * 576 of them statistics. */
const mnistMobilenet = checkTask({
  format,
  name: 'mnist-mobilenet',
  description: 'Handwritten digits by depthwise separable convolutions with batch normalization',
  model: {
    input: pixels,
    layers: [
      { type: 'conv2d', filters: 16, kernelSize: 3, strides: 2, padding: 'same', useBias: false },
      batchNormalization,
      relu6,
      ...separable(32, 1),
      ...separable(64, 2),
      ...separable(64, 1),
      { type: 'globalAveragePooling2d' },
      digit,
    ],
    loss,
  },
  data: digits,
  training: { localEpochs: 1, batchSize: 20, clientLearningRate: 0.05, optimizer: 'momentum' },
});

/** A dense autoencoder (Hinton and Salakhutdinov 2006) through 32 numbers: 209,968 parameters. */
const mnistAutoencoder = checkTask({
  format,
  name: 'mnist-autoencoder',
  description: 'Handwritten digits through 32 numbers and back',
  model: {
    input: [784],
    layers: [
      { type: 'dense', units: 128, activation: 'relu' },
      { type: 'dense', units: 32, activation: 'relu' },
      { type: 'dense', units: 128, activation: 'relu' },
      { type: 'dense', units: 784, activation: 'sigmoid' },
    ],
    loss: 'binary-crossentropy',
  },
  data: samePixels,
  training: { localEpochs: 1, batchSize: 20, clientLearningRate: 0.001, optimizer: 'adam' },
});

/** Convolutions down to [7, 7, 8], transposed ones back up; 3,217 parameters. */
const mnistConvAutoencoder = checkTask({
  format,
  name: 'mnist-conv-autoencoder',
  description: 'Handwritten digits through 392 numbers and back, by convolutions',
  model: {
    input: pixels,
    layers: [
      { type: 'conv2d', filters: 16, kernelSize: 3, strides: 2, padding: 'same', activation: 'relu' },
      { type: 'conv2d', filters: 8, kernelSize: 3, strides: 2, padding: 'same', activation: 'relu' },
      { type: 'conv2dTranspose', filters: 8, kernelSize: 3, strides: 2, padding: 'same', activation: 'relu' },
      { type: 'conv2dTranspose', filters: 16, kernelSize: 3, strides: 2, padding: 'same', activation: 'relu' },
      { type: 'conv2d', filters: 1, kernelSize: 3, padding: 'same', activation: 'sigmoid' },
    ],
    loss: 'binary-crossentropy',
  },
  data: samePixels,
  training: { localEpochs: 1, batchSize: 20, clientLearningRate: 0.002, optimizer: 'adam' },
});

export const imageTasks: readonly Task[] = [
  mnist2nn,
  mnistLogistic,
  mnistCnn,
  mnistSmallCnn,
  mnistMobilenet,
  mnistAutoencoder,
  mnistConvAutoencoder,
  fashionMnistCnn,
];

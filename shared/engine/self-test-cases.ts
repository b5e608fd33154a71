import type { ModelSpec } from '../tasks/model.ts';
import type { Examples } from './engine.ts';

/** A tiny model with its answers. */
export interface SelfTestCase {
  readonly model: ModelSpec;
  readonly batch: Examples;
  readonly loss: number;
  /** The gradient of each weight of the flat vector. */
  readonly gradients: readonly number[];
}

/** The weights of every case: -0.5 to 0.5, without a pattern that a layer could hide behind. */
export const selfTestWeights = (length: number): Float32Array =>
  Float32Array.from({ length }, (_, i) => (((i * 7) % 11) - 5) / 10);

/**
 * One case for each way in which backends are known to go wrong. All numbers are from loops over float64 in Python, the
 * gradients from central differences with step 1e-5. No value comes near a kink of ReLU or a tie of the pooling.
 */
export const selfTestCases: readonly SelfTestCase[] = [
  // Products and the cross entropy.
  {
    model: {
      input: [3],
      layers: [
        { type: 'dense', units: 4, activation: 'relu', useBias: true },
        { type: 'dense', units: 3, activation: 'softmax', useBias: true },
      ],
      loss: 'sparse-categorical-crossentropy',
    },
    batch: { xs: Float32Array.of(0.5, -1, 2, 1.5, 0.25, -0.75), ys: Int32Array.of(2, 0), count: 2 },
    loss: 1.0567695,
    gradients: [
      [0, 0.01543, 0.18737, -0.158714, 0, -0.03086, 0.031228, -0.026452, 0, 0.06172, -0.093685, 0.079357],
      [0, 0.03086, 0.124914, -0.10581],
      [0, 0, 0, 0.145734, 0.171021, -0.316755, -0.078656, 0.058115, 0.020541, -0.256942, 0.189841, 0.0671],
      [-0.02758, 0.368749, -0.341168],
    ].flat(),
  },
  // Convolution and pooling.
  {
    model: {
      input: [4, 4, 2],
      layers: [
        {
          type: 'conv2d',
          filters: 3,
          kernelSize: [3, 3],
          strides: [1, 1],
          padding: 'same',
          activation: 'relu',
          useBias: true,
        },
        { type: 'maxPooling2d', poolSize: [2, 2], padding: 'valid' },
        { type: 'flatten' },
        { type: 'dense', units: 2, activation: 'softmax', useBias: true },
      ],
      loss: 'sparse-categorical-crossentropy',
    },
    batch: {
      xs: Float32Array.from({ length: 64 }, (_, i) => (((i * 37) % 97) - 40) / 50),
      ys: Int32Array.of(1, 0),
      count: 2,
    },
    loss: 1.0592928,
    gradients: [
      [-0.040339, 0.267867, -0.314371, 0.1822, -0.105666, 0.066021, 0.247227, -0.210809, -0.153003],
      [0.043865, 0.228083, 0.137662, 0.051674, -0.117781, 0.152682, 0.040606, 0.218736, -0.14732],
      [0.013813, 0.28528, -0.276531, -0.448058, -0.146753, 0.006431, 0.098348, -0.310396, -0.128368],
      [0.058233, 0.223361, 0.222379, 0.065722, -0.194838, 0.269619, -0.102857, 0.236544, -0.333557],
      [-0.006688, 0.150994, 0.075978, -0.410059, -0.073521, -0.079952, 0.194848, 0.12372, -0.085465],
      [0.059868, -0.100795, 0.09478, 0.124041, -0.056919, 0.255069, -0.139403, 0.037946, 0.025426],
      [0.158643, -0.22114, 0.101489],
      [-0.160876, 0.160876, -0.015416, 0.015416, 0.328002, -0.328002, 0.125665, -0.125665],
      [0, 0, 0.145108, -0.145108, 0.334081, -0.334081, 0.031248, -0.031248],
      [0.317992, -0.317992, 0.029603, -0.029603, -0.033993, 0.033993, 0.127268, -0.127268],
      [0.202978, -0.202978],
    ].flat(),
  },
  // Lookups, with one word twice in an example, and a loss of real numbers.
  {
    model: {
      input: [3],
      layers: [
        { type: 'embedding', inputDim: 5, outputDim: 2 },
        { type: 'flatten' },
        { type: 'dense', units: 3, activation: 'tanh', useBias: true },
        { type: 'dense', units: 2, activation: 'linear', useBias: true },
      ],
      loss: 'mean-squared-error',
    },
    batch: { xs: Float32Array.of(0, 3, 1, 3, 3, 2), ys: Float32Array.of(0.5, -1, 0.25, 0.75), count: 2 },
    loss: 0.4421489,
    gradients: [
      [-0.025753, 0.075144, 0.025694, -0.049371, 0.009266, 0.09642, -0.005516, -0.069507, 0, 0],
      [0.046483, -0.094306, -0.16481, -0.010651, 0.021342, 0.022276, -0.001448, 0.001733, -0.064567],
      [0, 0, 0, 0.015615, -0.03158, -0.049556, -0.041519, 0.084068, 0.13753],
      [-0.003619, 0.004332, -0.161419],
      [-0.103923, 0.110194, -0.085199, 0.142876, 0.104125, 0.019679],
      [-0.213722, -0.356173],
    ].flat(),
  },
];

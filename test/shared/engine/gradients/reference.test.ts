import { expect } from 'chai';
import * as v from 'valibot';
import { dropoutMask } from '../../../../shared/engine/dropout.ts';
import { modelSchema, type LossName, type ModelInput } from '../../../../shared/tasks/model.ts';
import { expectClose } from '../../../helpers/reference/close.ts';
import { erf, erfc } from '../../../helpers/reference/erf.ts';
import { accuracyOf, lossOf } from '../../../helpers/reference/losses.ts';
import { batchMoments, referencePredict, type Mode } from '../../../helpers/reference/network.ts';
import { tensor } from '../../../helpers/reference/tensor.ts';

type Layers = ModelInput['layers'];
/** The output of layers for examples, without a loss. */
const run = (input: number[], layers: Layers, weights: number[], xs: number[], mode?: Mode): number[] => {
  const model = v.parse(modelSchema, { input, layers, loss: 'mean-squared-error' });
  const count = xs.length / input.reduce((a, b) => a * b, 1);
  return Array.from(
    referencePredict(model, Float64Array.from(weights), { xs: Float32Array.from(xs), count }, mode).data,
  );
};
const ln3 = Math.log(3); // its sigmoid is 3/4
const identity = [1, 0, 0, 1];

describe('the float64 reference network', () => {
  it('knows erf to the last digits of the tables', () => {
    // Abramowitz and Stegun, tables 7.1 and 7.3; erfc(5) from DLMF 7.12 evaluated by mpmath
    const known = [
      [0.5, 0.5204998778130465],
      [1, 0.8427007929497149],
      [2, 0.9953222650189527],
      [-0.1, -0.1124629160182849],
    ] as const;
    for (const [x, expected] of known) expect(erf(x) / expected).to.be.closeTo(1, 1e-15);
    expect(erfc(3) / 2.209049699858544e-5).to.be.closeTo(1, 1e-14);
    expect(erfc(5) / 1.5374597944280349e-12).to.be.closeTo(1, 1e-14);
    expect(erfc(2 - 1e-9) / erfc(2)).to.be.closeTo(1, 1e-7); // the two formulas meet
    expect(erf(0)).to.equal(0);
  });

  it('computes dense layers over the last axis', () => {
    // [1 2] [[1 2] [3 4]] + [0.5 -0.5] = [7.5 9.5]; [0 1] gives the second row
    const weights = [1, 2, 3, 4, 0.5, -0.5];
    const layers: Layers = [{ type: 'dense', units: 2 }];
    expectClose(run([2], layers, weights, [1, 2, 0, 1]), [7.5, 9.5, 3.5, 3.5]);
    expectClose(run([2, 2], layers, weights, [1, 2, 0, 1]), [7.5, 9.5, 3.5, 3.5]);
    expectClose(run([2], [{ type: 'dense', units: 2, useBias: false }], weights.slice(0, 4), [1, 2]), [7, 10]);
  });

  const atMinusOneAndTwo = {
    linear: [-1, 2],
    relu: [0, 2],
    relu6: [0, 2],
    elu: [1 / Math.E - 1, 2],
    selu: [-1.1113307378125625, 2 * 1.0507009873554805], // scale and alpha of Klambauer et al. 2017
    gelu: [-0.15865525393145707, 1.9544997361036416], // x Φ(x): Φ(1) = 0.841344746..., Φ(2) = 0.977249868...
    sigmoid: [1 / (1 + Math.E), 1 / (1 + Math.E ** -2)],
    tanh: [-0.7615941559557649, 0.9640275800758169],
    softplus: [Math.log(1 + 1 / Math.E), Math.log(1 + Math.E ** 2)],
    swish: [-1 / (1 + Math.E), 2 / (1 + Math.E ** -2)],
    softmax: [1 / (1 + Math.E ** 3), 1 / (1 + Math.E ** -3)],
  } as const;
  for (const [activation, expected] of Object.entries(atMinusOneAndTwo)) {
    it(`computes ${activation}`, () => {
      const layers = [{ type: 'activation', activation }] as Layers;
      expectClose(run([2], layers, [], [-1, 2]), [...expected], 1e-13);
    });
  }
  it('cuts relu6 off at 6, and keeps softmax and softplus finite far from zero', () => {
    expectClose(run([2], [{ type: 'activation', activation: 'relu6' }], [], [5.5, 7]), [5.5, 6]);
    expectClose(run([2], [{ type: 'activation', activation: 'softmax' }], [], [1000, 1000]), [0.5, 0.5]);
    expectClose(run([2], [{ type: 'activation', activation: 'softplus' }], [], [-1000, 1000]), [0, 1000]);
  });

  const image = [1, 2, 3, 4, 5, 6, 7, 8, 9]; // 3 x 3
  it('slides a window over an image', () => {
    // corners of each 2 x 2 window times 1 10 100 1000: 1 + 20 + 400 + 5000, ...
    const kernel = [1, 10, 100, 1000];
    const conv = (options: object): Layers => [
      { type: 'conv2d', filters: 1, kernelSize: 2, useBias: false, ...options },
    ];
    expectClose(run([3, 3, 1], conv({}), kernel, image), [5421, 6532, 8754, 9865]);
    // an even window puts the padding behind
    expectClose(
      run([3, 3, 1], conv({ padding: 'same' }), kernel, image),
      [5421, 6532, 603, 8754, 9865, 906, 87, 98, 9],
    );
    // stride 2 and `same`: 2 x 2 places, one column and row of padding behind
    expectClose(run([3, 3, 1], conv({ padding: 'same', strides: 2 }), kernel, image), [5421, 603, 87, 9]);
    // a window of 3: padding on both sides; the middle of the kernel alone is the identity
    const middle = [0, 0, 0, 0, 1, 0, 0, 0, 0];
    const same3: Layers = [{ type: 'conv2d', filters: 1, kernelSize: 3, padding: 'same', useBias: false }];
    expectClose(run([3, 3, 1], same3, middle, image), image);
  });

  it('sums the channels of a convolution for each filter', () => {
    // one place, channels 2 and 3, two filters: [2 3] [[1 10] [100 1000]] + [0.5 0] = [302.5 3020]
    const layers: Layers = [{ type: 'conv2d', filters: 2, kernelSize: 1 }];
    expectClose(run([1, 1, 2], layers, [1, 10, 100, 1000, 0.5, 0], [2, 3]), [302.5, 3020]);
  });

  it('slides a window over a sequence', () => {
    // kernel [1 10] over 1 2 3 4 with stride 2: 21, 43; relu of their negatives is zero
    const layers: Layers = [{ type: 'conv1d', filters: 2, kernelSize: 2, strides: 2, activation: 'relu' }];
    // [tap, channel, filter]: the second filter is the negative of the first; biases 0.5 and 22
    expectClose(run([4, 1], layers, [1, -1, 10, -10, 0.5, 22], [1, 2, 3, 4]), [21.5, 1, 43.5, 0]);
  });

  it('gives each channel of a depthwise convolution its own filters', () => {
    // window 1 x 2, channels a = 1 2, b = 3 4, multiplier 2: kernel [tap, channel, filter]
    const layers: Layers = [{ type: 'depthwiseConv2d', kernelSize: [1, 2], depthMultiplier: 2 }];
    const kernel = [1, 2, 3, 4, 10, 20, 30, 40];
    // a: 1·1 + 2·10 = 21, 1·2 + 2·20 = 42; b: 3·3 + 4·30 = 129, 3·4 + 4·40 = 172; biases 0 0 0 0.5
    expectClose(run([1, 2, 2], layers, [...kernel, 0, 0, 0, 0.5], [1, 3, 2, 4]), [21, 42, 129, 172.5]);
  });

  it('paints a window for each value in a transposed convolution', () => {
    const layers = (padding: 'valid' | 'same', width: number, strides: number): Layers => [
      { type: 'conv2dTranspose', filters: 1, kernelSize: [1, width], strides: [1, strides], padding, useBias: false },
    ];
    // 1 paints 1 10 100 from 0, 2 paints 2 20 200 from 2; `same` cuts (3 - 2) behind, none before
    expectClose(run([1, 2, 1], layers('valid', 3, 2), [1, 10, 100], [1, 2]), [1, 10, 102, 20, 200]);
    expectClose(run([1, 2, 1], layers('same', 3, 2), [1, 10, 100], [1, 2]), [1, 10, 102, 20]);
    // a window smaller than the stride leaves gaps, and a wider one is cut on both sides
    expectClose(run([1, 2, 1], layers('valid', 1, 2), [5], [1, 2]), [5, 0, 10, 0]);
    expectClose(run([1, 2, 1], layers('same', 3, 1), [1, 10, 100], [1, 2]), [12, 120]);
    // kernel [height, width, filters, channels]: two filters of one place with two channels 2 and 3
    const two: Layers = [{ type: 'conv2dTranspose', filters: 2, kernelSize: 1 }];
    expectClose(run([1, 1, 2], two, [1, 10, 100, 1000, 0.5, 0], [2, 3]), [32.5, 3200]);
  });

  it('pools windows, and leaves padding out of both the largest and the mean', () => {
    const negative = image.map((value) => -value);
    const same = { strides: 2, padding: 'same' } as const;
    expectClose(run([3, 3, 1], [{ type: 'maxPooling2d', ...same }], [], negative), [-1, -3, -7, -9]);
    // means of {1 2 4 5}, {3 6}, {7 8}, {9}
    expectClose(run([3, 3, 1], [{ type: 'averagePooling2d', ...same }], [], image), [3, 4.5, 7.5, 9]);
    expectClose(run([3, 3, 1], [{ type: 'maxPooling2d' }], [], image), [5]);
    expectClose(run([3, 3, 1], [{ type: 'averagePooling2d', poolSize: [3, 1], strides: 1 }], [], image), [4, 5, 6]);
    expectClose(run([5, 1], [{ type: 'maxPooling1d' }], [], [1, 2, 4, 3, 9]), [2, 4]);
    expectClose(
      run([3, 1], [{ type: 'averagePooling1d', poolSize: 3, strides: 1, padding: 'same' }], [], [1, 2, 6]),
      [1.5, 3, 4],
    );
    const twoChannels = [1, -1, 2, -4, 6, -4]; // length 3
    expectClose(run([3, 2], [{ type: 'globalMaxPooling1d' }], [], twoChannels), [6, -1]);
    expectClose(run([3, 1, 2], [{ type: 'globalAveragePooling2d' }], [], twoChannels), [3, -3]);
  });

  it('repeats rows and columns', () => {
    const layers: Layers = [{ type: 'upSampling2d', size: [1, 2] }];
    expectClose(run([2, 1, 2], layers, [], [1, 2, 3, 4]), [1, 2, 1, 2, 3, 4, 3, 4]);
  });

  it('normalises a batch by its own statistics in training and by the moving ones in evaluation', () => {
    const layers: Layers = [{ type: 'batchNormalization', epsilon: 0.25 }];
    // 0 0 0 2: mean 1/2, variance (3/4 + 9/4) / 4 = 3/4, so sqrt(variance + epsilon) = 1; gamma 2, beta 1
    const weights = [2, 1, 4, 15.75]; // moving mean 4, moving variance 15.75, whose square root is 4
    expectClose(run([1], layers, weights, [0, 0, 0, 2], { training: true }), [0, 0, 0, 4]);
    expectClose(run([1], layers, weights, [0, 0, 0, 2]), [-1, -1, -1, 0]);
    const model = v.parse(modelSchema, { input: [1], layers, loss: 'huber' });
    const batch = { xs: Float32Array.of(0, 0, 0, 2), ys: new Float32Array(4), count: 4 };
    expect(batchMoments(model, Float64Array.from(weights), batch)).to.deep.equal([
      { momentum: 0.99, mean: Float64Array.of(0.5), variance: Float64Array.of(0.75) },
    ]);
  });

  it('normalises each row over the last axis', () => {
    const layers: Layers = [{ type: 'layerNormalization', epsilon: 0.25 }];
    expectClose(run([4], layers, [1, 1, 1, 2, 0, 10, 0, 0], [0, 0, 0, 2]), [-0.5, 9.5, -0.5, 3]);
  });

  it('looks rows up and adds a vector to each place', () => {
    const layers: Layers = [{ type: 'embedding', inputDim: 2, outputDim: 2 }, { type: 'positionEmbedding' }];
    expectClose(run([2], layers, [1, 2, 3, 4, 10, 20, 30, 40], [1, 0, 1, 1]), [13, 24, 31, 42, 13, 24, 33, 44]);
  });

  it('drops what the mask of its number says in training, and nothing in evaluation', () => {
    const layers: Layers = [
      { type: 'dropout', rate: 0.5 },
      { type: 'residual', layers: [{ type: 'dropout', rate: 0.25 }] },
    ];
    const xs = Array.from({ length: 40 }, (_, i) => i + 1);
    const first = dropoutMask(9, 0, 0.5, new Float32Array(40));
    const second = dropoutMask(9, 1, 0.25, new Float32Array(40));
    expectClose(
      run([20], layers, [], xs, { training: true, seed: 9 }),
      xs.map((x, i) => x * first[i]! * (1 + second[i]!)),
    );
    expectClose(
      run([20], layers, [], xs),
      xs.map((x) => 2 * x),
    );
  });

  it('steps an LSTM through its gates i, f, c, o', () => {
    const layers = (returnSequences: boolean): Layers => [{ type: 'lstm', units: 1, returnSequences }];
    // i = 3/4, f = 1/4, candidate tanh(x), o = sigmoid(2 h)
    const weights = [0, 0, 1, 0, 0, 0, 0, 2, ln3, -ln3, 0, 0]; // kernel, recurrent kernel, bias
    const half = Math.atanh(0.5);
    const h1 = Math.tanh(0.375) / 2; // c = 3/4 · 1/2, o = 1/2
    const h2 = Math.tanh(0.375 / 4 + 0.375) / (1 + Math.exp(-2 * h1));
    expectClose(run([2, 1], layers(true), weights, [half, half]), [h1, h2], 1e-7);
    expectClose(run([2, 1], layers(false), weights, [half, half]), [h2], 1e-7);
  });

  it('steps a GRU through its gates z, r, h, with the reset before the product', () => {
    const layers: Layers = [{ type: 'gru', units: 2, returnSequences: true }];
    // one input; z = 3/4, r = 1/4 for unit 0 and 3/4 for unit 1; candidate tanh(x + U (r h)) for unit 0, tanh(2 x) for 1
    const kernel = [0, 0, 0, 0, 1, 2];
    const recurrent = [0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 8, 0];
    const bias = [ln3, ln3, -ln3, ln3, 0, 0];
    const [a, b] = [Math.tanh(0.5) / 4, Math.tanh(1) / 4];
    const a2 = 0.75 * a + Math.tanh(0.25 + 4 * (a / 4) + 8 * (0.75 * b)) / 4;
    const b2 = 0.75 * b + Math.tanh(0.5) / 4;
    expectClose(run([2, 1], layers, [...kernel, ...recurrent, ...bias], [0.5, 0.25]), [a, b, a2, b2]);
  });

  it('attends: scores over the root of the head size, heads side by side, a causal place without those behind it', () => {
    const attend = (heads: number, causal: boolean): Layers => [{ type: 'selfAttention', heads, causal }];
    const zero = [0, 0, 0, 0, 0, 0];
    const pass = [...identity, 0, 0];
    const xs = [1, 2, 3, 6]; // places [1 2] and [3 6]
    // no query: all scores are equal, so a place takes the mean of what it sees
    expectClose(run([2, 2], attend(1, false), [...zero, ...zero, ...pass, ...pass], xs), [2, 4, 2, 4]);
    expectClose(run([2, 2], attend(1, true), [...zero, ...zero, ...pass, ...pass], xs), [1, 2, 2, 4]);
    // query [a 0] by its bias, key = x; one head of two: scores a/√2 · 1 and a/√2 · 3, apart by ln 3 for a = ln3/√2
    const query = (first: number, second: number) => [0, 0, 0, 0, first, second];
    const weights = [...query(ln3 / Math.SQRT2, 0), ...pass, ...pass, ...identity, 0.5, 0];
    // shares 1/4 and 3/4 of [1 2] and [3 6]: [2.5 5], and the output bias [0.5 0]
    expectClose(run([2, 2], attend(1, false), weights, xs), [3, 5, 3, 5]);
    // two heads of size one: channel 0 by scores apart by ln 3, channel 1 by none
    const each = [...query(ln3 / 2, 0), ...pass, ...pass, ...pass];
    expectClose(run([2, 2], attend(2, false), each, xs), [2.5, 4, 2.5, 4]);
  });

  it('adds the input of a residual to what its layers give', () => {
    const layers: Layers = [{ type: 'residual', layers: [{ type: 'dense', units: 2, activation: 'relu' }] }];
    expectClose(run([2], layers, [...identity, 0, -10], [3, 4]), [6, 4]);
  });

  it('computes each loss as by hand', () => {
    const known: [LossName, number[], number[], number][] = [
      // softmax of [0 ln3] is [1/4 3/4], of [0 0] halves
      ['sparse-categorical-crossentropy', [0, ln3, 0, 0], [0, 1], (Math.log(4) + Math.log(2)) / 2],
      [
        'categorical-crossentropy',
        [0, ln3, 0, 0],
        [0.5, 0.5, 0, 1],
        (Math.log(4) / 2 + Math.log(4 / 3) / 2 + Math.log(2)) / 2,
      ],
      // sigmoid of ln3 is 3/4, of -1000 as good as 0
      [
        'binary-crossentropy',
        [ln3, ln3, -1000, -1000],
        [1, 0.5, 0, 1],
        (Math.log(4 / 3) + Math.log(4 / 3) / 2 + Math.log(4) / 2 + 1000) / 4,
      ],
      ['mean-squared-error', [1, 2, 3, 4], [0, 2, 5, 1], (1 + 4 + 9) / 4],
      ['mean-absolute-error', [1, 2, 3, 4], [0, 2, 5, 1], 6 / 4],
      ['huber', [1, 2, 3, 4], [0.5, 2, 5, 1], (1 / 8 + 1.5 + 2.5) / 4],
    ];
    for (const [loss, output, ys, expected] of known) {
      expect(lossOf(loss, tensor([2, 2], output), ys), loss).to.be.closeTo(expected, 1e-12);
    }
  });

  it('counts what is right', () => {
    const output = tensor([2, 2], [0, 1, 2, -1]);
    expect(accuracyOf('sparse-categorical-crossentropy', output, [1, 1])).to.equal(0.5);
    expect(accuracyOf('categorical-crossentropy', output, [0.4, 0.6, 0.9, 0.1])).to.equal(1);
    expect(accuracyOf('binary-crossentropy', output, [1, 1, 0, 1])).to.equal(0.5);
    expect(accuracyOf('binary-crossentropy', output, [1, 1, 0.2, 0.9])).to.equal(undefined);
    expect(accuracyOf('huber', output, [0, 1, 2, -1])).to.equal(undefined);
  });
});

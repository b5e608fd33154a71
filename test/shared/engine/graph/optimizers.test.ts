import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import type { UpdateRule } from '../../../../shared/engine/engine.ts';
import { createUpdater, type Trained } from '../../../../shared/engine/graph/optimizers.ts';
import { seeded } from '../../../../shared/random.ts';
import { optimizerNames, optimizerSchema, type OptimizerSpec } from '../../../../shared/tasks/optimizer.ts';
import * as v from 'valibot';
import { largest, startCpu } from './support.ts';

const spec = (value: v.InferInput<typeof optimizerSchema>): OptimizerSpec => v.parse(optimizerSchema, value);
const rate = 0.1;

/** The weights (three of a kernel, two of a bias) after each of the gradients. */
function walk(rule: UpdateRule, start: readonly number[], gradients: readonly (readonly number[])[]): number[][] {
  const parts = (values: readonly number[]) => [values.slice(0, 3), values.slice(3)].map((part) => tf.tensor1d(part));
  const before = tf.memory().numTensors;
  const variables = tf.tidy(() => parts(start).map((part) => tf.variable(part)));
  const trained: Trained[] = [
    { variable: variables[0]!, role: 'kernel', offset: 0 },
    { variable: variables[1]!, role: 'bias', offset: 3 },
  ];
  const updater = createUpdater(rule, trained, 5);
  const during = tf.memory().numTensors;
  const weights = gradients.map((gradient) => {
    tf.tidy(() => updater.apply(parts(gradient), rate));
    expect(tf.memory().numTensors).to.equal(during);
    return variables.flatMap((variable) => Array.from(variable.dataSync()));
  });
  updater.dispose();
  tf.dispose(variables);
  expect(tf.memory().numTensors).to.equal(before);
  return weights;
}

/** The same in plain numbers of 64 bits. */
function reference(
  { optimizer, l2 = 0, gradientClipValue = Infinity, gradientClipNorm = Infinity }: UpdateRule,
  start: readonly number[],
  gradients: readonly (readonly number[])[],
): number[][] {
  const w = [...start];
  const m = w.map(() => 0);
  const s = w.map(() => (optimizer.name === 'adagrad' ? optimizer.initialAccumulator : 0));
  return gradients.map((raw, index) => {
    const cut = raw.map((value, i) => {
      const whole = value + (i < 3 ? 2 * l2 * w[i]! : 0);
      return Math.min(gradientClipValue, Math.max(-gradientClipValue, whole));
    });
    const norm = Math.hypot(...cut);
    for (const [i, value] of cut.entries()) {
      const g = norm > gradientClipNorm ? (value * gradientClipNorm) / norm : value;
      switch (optimizer.name) {
        case 'sgd':
          w[i]! -= rate * g;
          break;
        case 'momentum':
          m[i] = optimizer.momentum * m[i]! + g;
          w[i]! -= rate * m[i]!;
          break;
        case 'nesterov':
          m[i] = optimizer.momentum * m[i]! + g;
          w[i]! -= rate * (g + optimizer.momentum * m[i]!);
          break;
        case 'adam':
        case 'adamw': {
          const { beta1, beta2, epsilon } = optimizer;
          m[i] = beta1 * m[i]! + (1 - beta1) * g;
          s[i] = beta2 * s[i]! + (1 - beta2) * g * g;
          const mean = m[i]! / (1 - beta1 ** (index + 1));
          const square = s[i]! / (1 - beta2 ** (index + 1));
          const decay = optimizer.name === 'adamw' && i < 3 ? optimizer.weightDecay * w[i]! : 0;
          w[i]! -= rate * (mean / (Math.sqrt(square) + epsilon) + decay);
          break;
        }
        case 'rmsprop':
          s[i] = optimizer.decay * s[i]! + (1 - optimizer.decay) * g * g;
          w[i]! -= (rate * g) / (Math.sqrt(s[i]!) + optimizer.epsilon);
          break;
        case 'adagrad':
          s[i]! += g * g;
          w[i]! -= (rate * g) / (Math.sqrt(s[i]!) + optimizer.epsilon);
          break;
        default:
          optimizer satisfies never;
      }
    }
    return [...w];
  });
}

describe('the optimizers of the graph engine', () => {
  before(startCpu);

  const start = [1, -2, 0.5, 0, 3];
  const random = seeded(4);
  const gradients = Array.from({ length: 50 }, () => start.map(() => 4 * random.float() - 2));

  for (const name of optimizerNames) {
    const rules: Record<string, Omit<UpdateRule, 'optimizer'>> = {
      alone: {},
      'with L2 and clipping by value': { l2: 0.1, gradientClipValue: 1 },
      'with L2 and both clippings': { l2: 0.1, gradientClipValue: 1, gradientClipNorm: 0.7 },
    };
    for (const [how, extra] of Object.entries(rules)) {
      it(`go with ${name} ${how} where a loop over float64 goes in 50 steps`, () => {
        const rule = { optimizer: spec(name), ...extra };
        const weights = walk(rule, start, gradients);
        const expected = reference(rule, start, gradients);
        for (const [i, at] of weights.entries()) expect(largest(at, expected[i]!), `step ${i + 1}`).to.be.below(2e-5);
      });
    }
  }

  const close = (values: readonly number[], expected: readonly number[]) =>
    expect(largest(values, expected)).to.be.below(1e-6);
  const twice = [
    [1, 2, 0, -1, 0],
    [1, 2, 0, -1, 0],
  ];
  const zeros = [0, 0, 0, 0, 0];

  it('gather speed with momentum: v = g, then 1.9 g', () => {
    const [first, second] = walk({ optimizer: spec('momentum') }, zeros, twice);
    close(first!, [-0.1, -0.2, 0, 0.1, 0]);
    close(second!, [-0.29, -0.58, 0, 0.29, 0]);
  });

  it('look ahead with Nesterov: g + 0.9 g, then g + 0.9 · 1.9 g', () => {
    const [first, second] = walk({ optimizer: spec('nesterov') }, zeros, twice);
    close(first!, [-0.19, -0.38, 0, 0.19, 0]);
    close(second!, [-0.19 - 0.271, -2 * 0.461, 0, 0.461, 0]);
  });

  it('go by the sign in the first step of Adam, and AdamW also shrinks kernels but not biases', () => {
    const [first] = walk({ optimizer: spec('adam') }, start, twice);
    close(first!, [0.9, -2.1, 0.5, 0.1, 3]);
    const [decayed] = walk({ optimizer: spec({ name: 'adamw', weightDecay: 0.5 }) }, start, twice);
    close(decayed!, [0.9 - 0.05, -2.1 + 0.1, 0.5 - 0.025, 0.1, 3]);
  });

  it('scale by the root of the squares: Adagrad from 0.1, RMSProp from 0', () => {
    const [first] = walk({ optimizer: spec({ name: 'adagrad', initialAccumulator: 3 }) }, zeros, twice);
    close(first!, [-0.1 / 2, -0.2 / Math.sqrt(7), 0, 0.1 / 2, 0]);
    const [scaled] = walk({ optimizer: spec({ name: 'rmsprop', decay: 0.75 }) }, zeros, twice);
    close(scaled!, [-0.2, -0.2, 0, 0.2, 0]); // g / sqrt(g² / 4)
  });

  it('add the L2 part first, then cut values off, then scale the norm', () => {
    // Kernel 1, -2, 0.5 with gradients 0: L2 of 0.5 gives 1, -2, 0.5, cut off at 1: (1, -1, 0.5, 0, 0), norm 1.5.
    const rule = { optimizer: spec('sgd'), l2: 0.5, gradientClipValue: 1, gradientClipNorm: 0.3 };
    const [first] = walk(rule, start, [zeros]);
    close(first!, [1 - 0.02, -2 + 0.02, 0.5 - 0.01, 0, 3]);
  });

  it('leave a gradient of zero, and one within the norm, as they are', () => {
    const rule = { optimizer: spec('sgd'), gradientClipNorm: 5 };
    expect(walk(rule, start, [zeros])[0]).to.deep.equal(start);
    close(walk(rule, zeros, [[3, 0, 0, 4, 0]])[0]!, [-0.3, 0, 0, -0.4, 0]);
  });
});

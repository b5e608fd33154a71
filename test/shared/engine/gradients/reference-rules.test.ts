import * as v from 'valibot';
import type { UpdateRule } from '../../../../shared/engine/engine.ts';
import { modelSchema } from '../../../../shared/tasks/model.ts';
import { expectClose } from '../../../helpers/reference/close.ts';
import { ReferenceRule } from '../../../helpers/reference/optimizers.ts';

describe('the rules of a step in float64', () => {
  const model = v.parse(modelSchema, {
    input: [1],
    layers: [{ type: 'dense', units: 1 }],
    loss: 'mean-squared-error',
  });
  /** What two steps with rate 0.1 add to a kernel weight of 1, and to a bias of 1, by gradients 0.5 and -0.25 of both. */
  const movesOf = (rule: UpdateRule): number[] => {
    const reference = new ReferenceRule(model, rule);
    const weights = Float64Array.of(1, 1);
    return [0.5, -0.25].flatMap((g) => Array.from(reference.step(weights, Float64Array.of(g, g), 0.1)));
  };
  const both = (first: number, second: number): number[] => [first, first, second, second];
  const adam = { beta1: 0.9, beta2: 0.99, epsilon: 0.5 };
  // first mean 0.05 and square 0.0025, as if they had always been: 0.5 and 0.25; then 0.02 and 0.0031
  const afterAdam = [0.5 / (0.5 + 0.5), 0.02 / 0.19 / (Math.sqrt(0.0031 / 0.0199) + 0.5)] as const;

  const known: Record<string, [UpdateRule, number[]]> = {
    sgd: [{ optimizer: { name: 'sgd' } }, both(-0.05, 0.025)],
    // v = 0.5, then 0.9 · 0.5 - 0.25 = 0.2
    momentum: [{ optimizer: { name: 'momentum', momentum: 0.9 } }, both(-0.05, -0.02)],
    // 0.5 + 0.9 · 0.5 = 0.95, then -0.25 + 0.9 · 0.2 = -0.07
    nesterov: [{ optimizer: { name: 'nesterov', momentum: 0.9 } }, both(-0.095, 0.007)],
    adam: [{ optimizer: { name: 'adam', ...adam } }, both(-0.1 * afterAdam[0], -0.1 * afterAdam[1])],
    adamw: [
      { optimizer: { name: 'adamw', ...adam, weightDecay: 0.2 } },
      // 0.1 · 0.2 · 1 more for the kernel alone
      [-0.1 * afterAdam[0] - 0.02, -0.1 * afterAdam[0], -0.1 * afterAdam[1] - 0.02, -0.1 * afterAdam[1]],
    ],
    // s = 0.25 · 0.25, then 0.75 · 0.0625 + 0.25 · 0.0625: the root is 0.25 both times
    rmsprop: [
      { optimizer: { name: 'rmsprop', decay: 0.75, epsilon: 0.5 } },
      both((-0.1 * 0.5) / 0.75, (0.1 * 0.25) / 0.75),
    ],
    // s = 0.11 + 0.25 = 0.6², then 0.36 + 0.0625 = 0.65²
    adagrad: [
      { optimizer: { name: 'adagrad', initialAccumulator: 0.11, epsilon: 0.4 } },
      both(-0.1 * 0.5, (0.1 * 0.25) / 1.05),
    ],
    // 2 · 0.25 · 1 more for the kernel alone
    'L2 regularisation': [{ optimizer: { name: 'sgd' }, l2: 0.25 }, [-0.1, -0.05, -0.025, 0.025]],
    'values cut off': [{ optimizer: { name: 'sgd' }, gradientClipValue: 0.3 }, both(-0.03, 0.025)],
    // norms √0.5 and √0.125, the second below 0.5
    'a norm scaled down': [{ optimizer: { name: 'sgd' }, gradientClipNorm: 0.5 }, both(-0.05 / Math.SQRT2, 0.025)],
    // 0.5 + 0.5 and 0.5, cut off at 0.6 and 0.5, scaled by 0.1 / √0.61; then 0.25 and -0.25, scaled by 0.1 / √0.125
    'all in their order': [
      { optimizer: { name: 'sgd' }, l2: 0.25, gradientClipValue: 0.6, gradientClipNorm: 0.1 },
      [-0.006 / Math.sqrt(0.61), -0.005 / Math.sqrt(0.61), -0.01 / Math.SQRT2, 0.01 / Math.SQRT2],
    ],
  };
  for (const [name, [rule, expected]] of Object.entries(known)) {
    it(`computes ${name} as by hand`, () => expectClose(movesOf(rule), expected));
  }
});

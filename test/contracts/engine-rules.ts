import { expect } from 'chai';
import type { Engine, UpdateRule } from '../../shared/engine/engine.ts';
import type { ModelCase } from '../helpers/reference/case.ts';
import { modelLayout, type ModelSpec } from '../../shared/tasks/model.ts';
import { layoutSize } from '../../shared/weights.ts';
import { ReferenceRule } from '../helpers/reference/optimizers.ts';

const adam = { name: 'adam', beta1: 0.8, beta2: 0.99, epsilon: 1e-3 } as const;

/** Every optimizer, and everything that is done to a gradient before, alone and together. */
const rules: Readonly<Record<string, UpdateRule>> = {
  sgd: { optimizer: { name: 'sgd' } },
  momentum: { optimizer: { name: 'momentum', momentum: 0.8 } },
  nesterov: { optimizer: { name: 'nesterov', momentum: 0.8 } },
  adam: { optimizer: adam },
  adamw: { optimizer: { ...adam, name: 'adamw', weightDecay: 0.1 } },
  rmsprop: { optimizer: { name: 'rmsprop', decay: 0.7, epsilon: 1e-3 } },
  adagrad: { optimizer: { name: 'adagrad', initialAccumulator: 0.01, epsilon: 1e-3 } },
  'L2 regularisation': { optimizer: { name: 'sgd' }, l2: 0.1 },
  'values cut off': { optimizer: { name: 'sgd' }, gradientClipValue: 0.01 },
  'a norm that is too large': { optimizer: { name: 'sgd' }, gradientClipNorm: 0.05 },
  'a norm that is small enough': { optimizer: { name: 'sgd' }, gradientClipNorm: 1_000 },
  'everything together': { optimizer: adam, l2: 0.1, gradientClipValue: 0.05, gradientClipNorm: 0.1 },
};

/** What federated algorithms add: a pull to an anchor, a drift, weights that stay. */
function rulesFor(model: ModelSpec): Readonly<Record<string, UpdateRule>> {
  const layout = modelLayout(model);
  const size = layoutSize(layout);
  const anchor = Float32Array.from({ length: size }, (_, i) => Math.sin(i) / 2);
  const drift = Float32Array.from({ length: size }, (_, i) => Math.cos(i) / 20);
  const { offset: end } = layout[1]!;
  const frozen = [{ start: 0, end }];
  const sgd = { name: 'sgd' } as const;
  return {
    'a pull to an anchor': { optimizer: sgd, pull: { mu: 0.5, anchor } },
    'a drift': { optimizer: sgd, pull: { mu: 0, drift } },
    'both, with L2': { optimizer: sgd, l2: 0.1, pull: { mu: 0.5, anchor, drift } },
    'both, before clipping': { optimizer: adam, gradientClipNorm: 0.1, pull: { mu: 0.5, anchor, drift } },
    'weights that stay': { optimizer: sgd, frozen, pull: { mu: 0.5, anchor } },
    'weights that stay, which do not count in the norm': { optimizer: adam, frozen, gradientClipNorm: 0.02 },
  };
}

const steps = 5;
const rate = 0.05;

/** What an engine does under each rule: held against the rules in float64, step by step, from the engine's own gradients. */
export function describeRules(
  engineFor: (one: ModelCase) => Promise<Engine>,
  models: Readonly<Record<string, ModelCase>>,
): void {
  const withStatistics = Object.entries(models).find(([, { model }]) =>
    model.layers.some(({ type }) => type === 'batchNormalization'),
  );
  const chosen = [Object.entries(models)[0]!, ...(withStatistics === undefined ? [] : [withStatistics])];
  for (const [title, one] of chosen) {
    const { model, batch, weights } = one;
    const layout = modelLayout(model);
    const isStatistic = (index: number): boolean =>
      layout.findLast(({ offset }) => offset <= index)!.name.includes('/moving-');

    describe(`the rule of its steps: ${title}`, () => {
      for (const [name, rule] of Object.entries({ ...rules, ...rulesFor(model) })) {
        it(`computes ${name}`, async () => {
          const engine = await engineFor(one);
          engine.setRule(rule);
          const reference = new ReferenceRule(model, rule);
          let before = weights;
          for (let step = 0; step < steps; step++) {
            const { gradients } = await engine.gradients(batch, step);
            engine.step(batch, rate, step);
            const after = await engine.getWeights();
            const moves = reference.step(Float64Array.from(before), Float64Array.from(gradients), rate);
            for (const [i, value] of after.entries()) {
              if (isStatistic(i)) continue; // moved by the layer
              const within = 2 ** -22 * Math.abs(before[i]!) + 1e-4 * Math.abs(moves[i]!) + 1e-8;
              expect(value, `weight ${i} after step ${step + 1}`).to.be.closeTo(before[i]! + moves[i]!, within);
            }
            before = after;
          }
        });
      }

      it('starts a rule anew each time that it is set', async () => {
        const engine = await engineFor(one);
        const results: Float32Array[] = [];
        for (let i = 0; i < 2; i++) {
          engine.setWeights(weights);
          engine.setRule({ optimizer: adam });
          for (let step = 0; step < 3; step++) engine.step(batch, rate, step);
          results.push(await engine.getWeights());
        }
        expect(Array.from(results[1]!)).to.deep.equal(Array.from(results[0]!));
      });
    });
  }
}

import { expect } from 'chai';
import type { Engine } from '../../shared/engine/engine.ts';
import { modelLayout } from '../../shared/tasks/model.ts';
import type { ModelCase } from '../helpers/reference/case.ts';
import { expectSame, partOf, train, trainOnce } from './engine-training.ts';
import { refuses } from './store.ts';

/** What every engine does that has little to do with its model; tried on the first of them, the last and one between. */
export function describeAnyModel(
  engineFor: (one: ModelCase) => Promise<Engine>,
  models: Readonly<Record<string, ModelCase>>,
): void {
  describe('whatever the model', () => {
    const cases = Object.values(models);
    const one = cases[0]!;

    it('has the layout of its model', async () => {
      const engine = await engineFor(one);
      expect(engine.layout).to.deep.equal(modelLayout(one.model));
      expect(engine.backend).to.be.a('string');
      expect(engine.path).to.be.oneOf(['fused', 'graph']);
    });

    it('starts with plain stochastic gradient descent', async () => {
      const [engine, other] = [await engineFor(one), await engineFor(one)];
      other.setRule({ optimizer: { name: 'sgd' } });
      for (const each of [engine, other]) train(each, one);
      expectSame(await engine.getWeights(), await other.getWeights());
    });

    it('takes the mean loss over the examples of all steps since the last time', async () => {
      const engine = await engineFor(one);
      const { model, batch } = one;
      const [small, large] = [partOf(model, batch, 0, 1), partOf(model, batch, 1, batch.count)];
      const a = (await engine.gradients(small)).loss;
      engine.step(small, 0.1);
      const b = (await engine.gradients(large)).loss;
      engine.step(large, 0.1);
      const expected = (a * small.count + b * large.count) / batch.count;
      expect(await engine.takeLoss()).to.be.closeTo(expected, 1e-6 * expected);
      expect(Number.isNaN(await engine.takeLoss())).to.equal(true);
    });

    it('has read a batch and weights when the call returns, and gives copies', async () => {
      const [engine, other] = [await engineFor(one), await engineFor(one)];
      const { model, batch } = one;
      const reused = partOf(model, batch, 0, batch.count);
      const given = one.weights.slice();
      engine.setWeights(given);
      given.fill(7);
      engine.step(reused, 0.1);
      reused.xs.fill(9);
      reused.ys.fill(0);
      other.step(batch, 0.1);
      const weights = await other.getWeights();
      expectSame(await engine.getWeights(), weights);
      (await engine.getWeights()).fill(3);
      expectSame(await engine.getWeights(), weights);
    });

    it('refuses a size of batches that would never end', async () => {
      const engine = await engineFor(one);
      const { xs, count } = one.batch;
      for (const size of [0, -1, 1.5, Number.NaN, Infinity]) {
        await refuses(engine.evaluate(one.batch, size), 'BAD_ARGUMENT');
        await refuses(engine.predict(xs, count, size), 'BAD_ARGUMENT');
      }
    });

    it('refuses what are no typed arrays', async () => {
      const engine = await engineFor(one);
      for (const bad of [undefined, null, [1, 2], new Float64Array(3)] as never[]) {
        await refuses(engine.evaluate({ ...one.batch, xs: bad }), 'BAD_DATA');
        await refuses(engine.evaluate({ ...one.batch, ys: bad }), 'BAD_DATA');
        await refuses(engine.predict(bad, 1), 'BAD_DATA');
      }
    });

    it('is disposed of once and for all', async () => {
      const engine = await engineFor(one);
      const { batch, weights } = one;
      engine.step(batch, 0.1);
      engine.dispose();
      engine.dispose();
      const calls: (() => unknown)[] = [
        () => engine.getWeights(),
        () => engine.setWeights(weights),
        () => engine.setRule({ optimizer: { name: 'sgd' } }),
        () => engine.step(batch, 0.1),
        () => engine.takeLoss(),
        () => engine.gradients(batch),
        () => engine.evaluate(batch),
        () => engine.predict(batch.xs, batch.count),
      ];
      for (const call of calls) await refuses(Promise.resolve().then(call), 'BAD_STATE');
    });

    it('is not disturbed by engines at work beside it', async () => {
      const chosen = [one, cases[Math.floor(cases.length / 2)]!, cases.at(-1)!, one];
      const alone: Float32Array[] = [];
      for (const each of chosen) {
        const engine = await engineFor(each);
        train(engine, each);
        alone.push(await engine.getWeights());
      }
      const together = await Promise.all(chosen.map(engineFor));
      for (let i = 0; i < 4; i++) {
        const steps = together.map(async (engine, k) => {
          const { batch } = chosen[k]!;
          trainOnce(engine, chosen[k]!, i);
          await engine.gradients(batch, i);
          await engine.evaluate(batch);
        });
        await Promise.all(steps);
      }
      for (const [k, engine] of together.entries()) expectSame(await engine.getWeights(), alone[k]!, `engine ${k}`);
    });
  });
}

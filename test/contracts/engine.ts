import { expect } from 'chai';
import type { Engine, Examples } from '../../shared/engine/engine.ts';
import { modelLayout, weightSpecs, type ModelSpec } from '../../shared/tasks/model.ts';
import { layoutSize, sizeOf } from '../../shared/weights.ts';
import type { ModelCase } from '../helpers/reference/case.ts';
import { predictedClasses } from '../../simulations/measures/groups.ts';
import { batchMoments, referenceMeasure, referencePredict } from '../helpers/reference/network.ts';
import { dropoutSeed, expectGradients, largestOf } from './engine-gradients.ts';
import { describeAnyModel } from './engine-any-model.ts';
import { describeRules } from './engine-rules.ts';
import { badValues, expectSame, hasDropout, partOf, train } from './engine-training.ts';
import { refuses } from './store.ts';

export interface EngineContract {
  /** Tensors alive in all; where it is given, no step and no reading may leave one behind. */
  readonly countTensors?: () => number;
  /** Models of which the gradients are known to be wrong there, with the reason. */
  readonly wrongGradients?: Readonly<Record<string, string>>;
  /** Largest difference to the reference, relative to the largest value of the same tensor; default 1e-4. */
  readonly tolerance?: number;
  /** Most weights of a model to look at; default 1000. */
  readonly weightsToLookAt?: number;
}

/**
 * What every Engine does, whatever computes in it: held against the float64 reference on each of the models.
 * @param make - an engine for a model; the suite disposes of it
 */
export function describeEngine(
  name: string,
  make: (model: ModelSpec) => Promise<Engine>,
  models: Readonly<Record<string, ModelCase>>,
  { countTensors, wrongGradients = {}, tolerance = 1e-4, weightsToLookAt = 1000 }: EngineContract = {},
): void {
  describe(`${name} as an Engine`, () => {
    const engines: Engine[] = [];
    const engineFor = async ({ model, weights }: ModelCase): Promise<Engine> => {
      const engine = await make(model);
      engines.push(engine);
      engine.setWeights(weights);
      return engine;
    };
    afterEach(() => {
      for (const engine of engines.splice(0)) engine.dispose();
    });

    for (const [title, one] of Object.entries(models)) {
      const { model, batch, weights } = one;
      describe(title, () => {
        const wrong = wrongGradients[title];
        const itAgrees = wrong === undefined ? it : it.skip;
        itAgrees(
          `has the loss and the gradients of the reference${wrong === undefined ? '' : ` (${wrong})`}`,
          async () => {
            await expectGradients(await engineFor(one), one, weightsToLookAt, tolerance);
          },
        );

        it('moves by its gradients in a plain step, and the statistics by those of the batch', async () => {
          const engine = await engineFor(one);
          const { loss, gradients } = await engine.gradients(batch, dropoutSeed);
          expectSame(await engine.getWeights(), weights, 'weights after gradients()');
          expect(Number.isNaN(await engine.takeLoss())).to.equal(true);
          engine.step(batch, 1, dropoutSeed);
          expect(await engine.takeLoss()).to.be.closeTo(loss, 1e-6 * Math.abs(loss));
          const after = await engine.getWeights();
          const seen = batchMoments(model, Float64Array.from(weights), batch, dropoutSeed).flatMap(
            ({ mean, variance, momentum }) => [
              { momentum, values: mean },
              { momentum, values: variance },
            ],
          );
          let statistic = 0;
          const layout = modelLayout(model);
          for (const [tensor, { role, name: weight, shape }] of weightSpecs(model).entries()) {
            const { offset } = layout[tensor]!;
            const { momentum, values } = (role === 'statistic' ? seen[statistic++] : undefined) ?? {};
            for (let i = 0; i < sizeOf(shape); i++) {
              const before = weights[offset + i]!;
              const step = -gradients[offset + i]!;
              const expected = values === undefined ? before + step : momentum! * before + (1 - momentum!) * values[i]!;
              if (values !== undefined) expect(step, `gradient of ${weight}`).to.be.closeTo(0, 0);
              const rounding =
                2 ** -22 * (Math.abs(before) + Math.abs(step)) + 1e-7 * Math.abs(values?.[i] ?? 0) + 1e-9;
              expect(after[offset + i], `${weight}[${i}]`).to.be.closeTo(expected, rounding + 1e-6 * Math.abs(step));
            }
          }
        });

        it('measures and predicts as the reference, at once and in parts', async () => {
          const engine = await engineFor(one);
          const at = Float64Array.from(weights);
          const expected = referenceMeasure(model, at, batch);
          const output = referencePredict(model, at, batch).data;
          for (const size of [undefined, 1, 2, batch.count]) {
            const { loss, accuracy } = await engine.evaluate(batch, size);
            expect(Math.abs(loss / expected.loss - 1), `loss ${loss}, not ${expected.loss}`).to.be.at.most(1e-5);
            if (expected.accuracy === undefined) expect(accuracy).to.equal(undefined);
            else expect(accuracy).to.be.closeTo(expected.accuracy, 1e-12);
            const predicted = await engine.predict(batch.xs, batch.count, size);
            expect(predicted).to.have.length(output.length);
            const scale = Math.max(1e-3, largestOf(output));
            for (const [i, value] of output.entries()) {
              expect(Math.abs(predicted[i]! - value) / scale, `output ${i} in parts of ${size}`).to.be.at.most(1e-4);
            }
            if (accuracy === undefined || batch.ys.length !== batch.count) continue; // no classes, or many an example
            const classes = new Int32Array(batch.count);
            await engine.evaluate(batch, size, classes);
            expect([...classes]).to.deep.equal([...predictedClasses(predicted, batch.count)]);
          }
          expectSame(await engine.getWeights(), weights, 'weights');
        });

        it('learns: the loss of a batch falls over 50 steps', async () => {
          const engine = await engineFor(one);
          engine.setRule({ optimizer: { name: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-8 } });
          engine.step(batch, 0.01, dropoutSeed);
          const first = await engine.takeLoss();
          for (let i = 1; i < 49; i++) engine.step(batch, 0.01, dropoutSeed);
          await engine.takeLoss();
          engine.step(batch, 0.01, dropoutSeed);
          expect(await engine.takeLoss()).to.be.below(0.97 * first);
        });

        it('gives the same bytes twice, on itself and on another', async () => {
          const [engine, other] = [await engineFor(one), await engineFor(one)];
          const results: Float32Array[] = [];
          for (const each of [engine, engine, other]) {
            each.setWeights(weights);
            each.setRule({ optimizer: { name: 'momentum', momentum: 0.9 } });
            train(each, one);
            results.push(await each.getWeights());
          }
          expect(largestOf(results[0]!.map((value, i) => value - weights[i]!))).to.be.above(1e-6);
          expectSame(results[1]!, results[0]!, 'a second time');
          expectSame(results[2]!, results[0]!, 'another engine');
        });

        it('keeps nothing of a larger batch in a smaller one', async () => {
          const [engine, other] = [await engineFor(one), await engineFor(one)];
          const part = partOf(model, batch, 1, 2);
          const alone = await engine.gradients(part, dropoutSeed);
          await other.gradients(batch, dropoutSeed + 1);
          await other.predict(batch.xs, batch.count);
          const after = await other.gradients(part, dropoutSeed);
          expectSame(after.gradients, alone.gradients);
          expect(after.loss).to.equal(alone.loss);
        });

        if (hasDropout(model)) {
          it('drops the same with the same seed, something else with another, and 0 is the default', async () => {
            const engine = await engineFor(one);
            const [a, b, c] = [
              await engine.gradients(batch, 1),
              await engine.gradients(batch, 1),
              await engine.gradients(batch, 2),
            ];
            expectSame(b.gradients, a.gradients);
            expect(largestOf(c.gradients.map((value, i) => value - a.gradients[i]!))).to.be.above(1e-4);
            expectSame((await engine.gradients(batch)).gradients, (await engine.gradients(batch, 0)).gradients);
          });
        }

        if (countTensors !== undefined) {
          it('leaves no tensor behind', async () => {
            const without = countTensors();
            const engine = await engineFor(one);
            engine.setRule({ optimizer: { name: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }, l2: 0.01 });
            const work = async (): Promise<void> => {
              train(engine, one);
              await engine.takeLoss();
              await engine.gradients(batch);
              await engine.evaluate(batch, 2);
              await engine.predict(batch.xs, batch.count, 2);
              engine.setWeights(await engine.getWeights());
            };
            await work();
            const before = countTensors();
            for (let i = 0; i < 3; i++) await work();
            expect(countTensors()).to.equal(before);
            engine.setRule({ optimizer: { name: 'sgd' } });
            engines.splice(engines.indexOf(engine), 1);
            engine.dispose();
            expect(countTensors()).to.equal(without);
          });
        }

        it('refuses examples and weights that do not fit', async () => {
          const engine = await engineFor(one);
          const { xs, ys, count } = batch;
          const bad: Examples[] = [
            { xs: xs.slice(1), ys, count },
            { xs, ys: ys.slice(1), count },
            { xs, ys, count: count + 1 },
            { xs: xs.slice(0, 0), ys: ys.slice(0, 0), count: 0 },
            ...badValues(one),
          ];
          for (const examples of bad) {
            await refuses(
              Promise.resolve().then(() => engine.step(examples, 0.1)),
              'BAD_DATA',
            );
            await refuses(
              Promise.resolve().then(() => engine.gradients(examples)),
              'BAD_DATA',
            );
            await refuses(
              Promise.resolve().then(() => engine.evaluate(examples)),
              'BAD_DATA',
            );
          }
          await refuses(
            Promise.resolve().then(() => engine.predict(xs.slice(1), count)),
            'BAD_DATA',
          );
          const wrongLength = new Float32Array(layoutSize(engine.layout) + 1);
          await refuses(
            Promise.resolve().then(() => engine.setWeights(wrongLength)),
            'WRONG_SHAPE',
          );
          // and goes on as if nothing had been
          expectSame(await engine.getWeights(), weights);
          expect(Number.isNaN(await engine.takeLoss())).to.equal(true);
        });
      });
    }

    describeAnyModel(engineFor, models);
    describeRules(engineFor, models);
  });
}

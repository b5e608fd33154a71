import { expect } from 'chai';
import { Evaluator } from '../../server/evaluation/evaluator.ts';
import type { Examples } from '../../shared/engine/engine.ts';
import type { ModelSpec } from '../../shared/tasks/model.ts';
import { refuses } from '../contracts/store.ts';

const model: ModelSpec = {
  input: [1],
  layers: [{ type: 'dense', units: 2, activation: 'softmax', useBias: false }],
  loss: 'sparse-categorical-crossentropy',
};
// Logits are (0, w x) for the weights (0, w); with w = log 3 and x = ±1 the probabilities are 1/4 and 3/4.
const weights = Float32Array.of(0, Math.log(3));
const examples: Examples = { xs: Float32Array.of(1, 1, -1, -1), ys: Int32Array.of(1, 1, 0, 1), count: 4 };

describe('Evaluator', () => {
  let evaluator: Evaluator;
  beforeEach(() => {
    evaluator = new Evaluator(examples);
  });
  afterEach(() => evaluator.close());

  it('gives mean loss and accuracy on the held-out examples', async () => {
    const result = await evaluator.evaluate(model, weights);
    expect(result.accuracy).to.equal(0.75);
    expect(result.examples).to.equal(4);
    expect(result.loss).to.be.closeTo((-3 * Math.log(0.75) - Math.log(0.25)) / 4, 1e-6);
  });

  it('answers many at once in order, also for another model, and keeps the weights of the caller', async () => {
    const regression: ModelSpec = {
      input: [1],
      layers: [{ type: 'dense', units: 1, activation: 'linear', useBias: false }],
      loss: 'mean-squared-error',
    };
    const results = await Promise.all([
      evaluator.evaluate(model, weights),
      evaluator.evaluate(regression, Float32Array.of(1)), // errors 0, 0, -1, -2: their mean square is 5/4
      evaluator.evaluate(
        model,
        weights.map((value) => -value),
      ),
    ]);
    expect(results.map(({ accuracy }) => accuracy)).to.deep.equal([0.75, undefined, 0.25]);
    expect(results[1].loss).to.be.closeTo(1.25, 1e-6);
    expect(weights[1]).to.be.closeTo(Math.log(3), 1e-6);
  });

  it('refuses weights that do not fit, and a model whose loss is not finite, and goes on', async () => {
    await refuses(evaluator.evaluate(model, Float32Array.of(1)), 'WRONG_SHAPE');
    await refuses(evaluator.evaluate(model, Float32Array.of(Number.NaN, 1)), 'NOT_FINITE');
    expect((await evaluator.evaluate(model, weights)).accuracy).to.equal(0.75);
  });

  it('refuses a model that the examples do not fit', async () => {
    const wide: ModelSpec = { ...model, input: [3] };
    await refuses(evaluator.evaluate(wide, new Float32Array(6)), 'BAD_DATA');
  });

  it('names the backends that it cannot use', async () => {
    const other = new Evaluator(examples, { backend: 'abacus' });
    await refuses(other.evaluate(model, weights), 'NO_BACKEND');
    await other.close();
  });

  it('fails what waits when it is closed, and starts again when it is asked again', async () => {
    const waiting = evaluator.evaluate(model, weights);
    await Promise.all([refuses(waiting, 'ABORTED'), evaluator.close()]);
    expect((await evaluator.evaluate(model, weights)).accuracy).to.equal(0.75);
  });
});

import { expect } from 'chai';
import type { Engine } from '../../../shared/engine/engine.ts';
import { sampleBatch } from '../../../shared/engine/sample-batch.ts';
import { measureSpeed } from '../../../shared/engine/speed.ts';
import { checkModel } from '../../../shared/tasks/model.ts';

const dense = (units: number, activation: 'linear' | 'softmax') => ({ type: 'dense', units, activation }) as const;

describe('made-up examples', () => {
  it('have the shapes and the ranges that a model takes, and are always the same', () => {
    const classifier = checkModel({ input: [2, 3], layers: [{ type: 'flatten' }, dense(5, 'softmax')], loss: 'sparse-categorical-crossentropy' }); // prettier-ignore
    const examples = sampleBatch(classifier, 40);
    expect(examples.xs).to.have.length(240);
    expect(examples.xs.every((value) => value >= 0 && value < 1)).to.equal(true);
    expect(examples.ys).to.be.instanceOf(Int32Array).with.length(40);
    expect(new Set(examples.ys)).to.deep.equal(new Set([0, 1, 2, 3, 4]));
    expect(sampleBatch(classifier, 40)).to.deep.equal(examples);

    const places = checkModel({ input: [4], layers: [{ type: 'embedding', inputDim: 3, outputDim: 2 }, dense(7, 'softmax')], loss: 'sparse-categorical-crossentropy' }); // prettier-ignore
    const { xs, ys } = sampleBatch(places, 10);
    expect(new Set(xs)).to.deep.equal(new Set([0, 1, 2])); // words of the embedding
    expect(ys).to.have.length(40); // a label for each of four places

    const regressor = checkModel({ input: [2], layers: [dense(3, 'linear')], loss: 'huber' });
    expect(sampleBatch(regressor, 10).ys).to.be.instanceOf(Float32Array).with.length(30);
  });
});

describe('the speed of an engine', () => {
  const model = checkModel({ input: [2], layers: [dense(3, 'softmax')], loss: 'sparse-categorical-crossentropy' });
  /** An engine whose steps take `ms` on a clock of its own. */
  const engineWith = (ms: (step: number) => number) => {
    let now = 0;
    let steps = 0;
    const engine = {
      setWeights: () => {},
      step: () => void (now += ms(steps++)),
      takeLoss: async () => 1,
    } as unknown as Engine;
    return { engine, now: () => now, steps: () => steps };
  };

  it('is the median, without what the first steps spend on compiling', async () => {
    const { engine, now, steps } = engineWith((step) => (step < 3 ? 1_000 : step < 6 ? 50 : 2));
    expect(await measureSpeed(engine, model, now)).to.equal(5_000); // 10 examples in 2 ms
    expect(steps()).to.equal(18); // 3 to warm up, 5 groups of 3
  });

  it('is found soon, however slow the engine', async () => {
    const { engine, now, steps } = engineWith(() => 400);
    expect(await measureSpeed(engine, model, now)).to.equal(25);
    expect(steps()).to.equal(6);
  });

  it('is finite on a clock that stands still', async () => {
    expect(await measureSpeed(engineWith(() => 0).engine, model, () => 0)).to.be.within(1, Number.MAX_VALUE);
  });
});

import { expect } from 'chai';
import fc from 'fast-check';
import { BatchReader, epochOrder } from '../../../shared/engine/batches.ts';
import { dropoutMask, stepSeeds } from '../../../shared/engine/dropout.ts';
import type { Engine, Examples, UpdateRule } from '../../../shared/engine/engine.ts';
import { FusedEngine } from '../../../shared/engine/fused/fused-engine.ts';
import { trainLocally } from '../../../shared/engine/training.ts';
import { seeded } from '../../../shared/random.ts';
import { initialWeights } from '../../../shared/tasks/initial.ts';
import type { ModelSpec } from '../../../shared/tasks/model.ts';
import type { TrainingPlan } from '../../../shared/tasks/task.ts';
import { refuses } from '../../contracts/store.ts';

const model: ModelSpec = {
  input: [8],
  layers: [
    { type: 'dense', units: 12, activation: 'relu', useBias: true },
    { type: 'dense', units: 4, activation: 'softmax', useBias: true },
  ],
  loss: 'sparse-categorical-crossentropy',
};
const plan: TrainingPlan = {
  localEpochs: 2,
  batchSize: 3,
  clientLearningRate: 0.1,
  optimizer: { name: 'sgd' },
  l2: 0,
  minExamples: 1,
};

const randomExamples = (count: number, seed: number): Examples => {
  const random = seeded('examples', seed);
  return {
    xs: Float32Array.from({ length: count * 8 }, () => 2 * random.float() - 1),
    ys: Int32Array.from({ length: count }, () => random.below(4)),
    count,
  };
};

/** An engine that only writes down what it is given, and says what losses it is told to say. */
const recorder = (losses: readonly number[] = []) => {
  const batches: number[][] = [];
  const rates: number[] = [];
  const seeds: number[] = [];
  const rules: UpdateRule[] = [];
  let sum = 0;
  let count = 0;
  return {
    batches,
    rates,
    seeds,
    rules,
    backend: 'recorder',
    path: 'graph',
    layout: [],
    getWeights: async () => new Float32Array(2),
    setWeights: () => {},
    setRule: (rule) => void rules.push(rule),
    step: ({ ys }, rate, seed = 0) => {
      sum += ys.length * (losses[batches.length] ?? 1);
      count += ys.length;
      batches.push([...ys]);
      rates.push(rate);
      seeds.push(seed);
    },
    takeLoss: async () => {
      const loss = sum / count;
      sum = 0;
      count = 0;
      return loss;
    },
    gradients: async () => ({ loss: 1, gradients: new Float32Array(2) }),
    evaluate: async () => ({ loss: 1 }),
    predict: async () => new Float32Array(0),
    dispose: () => {},
  } satisfies Engine & Record<string, unknown>;
};
const numbered = (count: number): Examples => ({
  xs: Float32Array.from({ length: count }, (_, i) => i),
  ys: Int32Array.from({ length: count }, (_, i) => i),
  count,
});

describe('epochOrder', () => {
  it('is a permutation, whatever the arguments', () =>
    fc.assert(
      fc.property(fc.nat(), fc.nat(), fc.nat(), fc.integer({ min: 1, max: 200 }), (seed, round, epoch, count) => {
        const order = epochOrder(seed, round, epoch, count);
        expect([...order].toSorted((a, b) => a - b)).to.deep.equal(Array.from({ length: count }, (_, i) => i));
      }),
    ));

  it('differs between seeds, rounds and epochs, and repeats for the same', () => {
    const orders = [epochOrder(1, 1, 0, 50), epochOrder(2, 1, 0, 50), epochOrder(1, 2, 0, 50), epochOrder(1, 1, 1, 50)];
    expect(new Set(orders.map(String)).size).to.equal(4);
    expect(epochOrder(1, 1, 0, 50)).to.deep.equal(orders[0]);
  });
});

describe('BatchReader', () => {
  it('copies features and labels of the named examples together', () => {
    const reader = new BatchReader({ xs: Float32Array.of(1, 2, 3, 4, 5, 6), ys: Int32Array.of(7, 8, 9), count: 3 }, 2);
    expect(reader.read(Uint32Array.of(2, 0, 1), 0, 2)).to.deep.equal({
      xs: Float32Array.of(5, 6, 1, 2),
      ys: Int32Array.of(9, 7),
      count: 2,
    });
    expect(reader.read(Uint32Array.of(2, 0, 1), 2, 3).xs).to.deep.equal(Float32Array.of(3, 4));
  });
});

describe('trainLocally', () => {
  let engine: Engine;
  beforeEach(async () => {
    engine = await FusedEngine.create(model);
  });
  afterEach(() => engine.dispose());

  it('shows every example once in each epoch, in a new order, the last batch being smaller', async () => {
    const seen = recorder();
    await trainLocally(seen, numbered(7), plan, { seed: 1, round: 1 });
    expect(seen.batches.map((batch) => batch.length)).to.deep.equal([3, 3, 1, 3, 3, 1]);
    const epochs = [seen.batches.slice(0, 3).flat(), seen.batches.slice(3).flat()];
    for (const epoch of epochs) expect(epoch.toSorted((a, b) => a - b)).to.deep.equal([0, 1, 2, 3, 4, 5, 6]);
    expect(epochs[0]).not.to.deep.equal(epochs[1]);
  });

  it('takes all examples at once for the batch size "full" and for one that is larger than the data', async () => {
    for (const batchSize of ['full', 100] as const) {
      const seen = recorder();
      await trainLocally(seen, numbered(7), { ...plan, batchSize, localEpochs: 1 }, { seed: 1, round: 1 });
      expect(seen.batches).to.deep.equal([[0, 1, 2, 3, 4, 5, 6]]);
    }
  });

  it('with one epoch of one full batch on each of ten clients, averaged by examples, is one central step', async () => {
    // FedSGD: McMahan et al. (2017), section 2
    const start = initialWeights(model, 1);
    const clients = Array.from({ length: 10 }, (_, k) => randomExamples(5 + 3 * k, k));
    const total = clients.reduce((sum, { count }) => sum + count, 0);
    const once: TrainingPlan = { ...plan, localEpochs: 1, batchSize: 'full' };
    const mean = new Float64Array(start.length);
    for (const examples of clients) {
      engine.setWeights(start);
      const update = await trainLocally(engine, examples, once, { seed: 1, round: 1 });
      expect(update.examples).to.equal(examples.count);
      for (const [i, value] of update.delta.entries()) mean[i]! += (update.examples / total) * value;
    }
    const union: Examples = {
      xs: Float32Array.from(clients.flatMap(({ xs }) => [...xs])),
      ys: Int32Array.from(clients.flatMap(({ ys }) => [...ys])),
      count: total,
    };
    engine.setWeights(start);
    engine.step(union, once.clientLearningRate);
    const central = await engine.getWeights();
    const difference = central.reduce((most, value, i) => Math.max(most, Math.abs(value - start[i]! - mean[i]!)), 0);
    expect(difference).to.be.below(1e-6);
    expect(mean.some((value) => Math.abs(value) > 1e-3)).to.equal(true);
  });

  it('gives the same bytes twice, and others for another round', async () => {
    const run = async (round: number): Promise<Float32Array> => {
      engine.setWeights(initialWeights(model, 1));
      return (await trainLocally(engine, randomExamples(20, 1), plan, { seed: 's', round })).delta;
    };
    expect(await run(1)).to.deep.equal(await run(1));
    expect(await run(1)).not.to.deep.equal(await run(2));
  });

  it('tells its progress, and reports the mean loss of the last epoch', async () => {
    const told: number[] = [];
    const losses = [5, 5, 5, 2, 2, 8]; // second epoch: batches of 3, 3 and 1 examples
    const steps = recorder(losses);
    const options = { seed: 1, round: 1, yieldEvery: 2, onProgress: (fraction: number) => told.push(fraction) };
    const { metrics } = await trainLocally(steps, numbered(7), plan, options);
    expect(told).to.deep.equal([2 / 6, 4 / 6, 1, 1]);
    expect(metrics.loss).to.be.closeTo(20 / 7, 1e-12); // (3*2 + 3*2 + 1*8) / 7
  });

  it('stops soon after an abort', async () => {
    const abort = new AbortController();
    const seen = recorder();
    const options = { seed: 1, round: 1, signal: abort.signal, yieldEvery: 1, onProgress: () => abort.abort() };
    await refuses(trainLocally(seen, numbered(70), plan, options), 'ABORTED');
    expect(seen.batches.length).to.equal(1);
  });

  it('fails when the training diverges', async () => {
    engine.setWeights(initialWeights(model, 1));
    const wild = { ...plan, clientLearningRate: 1e30, localEpochs: 10 };
    await refuses(trainLocally(engine, randomExamples(20, 1), wild, { seed: 1, round: 1 }), 'TRAINING_FAILED');
    const infinite = recorder([Number.POSITIVE_INFINITY]);
    await refuses(trainLocally(infinite, numbered(7), plan, { seed: 1, round: 1 }), 'TRAINING_FAILED');
  });

  it('fails with one code when the backend breaks', async () => {
    const broken = {
      ...recorder(),
      step: () => {
        throw new RangeError('out of memory');
      },
    };
    await refuses(trainLocally(broken, numbered(7), plan, { seed: 1, round: 1 }), 'TRAINING_FAILED');
  });

  it('gives the engine the plan: rule, and a rate that follows the schedule of rounds', async () => {
    const seen = recorder();
    const decaying: TrainingPlan = {
      ...plan,
      optimizer: { name: 'momentum', momentum: 0.8 },
      l2: 0.01,
      gradientClipNorm: 5,
      schedule: { name: 'step', every: 2, factor: 0.5, warmupRounds: 0 },
    };
    await trainLocally(seen, numbered(3), decaying, { seed: 1, round: 5 });
    expect(seen.rules).to.deep.equal([
      { optimizer: { name: 'momentum', momentum: 0.8 }, l2: 0.01, gradientClipNorm: 5 },
    ]);
    expect(seen.rates).to.deep.equal([0.025, 0.025]); // rounds 1, 2: 0.1; 3, 4: 0.05; 5, 6: 0.025
  });

  it('gives each step a seed of its own, the same for the same seed and round', async () => {
    const seedsOf = async (seed: string, round: number): Promise<number[]> => {
      const seen = recorder();
      await trainLocally(seen, numbered(9), plan, { seed, round });
      return seen.seeds;
    };
    const first = await seedsOf('a', 1);
    expect(new Set(first).size).to.equal(6);
    expect(await seedsOf('a', 1)).to.deep.equal(first);
    expect(await seedsOf('a', 2)).not.to.deep.equal(first);
    expect(await seedsOf('b', 1)).not.to.deep.equal(first);
  });
});

describe('dropoutMask', () => {
  it('drops the given part, and makes the rest larger, so that the mean stays 1', () => {
    const mask = dropoutMask(7, 0, 0.25, new Float32Array(40_000));
    const kept = mask.filter((value) => value !== 0);
    expect(new Set(kept)).to.deep.equal(new Set([Math.fround(4 / 3)]));
    expect(kept.length / mask.length).to.be.closeTo(0.75, 0.01); // standard error 0.0022
  });

  it('differs between steps and between layers, and repeats for the same', () => {
    const maskOf = (seed: number, layer: number): string => dropoutMask(seed, layer, 0.5, new Float32Array(64)).join();
    const nextSeed = stepSeeds(1, 1);
    const [a, b] = [nextSeed(), nextSeed()];
    expect(new Set([maskOf(a, 0), maskOf(a, 1), maskOf(b, 0)]).size).to.equal(3);
    expect(maskOf(a, 0)).to.equal(maskOf(a, 0));
  });
});

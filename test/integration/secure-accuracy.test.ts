import { expect } from 'chai';
import { createHash } from 'node:crypto';
import { nodePlatform } from '../../client/node/platform.ts';
import { memoryStore } from '../../client/memory-store.ts';
import type { Trainer } from '../../client/trainer.ts';
import { createEngine } from '../../shared/engine/create-engine.ts';
import type { Engine, Examples } from '../../shared/engine/engine.ts';
import { trainLocally } from '../../shared/engine/training.ts';
import { runId } from '../../shared/ids.ts';
import { taskByName } from '../../shared/tasks/catalog.ts';
import { loadData } from '../../simulations/datasets/registry.ts';
import { Federation } from '../helpers/federation.ts';

const clients = 100;
const rounds = 30;
const task = taskByName('mnist-2nn');

/** One engine for all clients, who take turns. */
function takeTurns(engine: Engine): (own: Examples) => Trainer {
  let turn: Promise<unknown> = Promise.resolve();
  return (own) => ({
    backend: engine.backend,
    load: async () => {},
    train: ({ weights, round, seed, signal }) => {
      const work = turn.then(async () => {
        engine.setWeights(weights);
        return trainLocally(engine, own, task.training, { seed, round, signal });
      });
      turn = work.catch(() => {});
      return work;
    },
    close: async () => {},
  });
}

describe('secure aggregation of mnist-2nn, 100 clients in groups of 10, 30 rounds', function () {
  this.timeout(300_000);
  let engine: Engine;
  let parts: Examples[];
  let held: Examples;

  before(async () => {
    engine = await createEngine({ model: task.model, backend: 'wasm' });
    parts = await Promise.all(
      Array.from({ length: clients }, async (_, i) => (await loadData(`mnist-10k:${i}/${clients}`)) as Examples),
    );
    held = (await loadData('mnist-10k@test')) as Examples;
  });
  after(() => engine.dispose());

  /** Accuracy on the held-out digits after the last round; the same seeds and cohorts whether secure or not. */
  async function accuracy(secureAggregation: boolean): Promise<number> {
    const federation = await Federation.open();
    try {
      const { operations } = federation.server;
      const config = {
        task,
        rounds,
        minClients: clients,
        clientsPerRound: 10,
        secureAggregation,
        evaluateEvery: 0,
        seed: 1,
      };
      await operations.create(config, runId('digits-1'));
      const trainerOf = takeTurns(engine);
      const joined = parts.map(async (own, i) => {
        const store = memoryStore();
        await store.save('identity.seed', new Uint8Array(createHash('sha256').update(`client ${i}`).digest()));
        const platform = { ...nodePlatform({}), store };
        const { client, done } = federation.join({ platform, seed: i, trainer: trainerOf(own), data: () => own });
        await done;
        return client;
      });
      const [first] = await Promise.all(joined);
      const log = await operations.rounds(runId('digits-1'));
      expect(log.map(({ record }) => [record.result, record.secureAggregation])).to.deep.equal(
        Array.from({ length: rounds }, () => ['done', secureAggregation]),
      );
      const { weights } = await first!.model();
      engine.setWeights(weights);
      return (await engine.evaluate(held, 100)).accuracy!;
    } finally {
      await federation.close();
    }
  }

  it('ends within 0.3 points of the accuracy of plain averaging with the same seeds', async () => {
    const plain = await accuracy(false);
    const secure = await accuracy(true);
    expect(plain).to.be.above(0.85);
    expect(Math.abs(secure - plain)).to.be.at.most(0.003);
  });
});

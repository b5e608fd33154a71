import { expect } from 'chai';
import { createEngine } from '../../shared/engine/create-engine.ts';
import { trainLocally } from '../../shared/engine/training.ts';
import { FederatedError } from '../../shared/errors.ts';
import { seeded } from '../../shared/random.ts';
import { initialWeights } from '../../shared/tasks/initial.ts';
import { labelledOf } from '../../simulations/partitions/labelled.ts';
import { parsePartition } from '../../simulations/partitions/parse.ts';
import { simulate, type SimulationOptions } from '../../simulations/simulate.ts';
import { clouds, cloudSimulation, cloudTask } from '../helpers/small-federation.ts';

const skewed = { partition: 'dirichlet:0.3,min=5', clients: 6, clientsPerRound: 6 } as const;

/** The drift of every round. */
async function drifts(changes: Partial<SimulationOptions> = {}): Promise<Record<string, unknown>[]> {
  const all: Record<string, unknown>[] = [];
  for await (const { metrics } of simulate(cloudSimulation({ ...skewed, drift: true, rounds: 3, ...changes }))) {
    all.push(Object.fromEntries(Object.entries(metrics).filter(([tag]) => tag.startsWith('drift/'))));
  }
  return all;
}

describe('the drift of a simulation', () => {
  it('is that of what its clients train, each alone', async () => {
    const engine = await createEngine({ model: cloudTask.model, backend: 'wasm' });
    const data = clouds(240, 1);
    const lists = parsePartition(skewed.partition).assign(labelledOf(data), 6, seeded(3, 'partition'));
    const weights = initialWeights(cloudTask.model, 3);
    const deltas: Float64Array[] = [];
    for (const [client, indices] of lists.entries()) {
      engine.setWeights(weights);
      const about = { seed: `clouds-1/3-${client}`, round: 1, indices };
      deltas.push(Float64Array.from((await trainLocally(engine, data, cloudTask.training, about)).delta));
    }
    engine.dispose();
    // By the definitions, in two passes.
    const mean = weights.map((_, i) => deltas.reduce((sum, delta) => sum + delta[i]! / 6, 0));
    const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
      mean.reduce((sum, _, i) => sum + a[i]! * b[i]!, 0);
    const over = (value: (delta: Float64Array) => number): number =>
      deltas.reduce((sum, each) => sum + value(each) / 6, 0);
    const norm = Math.sqrt(dot(mean, mean));
    const [first] = await drifts({ rounds: 1 });
    const l2 = over((delta) => mean.reduce((sum, m, i) => sum + (delta[i]! - m) ** 2, 0)) ** 0.5;
    expect(first!['drift/l2']).to.be.closeTo(l2, 1e-6 * l2);
    const cosine = over((delta) => dot(delta, mean) / Math.sqrt(dot(delta, delta)) / norm);
    expect(first!['drift/cosine']).to.be.closeTo(cosine, 1e-6);
    expect(first!['drift/diversity']).to.be.closeTo(over((delta) => dot(delta, delta)) / norm ** 2, 1e-5);
    expect(cosine).to.be.below(0.95); // or the test says little
  });

  it('is the same with two workers and over sockets', async () => {
    const one = await drifts();
    expect(one).to.have.length(3);
    expect(await drifts({ workers: 2 })).to.deep.equal(one);
    expect(await drifts({ workers: 2, transport: 'ws' })).to.deep.equal(one);
  });

  it('is measured for strategies that keep every update, and for those that send more than an update', async () => {
    const [plain] = await drifts({ rounds: 1 });
    expect(await drifts({ rounds: 1, strategy: { name: 'median' } })).to.deep.equal([plain]);
    // SCAFFOLD's control variates are 0 in the first round: the same updates, and the change of the variates behind them.
    expect(await drifts({ rounds: 1, strategy: { name: 'scaffold' } })).to.deep.equal([plain]);
  });

  it('is not measured unless it is asked for, and refused where nobody sees single updates', async () => {
    expect(await drifts({ drift: false, rounds: 1 })).to.deep.equal([{}]);
    const refused = await drifts({ secureAggregation: true }).catch((thrown: unknown) => thrown);
    expect(refused).to.be.instanceOf(FederatedError);
    expect((refused as FederatedError).message).to.match(/^drift: secure aggregation hides single updates/);
  });
});

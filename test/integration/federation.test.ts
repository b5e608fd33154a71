import { expect } from 'chai';
import { Federation, simpleDelta, tinyConfig } from '../helpers/federation.ts';
import { runId } from '../../shared/ids.ts';
import { initialWeights } from '../../shared/tasks/initial.ts';
import { tinyTask } from '../helpers/federation.ts';

/** What FedAvg over simple trainers gives, computed apart: seeds and examples of each client, in float64. */
function reference(rounds: number, clients: readonly { seed: number; examples: number }[], d = 8): Float32Array {
  let weights = initialWeights(tinyTask(d).model, 1);
  const total = clients.reduce((sum, { examples }) => sum + examples, 0);
  for (let round = 0; round < rounds; round++) {
    const deltas = clients.map(({ seed }) => simpleDelta(weights, seed));
    weights = weights.map((w, i) => {
      const mean = clients.reduce((sum, { examples }, k) => sum + examples * deltas[k]![i]!, 0) / total;
      return w + mean;
    });
  }
  return weights;
}

describe('a federation over real sockets', () => {
  let federation: Federation;
  afterEach(() => federation.close());

  it('trains the model that the reference gives, and every client counts in every round', async () => {
    federation = await Federation.open();
    await federation.server.operations.create(tinyConfig(), runId('tiny-1'));
    const clients = [1, 2, 3].map((seed) => federation.join({ seed, training: { examples: 10 * seed } }));
    const outcomes = await Promise.all(clients.map(({ done }) => done));
    for (const each of outcomes) {
      expect(each.map(({ round, result, counted }) => [round, result, counted])).to.deep.equal([
        [1, 'done', true],
        [2, 'done', true],
        [3, 'done', true],
      ]);
    }
    const model = await clients[0]!.client.model();
    const expected = reference(
      3,
      [1, 2, 3].map((seed) => ({ seed, examples: 10 * seed })),
    );
    for (let i = 0; i < 8; i++) expect(model.weights[i]).to.be.closeTo(expected[i]!, 1e-7);
    const run = await federation.server.operations.run(runId('tiny-1'));
    expect(run).to.include({ state: 'finished', round: 3, weights: model.sha256 });
  });
});

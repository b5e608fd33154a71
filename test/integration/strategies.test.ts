import { expect } from 'chai';
import type { FederatedClient } from '../../client/federated-client.ts';
import type { Trainer } from '../../client/trainer.ts';
import { checkRunConfig, type RunConfigInput } from '../../server/config.ts';
import { parseStrategy } from '../../server/strategies/spec.ts';
import { strategyOf } from '../../server/strategies/table.ts';
import { runId } from '../../shared/ids.ts';
import { initialWeights } from '../../shared/tasks/initial.ts';
import { Federation, simpleTrainer, tinyConfig } from '../helpers/federation.ts';
import { descend, federate, quadraticTask, type Quadratic } from '../helpers/quadratic.ts';

const run = runId('quadratic-1');
const d = 3;
const clients: readonly Quadratic[] = [
  { a: 1, b: [0, 2, -1], examples: 3 },
  { a: 4, b: [1, 1, 5], examples: 1 },
  { a: 2, b: [-3, 0, 0.5], examples: 2 },
];

const trainerOf = (client: Quadratic): Trainer => ({
  backend: 'quadratic',
  adjusts: true,
  load: async () => {},
  train: async ({ task, weights, adjust }) => descend(client, task, weights, adjust),
  close: async () => {},
});

const configOf = (spec: string, changes: Partial<RunConfigInput> = {}): RunConfigInput =>
  tinyConfig({
    task: quadraticTask(d, undefined, { steps: 3, rate: 0.1 }),
    strategy: parseStrategy(spec) as NonNullable<RunConfigInput['strategy']>,
    rounds: 4,
    maxUpdateNorm: 1_000,
    coordinateBound: spec.startsWith('qfedavg') ? 1_000 : 8,
    maxExamples: 10,
    ...changes,
  });

/** The same run without server, sockets and bytes. */
async function expected(input: RunConfigInput): Promise<Float32Array> {
  const { task, strategy, rounds, seed } = checkRunConfig(input);
  const from = [...initialWeights(task.model, seed)];
  return (await federate(clients, task, strategyOf(strategy), rounds, { from })).at(-1)!;
}

describe('strategies over real sockets', () => {
  let federation: Federation;
  afterEach(() => federation.close());

  const joinAll = (): { client: FederatedClient; done: Promise<unknown> }[] =>
    clients.map((client, i) => federation.join({ seed: i + 1, trainer: trainerOf(client) }));
  const expectModel = async (
    [first]: readonly { client: FederatedClient }[],
    input: RunConfigInput,
    within: number,
  ): Promise<void> => {
    const { weights } = await first!.client.model();
    for (const [i, value] of (await expected(input)).entries()) expect(weights[i]).to.be.closeTo(value, within);
  };

  for (const spec of [
    'fedprox:mu=0.5',
    'scaffold',
    'feddyn:alpha=0.5',
    'fednova',
    'qfedavg:q=1',
    'ditto',
    'fedadam:lr=0.1',
  ]) {
    for (const secureAggregation of [false, true]) {
      it(`${spec} gives the model of its formula${secureAggregation ? ', under secure aggregation' : ''}`, async () => {
        const input = configOf(spec, { secureAggregation });
        federation = await Federation.open();
        await federation.server.operations.create(input, run);
        const joined = joinAll();
        await Promise.all(joined.map(({ done }) => done));
        expect((await federation.server.operations.run(run)).strategy).to.equal(spec.split(':')[0]);
        await expectModel(joined, input, secureAggregation ? 1e-4 : 1e-6);
      });
    }
  }

  it('a restarted server goes on with what SCAFFOLD has gathered, and so do its clients', async () => {
    const input = configOf('scaffold');
    federation = await Federation.open();
    await federation.server.operations.create(input, run);
    const joined = joinAll();
    await federation.event(({ type, data }) => type === 'round' && data['round'] === 2 && data['result'] === 'done');
    await federation.restart();
    await Promise.all(joined.map(({ done }) => done));
    await expectModel(joined, input, 1e-6);
  });

  it("Ditto gives each client a model nearer to its own optimum than the global one's", async () => {
    federation = await Federation.open();
    await federation.server.operations.create(configOf('ditto:lambda=0.1', { rounds: 8 }), run);
    const joined = joinAll();
    await Promise.all(joined.map(({ done }) => done));
    for (const [i, { client }] of joined.entries()) {
      const distance = (weights: Float32Array): number =>
        Math.hypot(...weights.map((value, at) => value - clients[i]!.b[at]!));
      const [global, personal] = [await client.model(), await client.model({ personal: true })];
      expect(distance(personal.weights)).to.be.below(0.5 * distance(global.weights));
    }
  });

  it('a trainer of one’s own that changes no steps takes no part in an algorithm that needs that, and says why', async () => {
    federation = await Federation.open();
    await federation.server.operations.create(configOf('scaffold'), run);
    const joined = [1, 2, 3].map((seed) => federation.join({ seed, trainer: simpleTrainer() }));
    const { message } = await federation.event(({ data }) => data['code'] === 'NOT_SUPPORTED');
    expect(message).to.match(/control-variates.*take part with the built-in trainer/);
    expect(joined).to.have.length(3);
  });
});

describe('a robust rule over real sockets', () => {
  it('takes what the others say, and not the one who says something else', async () => {
    const federation = await Federation.open();
    try {
      await federation.server.operations.create(configOf('median', { minClients: 3, rounds: 3 }), run);
      // Two of three pull to 1, the third far away.
      const [honest, liar]: Quadratic[] = [
        { a: 4, b: [1, 1, 1] },
        { a: 4, b: [-90, 90, -90] },
      ];
      const joined = [honest!, honest!, liar!].map((client, i) =>
        federation.join({ seed: i + 1, trainer: trainerOf(client) }),
      );
      await Promise.all(joined.map(({ done }) => done));
      const { weights } = await joined[0]!.client.model();
      // The median of three is the honest two's own update: (1 - 0.4)^9 of the way is left.
      const task = quadraticTask(d, undefined, { steps: 9, rate: 0.1 });
      const from = initialWeights(task.model, 1);
      const { delta } = descend(honest!, task, from);
      for (const [i, value] of weights.entries()) expect(value).to.be.closeTo(from[i]! + delta[i]!, 1e-5);
    } finally {
      await federation.close();
    }
  });
});

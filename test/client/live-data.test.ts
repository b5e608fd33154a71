import { expect } from 'chai';
import type { StateDetail } from '../../client/client-options.ts';
import { nodePlatform } from '../../client/node/platform.ts';
import { FederatedClient } from '../../client/federated-client.ts';
import { LocalTrainer } from '../../client/local-training.ts';
import { Federation, tinyConfig, tinyTask } from '../helpers/federation.ts';

/** So many examples of two numbers and their sum. */
const examples = (count: number): { xs: Float32Array; ys: Float32Array } => ({
  xs: Float32Array.from({ length: 2 * count }, (_, i) => (i % 7) / 7),
  ys: Float32Array.from({ length: count }, (_, i) => ((2 * i) % 7) / 7 + ((2 * i + 1) % 7) / 7),
});

describe('a client whose data change', () => {
  let federation: Federation;

  beforeEach(async () => {
    federation = await Federation.open();
  });
  afterEach(() => federation.close());

  const task = { ...tinyTask(2), training: { ...tinyTask(2).training, minExamples: 5 } };
  const config = (rounds: number) => tinyConfig({ task, rounds, minClients: 1 });

  function clientWith(data: () => ReturnType<typeof examples>, liveData: boolean) {
    const url = federation.server.joinLink;
    const options = { url, consent: 'given', data, liveData, checkEvery: 5 } as const;
    const client = new FederatedClient({ ...options, trainer: new LocalTrainer({ backend: 'cpu' }) }, nodePlatform({}));
    const states: string[] = [];
    client.addEventListener('state', (event) => {
      const { state, reason } = (event as CustomEvent<StateDetail>).detail;
      states.push(reason === null ? state : `${state}: ${reason}`);
    });
    return { client, states };
  }

  const reportsOf = async (): Promise<number[]> => {
    const rounds = await federation.server.operations.rounds('tiny-1' as never);
    return rounds.map(({ record }) => record.reports[0]!.examples!);
  };

  for (const liveData of [true, false]) {
    it(`${liveData ? 'is asked for them before each round' : 'is asked for them once, if they do not'}`, async () => {
      let asked = 0;
      const { client } = clientWith(() => examples(10 * ++asked), liveData);
      await federation.server.operations.create(config(3), 'tiny-1' as never);
      for await (const _ of client.join());
      expect(await reportsOf()).to.deep.equal(liveData ? [10, 20, 30] : [10, 10, 10]);
    });
  }

  it('takes part as soon as there are enough of them', async () => {
    let count = 1;
    const { client, states } = clientWith(() => examples(count++), true);
    await federation.server.operations.create(config(1), 'tiny-1' as never);
    for await (const _ of client.join());
    // 1 when the round began, then one more at each look, until there were five; and one more for the round itself.
    expect(await reportsOf()).to.deep.equal([6]);
    expect(states).to.include('ineligible: data-too-small');
  });

  it('looks no more once it has left', async () => {
    let asked = 0;
    const { client, states } = clientWith(() => examples(Math.min(1, ++asked)), true);
    await federation.server.operations.create(config(1), 'tiny-1' as never);
    const end = new AbortController();
    client.addEventListener('state', () => {
      if (asked === 3) end.abort();
    });
    const joined = (async () => {
      for await (const _ of client.join({ signal: end.signal }));
    })();
    await new Promise<void>((resolve) => {
      const look = setInterval(() => {
        if (asked < 3) return;
        clearInterval(look);
        resolve();
      }, 1);
    });
    client.leave();
    await joined;
    const after = asked;
    await new Promise((resolve) => setTimeout(resolve, 30)); // six times as long as between two looks
    expect(asked).to.equal(after);
    expect(states.at(-1)).to.equal('left');
  });
});

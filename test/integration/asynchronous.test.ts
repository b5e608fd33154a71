import { expect } from 'chai';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FederatedClient } from '../../client/federated-client.ts';
import { nodePlatform } from '../../client/node/platform.ts';
import type { NodeClientOptions } from '../../client/node.ts';
import type { RunConfigInput } from '../../server/config.ts';
import type { StepName } from '../../server/host.ts';
import { runId } from '../../shared/ids.ts';
import { findBreak, type RoundRecord } from '../../shared/round-log.ts';
import { initialWeights } from '../../shared/tasks/initial.ts';
import { Federation, seedOf, simpleDelta, simpleTrainer, tinyConfig, tinyTask } from '../helpers/federation.ts';
import type { MortalMessage } from '../helpers/mortal-server.ts';
import { Nursery } from '../helpers/mortal.ts';
import { RawClient } from '../helpers/raw-client.ts';

const run = runId('tiny-1');
const delta = (value: number): Float32Array => new Float32Array(8).fill(value);
const start = initialWeights(tinyTask().model, 1);

type FedBuff = Extract<NonNullable<RunConfigInput['strategy']>, { name: 'fedbuff' }>;
const fedBuff = (options: Partial<Omit<FedBuff, 'name'>>, changes: Partial<RunConfigInput> = {}): RunConfigInput =>
  tinyConfig({ strategy: { name: 'fedbuff', bufferSize: 2, ...options }, ...changes });

/**
 * The models of a log by the formula, from what it says and the clients' own function: client k trained on k examples.
 * @returns after each round
 */
function modelsOf(records: readonly RoundRecord[]): Float32Array[] {
  const models = [start];
  for (const { round, reports } of records) {
    const total = reports.reduce((sum, { examples }) => sum + examples!, 0);
    const before = models[round - 1]!;
    const next = Float64Array.from(before);
    for (const { examples, basedOn } of reports) {
      const update = simpleDelta(models[basedOn! - 1]!, examples!);
      const factor = 1 / Math.sqrt(1 + round - basedOn!);
      for (let i = 0; i < next.length; i++) next[i]! += (examples! * factor * update[i]!) / total;
    }
    models[round] = Float32Array.from(next);
  }
  return models.slice(1);
}
const expectNear = (found: Float32Array, expected: Float32Array): void => {
  for (const [i, value] of expected.entries()) expect(found[i], `weight ${i}`).to.be.closeTo(value, 1e-5);
};

let federation: Federation;

/** Clients of the federation that say what they are told to; they and it end after each test. */
function useRawClients(): () => Promise<RawClient> {
  const raws: RawClient[] = [];
  afterEach(async () => {
    for (const each of raws.splice(0)) each.cut();
    await federation.close();
  });
  return async () => {
    const client = await RawClient.ready(federation.server.joinLink);
    raws.push(client);
    return client;
  };
}

describe('an asynchronous run over real sockets', () => {
  const ready = useRawClients();
  const recordsOf = async (): Promise<RoundRecord[]> =>
    (await federation.server.operations.rounds(run)).map(({ record }) => record);
  const modelAt = async (client: RawClient, round: number): Promise<Float32Array> => {
    const { weights } = await client.next('committed', (message) => message.round === round);
    const { token } = await client.next('welcome');
    const url = `http://127.0.0.1:${federation.server.port}/v1/blobs/${Buffer.from(weights).toString('hex')}`;
    const response = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
    return new Float32Array(await response.arrayBuffer());
  };
  const told = (client: RawClient, round: number) => client.next('train', (message) => message.round === round);
  /** The word that a client had is said once more at the beginning of a round. */
  const toldAgain = async (client: RawClient, round: number, times: number): Promise<void> => {
    for (let count = 0; count < times;) {
      const words = client.received.filter((message) => message.type === 'train' && message.round === round);
      count = words.length;
      if (count < times) await new Promise((resolve) => setTimeout(resolve, 2));
    }
  };

  it('counts the report of a slow client in a later round, by its staleness, and refuses one that is too far behind', async () => {
    federation = await Federation.open();
    await federation.server.operations.create(fedBuff({ maxStaleness: 1 }, { rounds: 4 }), run);
    const [a, b, c] = [await ready(), await ready(), await ready()] as const;
    const first = await told(a, 1);
    await Promise.all([told(b, 1), told(c, 1)]);

    // Round 1: a and b. (10 * 1 + 30 * 2) / 40 = 1.75
    await a.report(first, delta(1), { examples: 10 });
    await b.report(first, delta(2), { examples: 30 });
    expectNear(
      await modelAt(a, 1),
      start.map((w) => w + 1.75),
    );

    // Round 2: a anew, and c, which has been at work since round 1. (10 * 1 + 10 * 4 / sqrt(2)) / 20 = 1.914214
    const second = await told(a, 2);
    await toldAgain(c, 1, 2);
    await a.report(second, delta(1), { examples: 10 });
    await c.report(first, delta(4), { examples: 10 });
    expectNear(
      await modelAt(c, 2),
      start.map((w) => w + 1.75 + 1.914_214),
    );

    // Round 3: a and c. b, at work since round 2, would be two rounds old in round 4.
    const third = await told(a, 3);
    await toldAgain(b, 2, 2);
    await a.report(third, delta(0));
    await c.report(third, delta(0));
    const stop = await b.next('refused');
    expect(stop).to.include({ round: 2, attempt: 1, code: 'STALE_ROUND' });
    expect(stop.message).to.match(/2 rounds old, and at most 1 are taken/);
    // It is given the newest model; what it offers of the old one is refused.
    const fourth = await told(b, 4);
    b.offer(second);
    await b.next('refused', (message) => message !== stop && message.code === 'STALE_ROUND');
    await b.report(fourth, delta(1));
    await a.report(fourth, delta(1));
    await federation.state('finished');

    const records = await recordsOf();
    expect(findBreak(records)).to.equal(-1);
    const bases = records.map(({ round, reports }) =>
      reports.map(({ basedOn }) => round - basedOn!).toSorted((x, y) => x - y),
    );
    expect(bases).to.deep.equal([
      [0, 0],
      [0, 1],
      [0, 0],
      [0, 0],
    ]);
    // Of c, which was not in it, round 1 said nothing; it goes on with what it had.
    expect(c.received.filter((message) => message.type === 'committed' && message.round === 1)).to.have.length(0);
  });

  it('gives a place that is free to the next, and no client two', async () => {
    federation = await Federation.open();
    await federation.server.operations.create(fedBuff({ bufferSize: 3, concurrency: 1 }, { rounds: 1 }), run);
    const clients = [await ready(), await ready(), await ready()];
    // One after the other is told to train, when the one before has reported.
    for (let turn = 1; turn <= 3; turn++) {
      const trained = (): RawClient[] =>
        clients.filter(({ received }) => received.some(({ type }) => type === 'train'));
      while (trained().length < turn) await new Promise((resolve) => setTimeout(resolve, 2));
      expect(trained()).to.have.length(turn);
      const next = trained().find(({ received }) => !received.some(({ type }) => type === 'received'))!;
      await next.report(await next.next('train'), delta(turn));
      await next.next('received');
    }
    await federation.state('finished');
    const [record] = await recordsOf();
    expect(record!.reports).to.have.length(3);
    expect(record!.cohort).to.have.length(3);
  });

  it('is FedAvg to the byte when the buffer and the places are all clients', async () => {
    const hashes: string[][] = [];
    for (const strategy of [{ name: 'fedavg' }, { name: 'fedbuff', bufferSize: 3, concurrency: 3 }] as const) {
      federation = await Federation.open();
      await federation.server.operations.create(tinyConfig({ strategy, rounds: 4 }), run);
      const joined = [1, 2, 3].map((seed) => federation.join({ seed, training: { examples: seed } }));
      await Promise.all(joined.map(({ done }) => done));
      hashes.push((await recordsOf()).map(({ weightsAfter }) => weightsAfter));
      if (strategy.name === 'fedavg') await federation.close();
    }
    expect(new Set(hashes[0]).size).to.equal(4);
    expect(hashes[1]).to.deep.equal(hashes[0]);
  });

  it('goes on after a restart with a client that had begun rounds ago, which trains once and counts once', async () => {
    federation = await Federation.open();
    await federation.server.operations.create(fedBuff({}, { rounds: 5 }), run);
    let release = (): void => {};
    const slow = new Promise<void>((resolve) => (release = resolve));
    const done = (round: number) =>
      federation.event(({ type, data }) => type === 'round' && data['round'] === round && data['result'] === 'done');
    const trainings: string[] = [];
    const joined = [1, 2, 3].map((seed) =>
      federation.join({
        seed,
        training: {
          examples: seed,
          onTrain: (request) => void trainings.push(`${seedOf(request)}/${request.round}`),
          // The third is slow in its first round, the first waits for it in round 4, and the second for both.
          before: async ({ round }) => {
            if (seed === 3 ? round === 1 : round === 4) await slow;
            if (seed === 2 && round === 4) await done(4);
          },
        },
      }),
    );
    await done(3);
    await federation.restart();
    expect((await federation.server.operations.run(run)).resumedAt).to.equal(3);
    release();
    await Promise.all(joined.map(({ done }) => done));
    const records = await recordsOf();
    expect(records.map(({ result }) => result)).to.deep.equal(Array.from({ length: 5 }, () => 'done'));
    const ofThird = records.flatMap(({ round, reports }) =>
      reports.filter(({ examples }) => examples === 3).map(({ basedOn }) => `${basedOn} in ${round}`),
    );
    expect(ofThird[0]).to.equal('1 in 4');
    expect(trainings.toSorted()).to.deep.equal([...new Set(trainings)].toSorted());
    const { weights } = await joined[0]!.client.model();
    expectNear(weights, modelsOf(records).at(-1)!);
  });
});

describe('an attempt of an asynchronous run that comes to nothing', () => {
  const ready = useRawClients();
  const three = (): Promise<RawClient[]> => Promise.all([ready(), ready(), ready()]);
  /** Each is told to train in this round, and does. */
  const report = (clients: readonly RawClient[], round: number): Promise<unknown> =>
    Promise.all(
      clients.map(async (each) => {
        await each.report(await each.next('train', (message) => message.round === round), delta(1));
      }),
    );
  const ended = (round: number, attempt: number) =>
    federation.event(({ data }) => data['round'] === round && data['attempt'] === attempt && data['result'] === 'abandoned'); // prettier-ignore

  /** A client whose training of round 1 takes until it is let go, and three others that do round 1 without it. */
  async function afterRoundOne() {
    federation = await Federation.open();
    await federation.server.operations.create(fedBuff({ bufferSize: 3 }, { rounds: 2, retryDelay: 100 }), run);
    let release = (): void => {};
    const wait = new Promise<void>((resolve) => (release = resolve));
    const trainings: number[] = [];
    let begin = (): void => {};
    const begun = new Promise<void>((resolve) => (begin = resolve));
    const onTrain = ({ round }: { readonly round: number }): void => {
      trainings.push(round);
      begin();
    };
    const slow = federation.join({ seed: 7, training: { examples: 7, before: () => wait, onTrain } });
    const others = await three();
    await begun;
    await report(others, 1);
    await Promise.all(others.map((each) => each.next('train', (message) => message.round === 2)));
    return { slow, others, trainings, release };
  }
  const leave = (clients: readonly RawClient[]): void => {
    for (const each of clients) each.send({ type: 'leave', reason: 'user' });
  };
  /** How the second round came to its end, and on which rounds' models the client with 7 examples has trained. */
  async function expectOnce(trainings: readonly number[]): Promise<void> {
    await federation.state('finished');
    const records = (await federation.server.operations.rounds(run)).map(({ record }) => record);
    expect(findBreak(records)).to.equal(-1);
    expect(records.map(({ round, attempt, result }) => `${round}.${attempt} ${result}`)).to.deep.equal([
      '1.1 done',
      '2.1 abandoned',
      '2.2 done',
    ]);
    const counted = records[2]!.reports.filter(({ examples }) => examples === 7);
    expect(counted.map(({ basedOn }) => basedOn)).to.deep.equal([1]);
    expect(trainings).to.deep.equal([1]);
  }

  it('leaves those who are at work at their work, and the next attempt counts what comes of it', async () => {
    const { slow, others, trainings, release } = await afterRoundOne();
    leave(others);
    await ended(2, 1);
    const more = await three();
    await Promise.all(more.map((each) => each.next('train', (message) => message.round === 2)));
    release();
    await federation.event(({ type, data }) => type === 'report' && data['examples'] === 7);
    await report(more.slice(0, 2), 2);
    await expectOnce(trainings);
    expect(slow.outcomes.filter(({ result }) => result === 'abandoned')).to.deep.equal([]);
  });

  for (const restarts of [false, true]) {
    it(`is given once more, and not trained anew, the update that it had counted${restarts ? ', also by a server that has died meanwhile' : ''}`, async () => {
      const { others, trainings, release } = await afterRoundOne();
      release();
      await federation.event(({ type, data }) => type === 'report' && data['examples'] === 7);
      leave(others);
      await ended(2, 1);
      if (restarts) await federation.restart();
      await report((await three()).slice(0, 2), 2);
      await expectOnce(trainings);
    });
  }
});

describe('the server of an asynchronous run killed with SIGKILL', function () {
  this.timeout(60_000);
  const kills: readonly { readonly step: StepName; readonly count: number }[] = [
    { step: 'report-received', count: 3 },
    { step: 'round-committed', count: 2 },
    { step: 'attempt-saved', count: 2 },
    { step: 'blob-durable', count: 1 },
  ];

  it(`at ${kills.map(({ step }) => step).join(', ')}: ends with the model that its log says, each report counted once`, async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'fedloom-kill-'));
    const servers = await Nursery.of<MortalMessage>('test/helpers/mortal-server.ts', 2);
    const abort = new AbortController();
    let server = servers.take();
    try {
      const live = async (port: number, kill: (typeof kills)[number] | null) => {
        await server.tell({ dataDir, port, kill });
        return server.next('listening');
      };
      const { port, joinLink, adminToken } = (await live(0, kills[0]!))!;
      await server.tell(fedBuff({}, { rounds: 8 }));
      await server.next('created');
      const trainings: string[] = [];
      const clients = [1, 2, 3].map((seed) => {
        const options: NodeClientOptions = {
          url: joinLink,
          consent: 'given',
          seed,
          data: () => ({ xs: new Float32Array(8), ys: new Float32Array(1) }),
          trainer: simpleTrainer({
            examples: seed,
            onTrain: ({ round }) => void trainings.push(`${seed}/${round}`),
            // The third takes as long as some rounds of the others.
            before: () => new Promise((resolve) => setTimeout(resolve, seed === 3 ? 60 : 5)),
          }),
        };
        const { clock, ...platform } = nodePlatform({});
        const quick = { ...clock, after: (ms: number, then: () => void) => clock.after(ms / 4, then) };
        return new FederatedClient(options, { ...platform, clock: quick });
      });
      const done = Promise.all(
        clients.map(async (client) => {
          for await (const _ of client.join({ signal: abort.signal }));
        }),
      );
      done.catch(() => {});
      for (let i = 1; i <= kills.length; i++) {
        await Promise.race([server.died, done]);
        await server.kill();
        server = servers.take();
        await live(port, kills[i] ?? null);
      }
      await done;
      const headers = { authorization: `Bearer ${adminToken}` };
      const response = await fetch(`http://127.0.0.1:${port}/api/runs/tiny-1/log`, { headers });
      const { records } = (await response.json()) as { records: RoundRecord[] };
      expect(findBreak(records)).to.equal(-1);
      expect(records.map(({ round, result }) => `${round} ${result}`)).to.deep.equal(
        [1, 2, 3, 4, 5, 6, 7, 8].map((round) => `${round} done`),
      );
      const counted = records.flatMap(({ reports }) => reports.map(({ client, basedOn }) => `${client}/${basedOn}`));
      expect(new Set(counted).size).to.equal(counted.length);
      expect(new Set(trainings).size, 'each training once').to.equal(trainings.length);
      expectNear((await clients[0]!.model()).weights, modelsOf(records).at(-1)!);
    } finally {
      abort.abort();
      await server.kill();
      await servers.close();
      await rm(dataDir, { recursive: true, force: true });
    }
  });
});

import { expect } from 'chai';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunView } from '../../server/operations.ts';
import type { StoredRound } from '../../server/store/store.ts';
import { useFolder } from '../contracts/folder.ts';
import { endCommandsAfterEach, fedloom, jsonOf, RunningCommand } from '../helpers/command.ts';

interface Ready {
  readonly url: string;
  readonly joinLink: string;
  readonly run: string;
  readonly resumedAt: number | null;
  readonly pid: number;
}
interface ClientResult {
  readonly run: string;
  readonly round: number;
  readonly counted: number;
  readonly backend: string;
  readonly weightsSha256: string;
}
interface Shown {
  readonly run: RunView;
  readonly rounds: readonly StoredRound[];
  readonly intact: boolean;
}

/** Softmax regression of the digits: real training, quick enough for a process each. */
const digits = {
  format: 'fedloom-task-1',
  name: 'digits-linear',
  model: {
    input: [784],
    layers: [{ type: 'dense', units: 10, activation: 'softmax' }],
    loss: 'sparse-categorical-crossentropy',
  },
  data: { features: [784], labels: { classes: 10 }, source: 'mnist-10k' },
  training: { localEpochs: 1, batchSize: 10, clientLearningRate: 0.1, optimizer: 'sgd' },
};

/** Training by a module: ones, or with HOLD in the environment nothing, ever. */
const holdingTrainer = `export async function train({ weights }) {
  if (process.env.HOLD !== undefined) await new Promise((resolve) => setTimeout(resolve, 1e9));
  return { delta: new Float32Array(weights.length).fill(1) };
}`;

describe('a federation of processes', function () {
  this.timeout(120_000);
  endCommandsAfterEach();
  const folder = useFolder();
  beforeEach(() => writeFile(join(folder(), 'task.json'), JSON.stringify(digits)));

  const fresh = ['--port', '0', '--task', 'task.json', '--seed', '5'];
  /** In the test's folder, where `task.json` and `train.js` are. */
  const serveFresh = (data: string, ...args: string[]): RunningCommand =>
    new RunningCommand(['serve', '--data-dir', data, '--json', ...fresh, ...args], { cwd: folder() });
  const client = (ready: Ready, name: string, ...args: string[]): RunningCommand =>
    new RunningCommand(['join', ready.joinLink, '--state', join(folder(), name), '--json', ...args]);
  /** Three clients whose data and order of batches depend on their number alone. */
  const three = (ready: Ready, name: string): RunningCommand[] =>
    [0, 1, 2].map((i) => client(ready, `${name}${i}`, '--data', `mnist-10k:${i}/10`, '--seed', `client-${i}`));
  const show = async (ready: Ready, data = 'data'): Promise<Shown> =>
    jsonOf<Shown>(await fedloom(['runs', 'show', ready.run, '--json', '--data-dir', join(folder(), data)]));

  it('ends with the reason where the data is not what the task asks for', async () => {
    const server = serveFresh('data', '--rounds', '1', '--min-clients', '1');
    const ready = await server.json<Ready>();
    const end = await client(ready, 'a', '--data', 'mnist-10k?target=features:0/40').ended;
    expect(end).to.include({ code: 1 });
    expect(jsonOf<{ error: { code: string } }>(end).error.code).to.equal('BAD_DATA');
    expect(end.err).to.include('expected [200] labels for 200 examples, got 156800 values');
    server.child.kill('SIGTERM');
    await server.ended;
  });

  it('reaches the end, and goes on after kill -9 of the server to the very same weights', async () => {
    // Undisturbed.
    const server = serveFresh('data', '--rounds', '4', '--min-clients', '3');
    const ready = await server.json<Ready>();
    expect(ready.resumedAt).to.equal(null);
    const ends = await Promise.all(three(ready, 'a').map(({ ended }) => ended));
    for (const end of ends) expect(end, end.err).to.include({ code: 0 });
    const results = ends.map((end) => jsonOf<ClientResult>(end));
    const { run, rounds, intact } = await show(ready); // asks the running server
    const weights = run.weights;
    for (const result of results) expect(result).to.deep.equal({ run: ready.run, round: 4, counted: 4, backend: 'wasm', weightsSha256: weights }); // prettier-ignore
    expect(run).to.include({ state: 'finished', round: 4, task: 'digits-linear' });
    expect(rounds.map(({ record }) => [record.result, record.reports.length])).to.deep.equal(Array(4).fill(['done', 3])); // prettier-ignore
    expect(rounds.at(-1)!.evaluation!['accuracy']).to.be.above(0.8); // chance is 0.1
    expect(intact).to.equal(true);
    server.child.kill('SIGTERM');
    expect(await server.ended).to.include({ code: 0, signal: null });
    expect((await show(ready)).run.weights).to.equal(weights); // from the folder, now that nobody serves it

    // The same, with a server that dies in the middle.
    const other = serveFresh('other', '--rounds', '4', '--min-clients', '3');
    const before = await other.json<Ready>();
    const clients = three(before, 'b');
    await clients[0]!.said(/round 1: done/);
    await other.kill();
    const port = new URL(before.url).port;
    const again = new RunningCommand(['serve', '--data-dir', 'other', '--port', port, '--json'], { cwd: folder() });
    const after = await again.json<Ready>();
    expect(after).to.include({ url: before.url, joinLink: before.joinLink, run: before.run });
    expect(after.resumedAt).to.be.within(1, 3);
    await again.said(new RegExp(`Resumed +after round ${after.resumedAt} of 4`));
    for (const { ended } of clients) {
      const end = await ended;
      expect(end, end.err).to.include({ code: 0 });
      expect(jsonOf<ClientResult>(end)).to.include({ round: 4, weightsSha256: weights });
    }
    const resumed = await show(before, 'other');
    expect(resumed.run.weights).to.equal(weights);
    expect(resumed.rounds.filter(({ record }) => record.result !== 'abandoned').map(({ record }) => record.round)).to.deep.equal([1, 2, 3, 4]); // prettier-ignore
    expect(resumed.intact).to.equal(true);
  });

  it('closes a round without a client that was killed and one that stands still', async () => {
    await writeFile(join(folder(), 'train.mjs'), holdingTrainer);
    const server = serveFresh('data', '--rounds', '1', '--min-clients', '4', '--no-secure-aggregation', '--round-timeout', '5s', '--evaluate', 'none'); // prettier-ignore
    const ready = await server.json<Ready>();
    const start = (i: number, env: Record<string, string> = {}): RunningCommand =>
      new RunningCommand(
        ['join', ready.joinLink, '--state', `c${i}`, '--data', `mnist-10k:${i}/10`, '--trainer', 'train.mjs', '--json'],
        { cwd: folder(), env },
      );
    const [killed, stopped] = [start(0, { HOLD: '1' }), start(1, { HOLD: '1' })];
    const well = [start(2), start(3)];
    await Promise.all([killed!, stopped!].map((each) => each.said(/^Training on/m)));
    killed!.child.kill('SIGKILL');
    stopped!.child.kill('SIGSTOP');
    const results = await Promise.all(well.map(async ({ ended }) => jsonOf<ClientResult>(await ended)));
    const { run, rounds } = await show(ready);
    expect(run).to.include({ state: 'finished', round: 1 });
    for (const result of results) expect(result).to.include({ counted: 1, backend: 'module', weightsSha256: run.weights }); // prettier-ignore
    expect(rounds).to.have.length(1);
    expect(rounds[0]!.record).to.include({ result: 'short' });
    expect(rounds[0]!.record.cohort).to.have.length(4);
    expect(rounds[0]!.record.reports).to.have.length(2);
    // A client that does not answer keeps the server from nothing.
    server.child.kill('SIGTERM');
    const end = await server.ended;
    expect(end, end.err).to.include({ code: 0, signal: null });
    expect(end.err).to.include('Stopping');
  });

  it('says which settings it ignores while a stored run goes on, and begins another with --new', async () => {
    const first = serveFresh('data', '--rounds', '7', '--evaluate', 'none');
    const { run } = await first.json<Ready>();
    first.child.kill('SIGTERM');
    await first.ended;
    const second = serveFresh('data', '--rounds', '8', '--evaluate', 'none');
    expect((await second.json<Ready>()).run).to.equal(run);
    await second.said(/Ignored +rounds, seed, task: the stored run keeps its settings/);
    second.child.kill('SIGTERM');
    await second.ended;
    const third = serveFresh('data', '--rounds', '8', '--evaluate', 'none', '--new');
    expect((await third.json<Ready>()).run).to.not.equal(run);
    await third.said(/ 8 rounds /);
    expect(await readFile(join(folder(), 'data', 'server.json'), 'utf8')).to.include('http://127.0.0.1:');
  });
});

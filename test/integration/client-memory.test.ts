import { expect } from 'chai';
import { join } from 'node:path';
import { runId, sha256Id } from '../../shared/ids.ts';
import { bytesFloats } from '../../shared/weights.ts';
import { useFolder } from '../contracts/folder.ts';
import { bundle } from '../helpers/bundle.ts';
import { Federation, tinyConfig } from '../helpers/federation.ts';
import type { HoardingMessage, HoardingTask } from '../helpers/hoarding-client.ts';
import { Mortal } from '../helpers/mortal.ts';

const run = runId('tiny-1');
const heap = '--max-old-space-size=64';
const source = ['--import', 'tsx'];
const script = 'test/helpers/hoarding-client.ts';

describe('a client that is out of memory', function () {
  this.timeout(60_000);
  const folder = useFolder();
  let federation: Federation;
  let bundled: string;
  before(async () => {
    bundled = await bundle(script);
  });
  const processes: Mortal<HoardingMessage>[] = [];
  afterEach(async () => {
    await Promise.all(processes.splice(0).map((each) => each.kill()));
    await federation.close();
  });

  /** Two rounds of three clients: two of them here, with updates of minus half the model, and one in a process of its own. */
  const begin = async (): Promise<void> => {
    federation = await Federation.open({ limits: { rejoinGrace: 100 } });
    await federation.server.operations.create(tinyConfig({ rounds: 2, minReports: 2, roundTimeout: 30_000 }), run);
    for (const seed of [1, 2]) {
      federation.join({ seed, training: { examples: seed, delta: ({ weights }) => weights.map((w) => -w / 2) } });
    }
  };
  const start = async (
    hoards: HoardingTask['hoards'],
    options: ConstructorParameters<typeof Mortal>[1] = {},
  ): Promise<Mortal<HoardingMessage>> => {
    // The training thread is started from its source; the others are one file.
    const flags = [...(hoards === 'training' ? source : []), ...(options.flags ?? [])];
    const process = new Mortal<HoardingMessage>(hoards === 'training' ? script : bundled, { ...options, flags });
    processes.push(process);
    await process.tell({ url: federation.server.joinLink, stateDir: join(folder(), 'state'), seed: 3, hoards });
    return process;
  };
  const round = (number: number) =>
    federation.event(({ type, data }) => type === 'round' && data['round'] === number && 'result' in data);
  /** Who counted in each round, and that each model is half of the one before: the mean of what everyone sent. */
  const expectRounds = async (reports: readonly number[]): Promise<void> => {
    const records = (await federation.server.operations.rounds(run)).map(({ record }) => record);
    expect(records.map((each) => new Set(each.reports.map(({ client }) => client)).size)).to.deep.equal(reports);
    expect(
      records.map((each) => each.reports.length),
      'nobody counts twice',
    ).to.deep.equal(reports);
    for (const { weightsBefore, weightsAfter } of records) {
      const [before, after] = [await weightsOf(weightsBefore), await weightsOf(weightsAfter)];
      for (const [i, value] of after.entries()) expect(value).to.be.closeTo(before[i]! / 2, 1e-6);
    }
  };
  const weightsOf = async (sha256: string): Promise<Float32Array> => {
    const { url, adminToken } = federation.server;
    const headers = { authorization: `Bearer ${adminToken}` };
    const response = await fetch(`${url}/v1/blobs/${sha256Id(sha256)}`, { headers });
    return bytesFloats(new Uint8Array(await response.arrayBuffer()));
  };

  it('dies: the round goes on without it, its place is free, and with more memory it takes part again', async () => {
    await begin();
    const small = await start('objects', { flags: [heap], isLoud: false });
    await small.died;
    expect(small.said('loading')).to.have.length(1);
    expect(small.process.signalCode ?? small.process.exitCode).to.be.oneOf(['SIGABRT', 'SIGTRAP', 134]);
    expect((await round(1)).data).to.include({ result: 'short', reports: 2 });
    expect(federation.server.sizes()).to.include({ connected: 2, sessions: 2, tokens: 2 });
    const again = await start(null);
    await again.next('finished');
    expect((await round(2)).data).to.include({ result: 'done', reports: 3 });
    expect(again.said('counted')).to.deep.equal([{ type: 'counted', round: 2, counted: true }]);
    expect(await federation.server.operations.clients(), 'it is who it was').to.have.length(3);
    await expectRounds([2, 3]);
  });

  it('is refused an array of 4 GiB: it says so and stays, and the rounds go on without it', async () => {
    await begin();
    const small = await start('array', { addressSpace: 3 * 2 ** 30 });
    const { code, message } = (await small.next('problem'))!;
    expect([code, message]).to.deep.equal(['TRAINING_FAILED', 'Array buffer allocation failed']);
    await small.next('finished');
    await federation.state('finished');
    const failures = federation.events.filter(({ message: text }) => text.includes('Array buffer allocation failed'));
    expect(failures).to.have.length(2);
    await expectRounds([2, 2]);
  });

  it('loses its training thread alone: the round goes on without it, and the next one trains in a new thread', async () => {
    await begin();
    const small = await start('training', { flags: [heap] });
    const { code, message } = (await small.next('problem'))!;
    expect(code).to.equal('TRAINING_FAILED');
    expect(message).to.match(/the worker died: .*memory/);
    await small.next('finished');
    expect(small.said('counted')).to.deep.equal([
      { type: 'counted', round: 1, counted: false },
      { type: 'counted', round: 2, counted: true },
    ]);
    await expectRounds([2, 3]);
  });
});

import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadTokenKey } from '../../server/access/secrets.ts';
import { signToken } from '../../server/access/signed-token.ts';
import type { RoundSummary, RunView } from '../../server/operations.ts';
import type { Limits } from '../../shared/protocol/limits.ts';
import { useFolder } from '../contracts/folder.ts';
import { bundle } from '../helpers/bundle.ts';
import { tinyConfig } from '../helpers/federation.ts';
import type { JumpingMessage, JumpingTask } from '../helpers/jumping-process.ts';
import { Mortal } from '../helpers/mortal.ts';
import { RawClient } from '../helpers/raw-client.ts';

const hour = 3_600_000;
const day = 24 * hour;
const jumps = [-2 * hour, 400 * day];
const sign = (ms: number): string => `${ms > 0 ? '+' : '−'}${Math.abs(ms) / hour} hours`;
const delta = (value: number): Float32Array => new Float32Array(8).fill(value);

/** A process whose calendar can be set, or that can be stopped. */
type Jumping = Mortal<JumpingMessage>;

describe('in mid-run', function () {
  this.timeout(60_000);
  const folder = useFolder();
  let script: string;
  const processes: Jumping[] = [];
  const raws: RawClient[] = [];
  before(async () => {
    script = await bundle('test/helpers/jumping-process.ts');
  });
  afterEach(async () => {
    for (const each of raws.splice(0)) each.cut();
    await Promise.all(processes.splice(0).map((each) => each.kill()));
  });

  const begin = async (task: JumpingTask): Promise<Jumping> => {
    const process = new Mortal<JumpingMessage>(script);
    processes.push(process);
    await process.tell(task);
    return process;
  };
  /** A server with a run. */
  const serve = async (config: Parameters<typeof tinyConfig>[0], limits: Partial<Limits> = {}) => {
    const process = await begin({ role: 'server', dataDir: folder(), limits: { rejoinGrace: 20_000, ...limits } });
    const { url, joinLink, adminToken } = (await process.next('listening'))!;
    await process.tell({ type: 'create', config: tinyConfig(config) });
    await process.next('created');
    const status = async (path: string, token: string): Promise<number> =>
      (await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${token}` } })).status;
    const get = async <T>(path: string): Promise<T> => {
      const response = await fetch(`${url}/api/runs/tiny-1${path}`, {
        headers: { authorization: `Bearer ${adminToken}` },
      });
      return (await response.json()) as T;
    };
    const run = (): Promise<RunView> => get('');
    /** Asks until the run has this state: the test's time is the limit. */
    const reaches = async (state: string): Promise<void> => {
      while ((await run()).state !== state) await sleep(10);
    };
    return { process, joinLink, status, run, reaches, history: () => get<RoundSummary[]>('/history') };
  };
  const ready = async (link: string): Promise<RawClient> => {
    const client = await RawClient.ready(link);
    raws.push(client);
    return client;
  };
  const jump = async (process: Jumping, ms: number): Promise<number> => {
    const before = process.said('jumped').length;
    await process.tell({ type: 'jump', ms });
    return (await process.next('jumped', (word) => process.said('jumped').indexOf(word) === before))!.now;
  };

  for (const ms of jumps) {
    it(`the server's calendar jumps by ${sign(ms)}: the round neither ends at once nor hangs, and nobody is cut off`, async () => {
      const server = await serve(
        { rounds: 2, minReports: 2, roundTimeout: 2_000 },
        { heartbeat: 200, heartbeatMisses: 20 },
      );
      const clients = [await ready(server.joinLink), await ready(server.joinLink), await ready(server.joinLink)];
      const trains = await Promise.all(clients.map((client) => client.next('train')));
      const now = await jump(server.process, ms);
      // Each has the model: from here on another deadline counts.
      for (const [i, client] of clients.entries()) {
        const { run, round, attempt } = trains[i]!;
        client.send({ type: 'progress', run, round, attempt, phase: 'training', fraction: 0 });
      }
      await Promise.all(clients.map((client) => client.next('ping'))); // the heart has beaten since
      const { current } = await server.run();
      expect(current).to.include({ round: 1, attempt: 1, reported: 0 });
      expect(current!.deadline! - now, 'shown by the calendar that there is').to.be.within(-1_000, 2_000);
      for (const [i, client] of clients.entries()) await client.report(trains[i]!, delta(1));
      expect((await clients[0]!.next('committed')).result).to.equal('done');
      // In the second round one stays silent: it ends by its deadline.
      const seconds = await Promise.all(clients.map((client) => client.next('train', ({ round }) => round === 2)));
      for (const client of [0, 1]) await clients[client]!.report(seconds[client]!, delta(1));
      expect((await clients[0]!.next('committed', ({ round }) => round === 2)).result).to.equal('short');
      expect(clients.map(({ socket }) => socket.readyState)).to.deep.equal([1, 1, 1]);
    });

    it(`the server's calendar jumps by ${sign(ms)}: a client that has fallen silent is still found out`, async () => {
      const server = await serve({ minClients: 2 }, { heartbeat: 100 });
      const silent = await ready(server.joinLink);
      await jump(server.process, ms);
      expect((await silent.closed).code).to.equal('HEARTBEAT_TIMEOUT');
    });

    it(`a client's calendar jumps by ${sign(ms)}: it trains on, says that it is there, and its rounds count once`, async () => {
      const server = await serve({ rounds: 2, minClients: 1 }, { heartbeat: 400 });
      const client = await begin({ role: 'client', url: server.joinLink, seed: 1 });
      await client.next('training');
      await jump(client, ms);
      const other = await ready(server.joinLink); // it hears pings, too: more heartbeats go by than may be missed
      for (let beats = 0; beats < 4; beats++) {
        other.received.length = 0;
        await other.next('ping');
        other.send({ type: 'ping' });
      }
      other.send({ type: 'leave', reason: 'user' });
      expect(client.said('state').map(({ reason }) => reason)).not.to.include('server-unreachable');
      await client.tell({ type: 'train' });
      await client.next('training', ({ round }) => round === 2);
      await client.tell({ type: 'train' });
      await client.next('finished');
      const rounds = await server.history();
      expect(rounds.map(({ result, reports }) => [result, reports])).to.deep.equal([
        ['done', 1],
        ['done', 1],
      ]);
    });
  }

  it('a token ends when its date has come, and is good again when the calendar is set back', async () => {
    const server = await serve({});
    const exp = Math.floor((Date.now() + hour) / 1_000);
    const token = signToken(await loadTokenKey(folder()), { role: 'viewer', name: 'guest', exp });
    expect(await server.status('/api/server', token)).to.equal(200);
    await jump(server.process, 2 * hour);
    expect(await server.status('/api/server', token)).to.equal(401);
    await jump(server.process, -2 * hour);
    expect(await server.status('/api/server', token)).to.equal(200);
  });

  it('the server stands still for longer than it suffers silence: those who have spoken meanwhile stay, and the round goes on', async () => {
    const heartbeat = 100;
    const server = await serve({ rounds: 1 }, { heartbeat, heartbeatMisses: 5 });
    const clients = [await ready(server.joinLink), await ready(server.joinLink), await ready(server.joinLink)];
    const trains = await Promise.all(clients.map((client) => client.next('train')));
    server.process.process.kill('SIGSTOP');
    for (const client of clients) client.send({ type: 'ping' });
    await sleep(10 * heartbeat); // what is tested is that this is too long
    server.process.process.kill('SIGCONT');
    for (const [i, client] of clients.entries()) await client.report(trains[i]!, delta(1));
    expect((await clients[0]!.next('committed')).result).to.equal('done');
    expect(clients.map(({ socket }) => socket.readyState)).to.deep.equal([1, 1, 1]);
  });

  it('the server stands still until its clients have given it up: they find it again, and no training is done twice', async () => {
    const server = await serve({ rounds: 2, minClients: 2 }, { heartbeat: 60 });
    const clients = await Promise.all([1, 2].map((seed) => begin({ role: 'client', url: server.joinLink, seed })));
    await Promise.all(clients.map((client) => client.next('training')));
    server.process.process.kill('SIGSTOP');
    const isLost = ({ reason }: { reason: string | null }): boolean => reason === 'server-unreachable';
    await Promise.all(clients.map((client) => client.next('state', isLost)));
    for (const client of clients) await client.tell({ type: 'train' }); // while the server is away
    server.process.process.kill('SIGCONT');
    await Promise.all(
      clients.map(async (client) => {
        await client.next('training', ({ round }) => round === 2);
        await client.tell({ type: 'train' });
        await client.next('finished');
      }),
    );
    await server.reaches('finished');
    for (const client of clients) expect(client.said('training').map(({ round }) => round)).to.deep.equal([1, 2]);
    const counted = (await server.history()).filter(({ result }) => result !== 'abandoned');
    expect(counted.map(({ round, reports }) => [round, reports])).to.deep.equal([
      [1, 2],
      [2, 2],
    ]);
  });
});

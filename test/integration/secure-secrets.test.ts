import { expect } from 'chai';
import { fork, type ChildProcess } from 'node:child_process';
import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { seeded } from '../../shared/random.ts';
import { floatBytes } from '../../shared/weights.ts';
import { tinyConfig } from '../helpers/federation.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { takePart } from '../helpers/raw-secure.ts';
import type { WatchedMessage, WatchedTask } from '../helpers/watched-server.ts';

const script = fileURLToPath(new URL('../helpers/watched-server.ts', import.meta.url));
const d = 2_048;
const clients = 4;

/** Sixteen bytes from the middle of an update: nobody meets them by chance. */
interface Needle {
  readonly what: string;
  readonly bytes: Buffer;
}
const needleIn = (what: string, bytes: Uint8Array, at = bytes.length / 2): Needle => ({
  what,
  bytes: Buffer.from(bytes.subarray(at, at + 16)),
});

/** Names of the needles that are found in a process's writable memory, at this moment. */
function inMemory(pid: number, needles: readonly Needle[]): Set<string> {
  const found = new Set<string>();
  const memory = openSync(`/proc/${pid}/mem`, 'r');
  const piece = Buffer.alloc(8 * 1024 * 1024);
  for (const line of readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n')) {
    const map = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line);
    if (map === null) continue;
    const end = Number.parseInt(map[2]!, 16);
    for (let at = Number.parseInt(map[1]!, 16); at < end; at += piece.length - 16) {
      let count = 0;
      try {
        count = readSync(memory, piece, 0, Math.min(piece.length, end - at), at);
      } catch {
        break; // a mapping that cannot be read, such as a device
      }
      const bytes = piece.subarray(0, count);
      for (const { what, bytes: needle } of needles) if (bytes.includes(needle)) found.add(what);
    }
  }
  closeSync(memory);
  return found;
}

function inFiles(folder: string, needles: readonly Needle[]): string[] {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  expect(names.length).to.be.above(5);
  return names.flatMap((entry) => {
    const bytes = readFileSync(join(entry.parentPath, entry.name));
    return needles.filter((needle) => bytes.includes(needle.bytes)).map(({ what }) => `${what} in ${entry.name}`);
  });
}

const isStopped = (pid: number): boolean => / T /.test(readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/\(.*\)/, ''));

describe("a server's memory, data folder and logs", function () {
  this.timeout(120_000);
  let dataDir: string;
  let server: ChildProcess;
  const raws: RawClient[] = [];
  const deltas = Array.from({ length: clients }, (_, i) => {
    const random = seeded('secrets', i);
    return Float32Array.from({ length: d }, () => random.float() - 0.5);
  });
  const clear = deltas.map((delta, i) => needleIn(`the update of client ${i}`, floatBytes(delta)));

  beforeEach(async function () {
    if (!existsSync('/proc/self/maps')) this.skip(); // the memory of another process can only be read on Linux
    dataDir = await mkdtemp(join(tmpdir(), 'fedloom-secrets-'));
    server = fork(script, { execArgv: ['--import=tsx'], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  });
  afterEach(async () => {
    for (const each of raws.splice(0)) each.cut();
    server.kill('SIGKILL');
    await rm(dataDir, { recursive: true, force: true });
  });

  /** One round; `look` sees the server standing still at each of the steps. */
  async function oneRound(
    secureAggregation: boolean,
    stops: WatchedTask['stops'],
    train: (raw: RawClient, i: number) => Promise<void>,
    look: (step: string) => void,
  ): Promise<void> {
    const listening = new Promise<string>((resolve, reject) => {
      server.once('exit', () => reject(new Error('the server has died')));
      server.on('message', (message: WatchedMessage) => {
        if (message.type === 'loaded') server.send({ dataDir, logFile: join(dataDir, 'log.jsonl'), stops });
        if (message.type === 'listening') resolve(message.joinLink);
      });
    });
    const link = await listening;
    const finished = new Promise<void>((resolve, reject) => {
      server.on('message', (message: WatchedMessage) => {
        if (message.type === 'finished') resolve();
        if (message.type !== 'stopped') return;
        void (async () => {
          while (!isStopped(server.pid!)) await turn();
          look(message.step);
          server.kill('SIGCONT');
        })().catch(reject);
      });
    });
    server.send(tinyConfig({ rounds: 1, minClients: clients, minReports: clients, secureAggregation }, d));
    const trained = Array.from({ length: clients }, async (_, i) => {
      const raw = await RawClient.ready(link);
      raws.push(raw);
      await train(raw, i);
    });
    await Promise.all([finished, ...trained]);
  }

  it('hold no update of a client in clear, at any step of a round with secure aggregation', async () => {
    const words: Needle[] = [];
    const seen: Record<string, string[]> = {};
    await oneRound(
      true,
      ['report-received', 'sum-masked', 'consents-closed', 'unmasked', 'round-committed'],
      async (raw, i) => {
        const quantised = await takePart(raw, deltas[i]!, 10 * (i + 1));
        words.push(needleIn(`the words of client ${i}`, new Uint8Array(quantised.buffer), 4 * (d / 2)));
      },
      (step) => {
        seen[step] = [...(seen[step] ?? []), ...inMemory(server.pid!, [...clear, ...words])];
      },
    );
    expect(words).to.have.length(clients);
    // Once more when all is over, now that the words of everyone are known.
    expect([...inMemory(server.pid!, [...clear, ...words])]).to.deep.equal([]);
    expect(seen).to.deep.equal({
      'report-received': [],
      'sum-masked': [],
      'consents-closed': [],
      unmasked: [],
      'round-committed': [],
    });
    expect(inFiles(dataDir, [...clear, ...words])).to.deep.equal([]);
  });

  it('would show one: without secure aggregation the updates are found', async () => {
    const seen = new Set<string>();
    await oneRound(
      false,
      ['report-received'],
      async (raw, i) => raw.report(await raw.next('train'), deltas[i]!),
      () => {
        for (const each of inMemory(server.pid!, clear)) seen.add(each);
      },
    );
    expect(seen.size).to.equal(clients);
  });
});

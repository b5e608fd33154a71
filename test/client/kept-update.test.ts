import { expect } from 'chai';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StateDetail } from '../../client/client-options.ts';
import type { ClientPlatform } from '../../client/platform.ts';
import { nodePlatform } from '../../client/node/platform.ts';
import { fileStore } from '../../client/node/store.ts';
import { UpdateKeeper } from '../../client/kept-update.ts';
import type { KeptUpdate } from '../../client/session/types.ts';
import { runId } from '../../shared/ids.ts';
import { Federation, tinyConfig } from '../helpers/federation.ts';

const run = runId('tiny-1');
const d = 64; // weights: 256 bytes, 16 chunks of 16
const limits = { chunkBytes: 16, windowBytes: 16, ackBytes: 16, rejoinGrace: 10_000, heartbeat: 60_000 };

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fedloom-kept-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('a client that dies before its update is durable on the server', () => {
  let federation: Federation;
  let trainings: string[];

  beforeEach(() => {
    trainings = [];
  });
  afterEach(() => federation.close());

  /** The runtime of a process that is gone once its socket has taken so many messages. */
  function mortal(messages: number): { platform: ClientPlatform; died: Promise<void> } {
    const platform = nodePlatform({ stateDir: folder });
    let left = messages;
    let die = (): void => {};
    const died = new Promise<void>((resolve) => {
      die = resolve;
    });
    const openSocket: ClientPlatform['openSocket'] = (url, events) => {
      if (left === 0) return { send() {}, close() {} };
      const socket = platform.openSocket(url, { ...events, closed: () => {} });
      return {
        send(bytes) {
          if (left === 0) return;
          socket.send(bytes);
          if (--left > 0) return;
          socket.close();
          die();
        },
        close: () => socket.close(),
      };
    };
    return { platform: { ...platform, openSocket }, died };
  }

  const note = (name: string) => ({
    onTrain: ({ round }: { round: number }) => void trainings.push(`${name}/${round}`),
  });
  const begin = async (secureAggregation: boolean): Promise<void> => {
    federation = await Federation.open({ limits });
    await federation.server.operations.create(tinyConfig({ rounds: 1, minReports: 3, secureAggregation }, d), run);
  };

  it('goes on with its upload after a restart from its folder: not trained again, counted once', async () => {
    await begin(false);
    // hello, auth, ready, progress, report, and five chunks of the update
    const { platform, died } = mortal(10);
    let release = (): void => {};
    const dead = new Promise<void>((resolve) => {
      release = resolve;
    });
    federation.join({ seed: 1, training: note('mortal'), platform });
    for (const seed of [2, 3]) federation.join({ seed, training: { ...note(String(seed)), before: () => dead } });
    await died;
    const back = federation.join({ seed: 1, training: note('back'), stateDir: folder });
    await new Promise<void>((reported) =>
      back.client.addEventListener('state', (event) => {
        if ((event as CustomEvent<StateDetail>).detail.state === 'reported') reported();
      }),
    );
    release();
    expect(await back.done).to.have.length(1);
    expect(back.outcomes[0]).to.include({ result: 'done', counted: true });
    expect(trainings.sort()).to.deep.equal(['2/1', '3/1', 'mortal/1']);
    const [round] = await federation.server.operations.rounds(run);
    expect(round!.record.reports).to.have.length(3);
    const { sent, update } = await back.client.inspect();
    const chunks = sent.find(({ message }) => message === 'chunk')!.count;
    expect(chunks, 'of 16, of which the server had some').to.be.within(1, 15);
    expect(update).to.include({ run, round: 1, encoding: 'clear', bytes: 256 });
    expect(await readdir(folder)).to.not.include('update.bin');
  });

  it('masks the same update anew for the next attempt, under secure aggregation', async () => {
    await begin(true);
    // hello, auth, ready, progress and the advert
    const { platform, died } = mortal(5);
    federation.join({ seed: 1, training: note('mortal'), platform });
    for (const seed of [2, 3]) federation.join({ seed, training: note(String(seed)) });
    await died;
    const back = federation.join({ seed: 1, training: note('back'), stateDir: folder });
    await back.done;
    expect(back.outcomes.at(-1)).to.include({ result: 'done', counted: true });
    expect(trainings.sort()).to.deep.equal(['2/1', '3/1', 'mortal/1']);
    const { update } = await back.client.inspect();
    expect(update).to.deep.include({ encoding: 'masked', examples: { count: 10, toldTo: 'sum' } });
  });
});

describe('an update kept on the device', () => {
  const update: KeptUpdate = {
    key: 'r-1/1/a/b',
    run: 'r-1',
    round: 1,
    upload: new Uint8Array(16).fill(7),
    bytes: 8,
    examples: 5,
    metrics: { loss: 1 },
    backend: 'test',
  };
  const facts = { tensors: [{ name: 'w', shape: [2] }], examples: 5, norm: 5 };
  const keep = (secure: boolean): Promise<KeptUpdate> => {
    const bytes = new Uint8Array(Float32Array.of(3, 4).buffer);
    return new UpdateKeeper(fileStore(folder)).keep(update, bytes, { server: 'aa', secure, facts });
  };
  const restored = async (): Promise<UpdateKeeper> => {
    const keeper = new UpdateKeeper(fileStore(folder));
    await keeper.restore();
    return keeper;
  };

  it('is found again, byte for byte, and gone once it is forgotten', async () => {
    await keep(true);
    const keeper = await restored();
    expect(keeper.take('aa', true)).to.deep.equal({ update, server: 'aa', secure: true, facts });
    const bytes = keeper.bytesOf(update.key);
    expect(new Float32Array(bytes.buffer)).to.deep.equal(Float32Array.of(3, 4));
    await keeper.clear();
    expect([...bytes], 'overwritten').to.deep.equal([0, 0, 0, 0, 0, 0, 0, 0]);
    expect((await restored()).take('aa', false)).to.equal(null);
  });

  it('is not offered to another server, and not in clear by a client that now demands secure aggregation', async () => {
    await keep(true);
    expect((await restored()).take('bb', false)).to.equal(null);
    await keep(false);
    const keeper = await restored();
    expect(keeper.take('aa', true)).to.equal(null);
    await keeper.restore(); // after what is being done
    expect(await readdir(folder), 'removed').to.deep.equal([]);
  });

  it('counts for nothing when it is damaged', async () => {
    const record = (about: string) =>
      new TextEncoder().encode(`${String.fromCharCode(about.length)}\0\0\0${about}12345678`);
    const texts = [
      '{}',
      'null',
      '[]',
      '{"update":{"bytes":8,"upload":"zz"}}',
      '{"update":{"bytes":8,"upload":7},"facts":null}',
    ];
    for (const damage of [Uint8Array.of(1), new Uint8Array(40).fill(255), ...texts.map(record)]) {
      await writeFile(join(folder, 'update.bin'), damage);
      expect((await restored()).take('aa', false)).to.equal(null);
    }
  });
});

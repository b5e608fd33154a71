import { expect } from 'chai';
import { Coordinator } from '../../server/coordinator.ts';
import { EventLog } from '../../server/event-log.ts';
import type { Session } from '../../server/gateway/session.ts';
import { silentLog, type Host } from '../../server/host.ts';
import { MaskPool } from '../../server/masking/mask-pool.ts';
import { createMetrics } from '../../server/metrics.ts';
import { memoryBlobs, memoryStore } from '../../server/store/memory.ts';
import type { Store, StoredAttempt } from '../../server/store/store.ts';
import { FederatedError } from '../../shared/errors.ts';
import { clientId, runId } from '../../shared/ids.ts';
import { defaultLimits } from '../../shared/protocol/limits.ts';
import type { ServerMessage } from '../../shared/protocol/messages.ts';
import { findBreak } from '../../shared/round-log.ts';
import { tinyConfig } from '../helpers/federation.ts';
import { native } from '../helpers/primitives.ts';

/** A client that is connected and says what it is told to. */
interface Guest extends Session {
  readonly heard: ServerMessage[];
}
const guest = (digit: string): Guest => {
  const heard: ServerMessage[] = [];
  const id = clientId(digit.repeat(32));
  const about = { id, label: '', backend: '', software: '', generators: [], lastSeen: 0 };
  return { ...about, heard, send: (m) => void heard.push(m), end() {} };
};

/** A clock that a test winds on. */
function handClock() {
  let timers: { readonly at: number; readonly run: () => void }[] = [];
  let now = 1_000_000;
  return {
    clock: {
      now: () => now,
      steady: () => now,
      after(ms: number, run: () => void) {
        const timer = { at: now + ms, run };
        timers.push(timer);
        return () => {
          timers = timers.filter((each) => each !== timer);
        };
      },
    },
    async pass(ms: number) {
      now += ms;
      const due = timers.filter(({ at }) => at <= now);
      timers = timers.filter(({ at }) => at > now);
      for (const { run } of due) run();
      await quiet();
    },
  };
}

/** Everything that waits for nothing but its turn is done. */
const quiet = async (): Promise<void> => {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
};

/** A store of which a test may let calls fail. */
function frailStore(inner: Store) {
  const failing = new Set<keyof Store>();
  const store = new Proxy(inner, {
    get: (target, key) => (failing.has(key as keyof Store) ? fail : target[key as keyof Store]),
  });
  return { store, failing };
}
const fail = async (): Promise<never> => {
  throw new FederatedError('STORE_FULL', 'the disk is full');
};

describe('the coordinator, where the store or the timing is against it', () => {
  const masks = new MaskPool({ threads: 0 });
  const metrics = createMetrics();
  const blobs = memoryBlobs();

  function server(inner: Store, more: Partial<Host> = {}) {
    const { clock, pass } = handClock();
    const { store, failing } = frailStore(inner);
    const host: Host = {
      clock,
      primitives: native,
      randomBytes: (length) => new Uint8Array(length),
      masks,
      store,
      blobs,
      log: silentLog,
      limits: defaultLimits,
      events: new EventLog(0),
      metrics,
      ...more,
    };
    const coordinator = new Coordinator(host);
    const join = (client: Guest): void => {
      coordinator.opened(client);
      coordinator.message(client, { type: 'ready' });
    };
    return { coordinator, join, pass, failing };
  }
  const id = runId('tiny-1');

  /** A server with a run, for which one client is ready. */
  async function begun(config: Parameters<typeof tinyConfig>[0], inner: Store = memoryStore()) {
    const one = server(inner);
    await one.coordinator.start();
    await one.coordinator.create(tinyConfig(config), id);
    const client = guest('1');
    one.join(client);
    await quiet();
    return { one, client };
  }

  /** A client that does what it is asked to, with an update of zeros. */
  function train({ coordinator }: ReturnType<typeof server>, client: Guest): void {
    const word = client.heard.findLast((message) => message.type === 'train')!;
    const { run, round, attempt, weightsBytes } = word;
    const upload = new Uint8Array(16).fill(Number.parseInt(client.id[0]!, 16));
    const report = { type: 'report', run, round, attempt, upload, bytes: weightsBytes, examples: 1 } as const;
    coordinator.message(client, { ...report, encoding: 'float32', metrics: {} });
    coordinator.chunk(client, new DataView(upload.buffer).getUint32(0, true), 0, new Uint8Array(weightsBytes));
  }

  it('has one attempt at a time after a restart, though clients are ready before the run is taken up', async () => {
    const store = memoryStore();
    const config = tinyConfig({ rounds: 3, minClients: 1, evaluateEvery: 1 });
    const first = server(store, { evaluate: async () => ({ loss: 1 }) });
    await first.coordinator.start();
    await first.coordinator.create(config, id);
    const one = guest('1');
    first.join(one);
    await quiet();
    train(first, one);
    await quiet(); // round 1 is committed, and the attempt at round 2 is stored
    first.coordinator.close();
    const [round] = await store.rounds(id);
    expect(round!.record.round).to.equal(1);

    // The server had died before the evaluation of round 1: it is made good first, and takes its time.
    const lacking: Store = {
      ...store,
      newest: async (run) => ({ ...(await store.newest(run)), evaluated: null }),
    };
    let measured = (): void => {};
    const evaluate: Host['evaluate'] = () => new Promise((resolve) => (measured = () => resolve({ loss: 1 })));
    const saved: StoredAttempt[] = [];
    const watched: Store = { ...lacking, saveAttempt: async (attempt) => void saved.push(attempt) };
    const second = server(watched, { evaluate });
    const starting = second.coordinator.start();
    await quiet();
    second.join(guest('1'));
    second.join(guest('2'));
    await quiet();
    expect(saved, 'before the run is taken up').to.deep.equal([]);
    measured();
    await starting;
    await quiet();
    expect(saved.map(({ attempt, cohort }) => ({ attempt, cohort }))).to.deep.equal([{ attempt: 1, cohort: [one.id] }]);
    second.coordinator.close();
  });

  it('begins no round beyond the last, though the end of the run could not be stored at first', async () => {
    const store = memoryStore();
    const { one, client } = await begun({ rounds: 1, minClients: 1 }, store);
    one.failing.add('setRunState');
    train(one, client);
    await quiet();
    expect((await one.coordinator.run(id)).state).to.equal('paused');
    one.failing.clear();
    await one.coordinator.resume(id);
    await quiet();
    expect(await store.run(id)).to.include({ state: 'finished', round: 1 });
    expect(client.heard.at(-1)).to.include({ type: 'finished', rounds: 1 });
    one.coordinator.close();
  });

  it('says farewell to who was ready before it knew, after a restart, that the last run is over', async () => {
    const store = memoryStore();
    const first = server(store);
    await first.coordinator.start();
    await first.coordinator.create(tinyConfig({ rounds: 1, minClients: 1 }), id);
    await first.coordinator.stop(id);
    first.coordinator.close();

    const second = server(store);
    const starting = second.coordinator.start();
    const early = guest('1');
    second.join(early);
    await starting;
    await quiet();
    expect(early.heard.map((message) => message.type)).to.deep.equal(['wait', 'finished']);
    second.coordinator.close();
  });

  it('takes a run up a second later when the store fails at first', async () => {
    const store = memoryStore();
    const one = server(store);
    await one.coordinator.start();
    one.failing.add('newest');
    await one.coordinator.create(tinyConfig({ minClients: 1 }), id).catch(() => {});
    expect(await store.run(id)).to.include({ state: 'created' });
    one.failing.clear();
    await one.pass(1_000);
    expect(await store.run(id)).to.include({ state: 'waiting' });
    one.coordinator.close();
  });

  it('leaves a paused run paused after a restart, and goes on with its cohort on resume', async () => {
    const store = memoryStore();
    const first = server(store);
    await first.coordinator.start();
    await first.coordinator.create(tinyConfig({ minClients: 1 }), id);
    first.join(guest('1'));
    await quiet();
    first.coordinator.close();
    await store.setRunState(id, 'paused', 'the disk is full [STORE_FULL]');

    const second = server(store);
    await second.coordinator.start();
    const client = guest('1');
    second.join(client);
    second.join(guest('2'));
    await quiet();
    expect(client.heard.map(({ type }) => type)).to.deep.equal(['wait']);
    await second.coordinator.resume(id);
    await quiet();
    expect(client.heard.at(-1)).to.include({ type: 'train', round: 1, attempt: 1 });
    expect((await store.attempt(id))!.cohort).to.deep.equal([client.id]);
    second.coordinator.close();
  });

  it('gives the attempt after trouble a number of its own, as its cohort may be another', async () => {
    const store = memoryStore();
    const one = server(store);
    await one.coordinator.start();
    await one.coordinator.create(tinyConfig({ minClients: 1 }), id);
    const client = guest('1');
    one.join(client);
    await quiet();
    one.failing.add('commitRound');
    train(one, client);
    await quiet();
    one.failing.clear();
    one.join(guest('2'));
    await one.coordinator.resume(id);
    await quiet();
    expect(await store.attempt(id)).to.deep.include({ round: 1, attempt: 2, cohort: [client.id, '2'.repeat(32)] });
    one.coordinator.close();
  });

  it('stays paused when resuming it cannot be stored, and says so', async () => {
    const store = memoryStore();
    const one = server(store);
    await one.coordinator.start();
    await one.coordinator.create(tinyConfig({ minClients: 1 }), id);
    await one.coordinator.pause(id);
    const client = guest('1');
    one.join(client);
    one.failing.add('setRunState');
    const refusal = await one.coordinator.resume(id).catch((thrown: unknown) => thrown);
    expect(refusal).to.include({ code: 'STORE_FULL' });
    expect((await one.coordinator.run(id)).state).to.equal('paused');
    one.failing.clear();
    await one.coordinator.resume(id);
    await quiet();
    expect(client.heard.at(-1)).to.include({ type: 'train', round: 1 });
    one.coordinator.close();
  });

  it('goes on by itself when its full disk has room again, though an operator has tried to resume it in vain', async () => {
    const store = memoryStore();
    const one = server(store);
    await one.coordinator.start();
    await one.coordinator.create(tinyConfig({ minClients: 1, retryDelay: 1_000 }), id);
    const client = guest('1');
    one.failing.add('saveAttempt');
    one.join(client);
    await quiet();
    expect((await one.coordinator.run(id)).state).to.equal('paused');
    one.failing.add('setRunState');
    const refusal = await one.coordinator.resume(id).catch((thrown: unknown) => thrown);
    expect(refusal).to.include({ code: 'STORE_FULL' });
    one.failing.clear();
    for (let s = 0; s < 5; s++) await one.pass(1_000); // 1 s, then twice as long
    expect(client.heard.at(-1)).to.include({ type: 'train', round: 1 });
    one.coordinator.close();
  });

  it('ends a run by itself whose end could not be stored when an operator resumed it', async () => {
    const inner = memoryStore();
    let isFull = true;
    const store: Store = {
      ...inner,
      setRunState: (run, state, reason) =>
        state === 'finished' && isFull ? fail() : inner.setRunState(run, state, reason),
    };
    const { one, client } = await begun({ rounds: 1, minClients: 1, retryDelay: 1_000 }, store);
    train(one, client);
    await quiet();
    expect((await one.coordinator.run(id)).state).to.equal('paused');
    await one.coordinator.resume(id); // which it does, and finds the disk full again
    await quiet();
    expect(await one.coordinator.run(id)).to.include({ state: 'paused', reason: 'the disk is full [STORE_FULL]' });
    isFull = false;
    for (let s = 0; s < 5; s++) await one.pass(1_000);
    expect(await inner.run(id)).to.include({ state: 'finished', round: 1 });
    one.coordinator.close();
  });

  it('tries a round again though an operator has tried in vain to stop the run meanwhile', async () => {
    const config = { rounds: 1, minClients: 1, roundTimeout: 5_000, sendTimeout: 5_000, retryDelay: 60_000 };
    const { one, client } = await begun(config);
    await one.pass(5_000); // nothing was sent: the attempt is abandoned
    await one.pass(5_000);
    expect(client.heard.some(({ type }) => type === 'abandoned')).to.equal(true);
    one.failing.add('setRunState');
    const refusal = await one.coordinator.stop(id).catch((thrown: unknown) => thrown);
    expect(refusal).to.include({ code: 'STORE_FULL' });
    one.failing.clear();
    await quiet();
    expect(client.heard.findLast(({ type }) => type === 'train')).to.include({ round: 1, attempt: 2 });
    one.coordinator.close();
  });

  it('does not do a round twice whose commit seemed to fail and is there', async () => {
    const store = memoryStore();
    let isDoubtful = true;
    const doubtful: Store = {
      ...store,
      async commitRound(...of) {
        await store.commitRound(...of);
        if (isDoubtful) await fail();
      },
    };
    const one = server(doubtful);
    await one.coordinator.start();
    await one.coordinator.create(tinyConfig({ rounds: 2, minClients: 1 }), id);
    const client = guest('1');
    one.join(client);
    await quiet();
    train(one, client);
    await quiet();
    expect((await one.coordinator.run(id)).state).to.equal('paused');
    isDoubtful = false;
    await one.coordinator.resume(id);
    await quiet();
    expect(client.heard.at(-1)).to.include({ type: 'train', round: 2, attempt: 1 });
    train(one, client);
    await quiet();
    expect(await store.run(id)).to.include({ state: 'finished', round: 2 });
    expect(findBreak((await store.rounds(id)).map(({ record }) => record))).to.equal(-1);
    one.coordinator.close();
  });

  it('does not commit an attempt that trouble has ended, though its model comes late, beside the one that follows it', async () => {
    const inner = memoryStore();
    let refuse: (() => void) | null = null;
    const store: Store = {
      ...inner,
      setRunState: (run, state, reason) =>
        state === 'waiting' && refuse === null && reason === null && !isNew
          ? new Promise((_, reject) => (refuse = () => reject(new FederatedError('INTERNAL', 'the disk is gone'))))
          : inner.setRunState(run, state, reason),
    };
    let isNew = true;
    let put = (): void => {};
    let isSlow = false;
    const slow: Host['blobs'] = {
      ...blobs,
      put: async (bytes) => {
        if (isSlow) await new Promise<void>((resolve) => (put = resolve));
        return blobs.put(bytes);
      },
    };
    const one = server(store, { blobs: slow });
    await one.coordinator.start();
    await one.coordinator.create(tinyConfig({ rounds: 3, minClients: 1 }), id);
    const client = guest('1');
    one.join(client);
    await quiet();
    isNew = false;
    train(one, client);
    one.coordinator.closed(client); // so that round 2 has nobody: the run is to wait, and that takes long to store
    await quiet();
    expect(refuse).to.not.equal(null);
    const back = guest('1');
    one.join(back);
    await quiet();
    isSlow = true;
    train(one, back);
    await quiet(); // the new model is on its way to the disk
    refuse!();
    await quiet();
    expect((await one.coordinator.run(id)).state).to.equal('paused');
    isSlow = false;
    await one.coordinator.resume(id);
    await quiet();
    expect(back.heard.at(-1)).to.include({ type: 'train', round: 2, attempt: 2 });
    put();
    await quiet();
    expect(await inner.run(id), 'the attempt that was ended').to.include({ round: 1 });
    train(one, back);
    await quiet();
    expect((await inner.rounds(id)).map(({ record: { round, attempt } }) => `${round}.${attempt}`)).to.deep.equal(['1.1', '2.2']); // prettier-ignore
    one.coordinator.close();
  });

  it('keeps a client in its round that has connected anew before its old connection ended', async () => {
    const store = memoryStore();
    const one = server(store);
    await one.coordinator.start();
    await one.coordinator.create(tinyConfig({ rounds: 1, minClients: 1 }), id);
    const old = guest('1');
    one.join(old);
    await quiet();
    const anew = guest('1');
    one.join(anew);
    one.coordinator.closed(old);
    await one.pass(defaultLimits.rejoinGrace + 1); // nobody is waited for
    train(one, anew);
    await quiet();
    expect((await store.rounds(id)).map(({ record }) => record.result)).to.deep.equal(['done']);
    one.coordinator.close();
  });

  it('goes on with the run that has begun, though the clock says that another was made before it', async () => {
    const store = memoryStore();
    const first = server(store);
    await first.coordinator.start();
    await first.coordinator.create(tinyConfig({ minClients: 1 }), id);
    const stored = await store.run(id);
    await store.createRun({
      ...stored,
      id: runId('tiny-2'),
      state: 'created',
      createdAt: stored.createdAt - 3_600_000,
    });
    first.coordinator.close();
    const second = server(store);
    await second.coordinator.start();
    second.join(guest('1'));
    await quiet();
    expect((await store.run(id)).state).to.equal('running');
    expect((await store.run(runId('tiny-2'))).state).to.equal('created');
    second.coordinator.close();
  });
});

import { expect } from 'chai';
import { JobRunner } from '../../client/job-runner.ts';
import { UpdateKeeper } from '../../client/kept-update.ts';
import type { ClientStore } from '../../client/platform.ts';
import { newSession, type KeptUpdate, type SessionEvent, type SessionState } from '../../client/session/types.ts';
import { step } from '../../client/session/step.ts';
import type { Signer } from '../../shared/crypto/identity.ts';
import { bytesFloats, floatBytes } from '../../shared/weights.ts';

/** A promise that a test fulfils when it likes. */
function gate(): { readonly passed: Promise<void>; open(): void } {
  let open = (): void => {};
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { passed, open: () => open() };
}
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const hash = new Uint8Array(32);
const train = (attempt: number): SessionEvent => ({
  type: 'message',
  message: {
    type: 'train',
    run: 'r',
    round: 1,
    attempt,
    task: hash,
    weights: hash,
    taskBytes: 1,
    weightsBytes: 8,
    deadline: 1_000,
    secagg: '{}',
    update: '{}',
  },
});

describe('the work on a job', () => {
  it('that was given up when its update was being written serves the next attempt, and nothing overwrites it', async () => {
    // The real session, runner and keeper, over a disk that is slow to take the first update, and trainings that end when they are let.
    const disk = gate();
    let saves = 0;
    const store: ClientStore = {
      lasting: true,
      load: async () => null,
      save: async () => (saves++ === 0 ? disk.passed : undefined),
      remove: async () => {},
    };
    const keeper = new UpdateKeeper(store);
    const trainings: ReturnType<typeof gate>[] = [];
    const masked: Float32Array[] = [];
    let state: SessionState = newSession;
    const runner = new JobRunner({
      worker: {
        fetch: async () => true,
        async train({ job, signal }) {
          const own = gate();
          trainings.push(own);
          const number = trainings.length;
          await own.passed;
          signal.throwIfAborted();
          const { key, run, round } = job;
          const upload = new Uint8Array(16).fill(number);
          const update: KeptUpdate = { key, run, round, upload, bytes: 8, examples: 1, metrics: {}, backend: 'test' };
          const origin = { server: 's', secure: true, facts: null };
          return { update: await keeper.keep(update, floatBytes(Float32Array.of(1, 2)), origin), facts: null };
        },
      },
      secure: {
        check: async () => {},
        renewals: async () => 0,
        begin: async (_job, _identity, _server, { delta }) => {
          masked.push(delta);
          return null;
        },
        answer: async () => null,
        again: async () => null,
        end: () => {},
      },
      keeper,
      seed: 1,
      parties: () => ({ identity: { publicKey: hash } as Signer, server: hash }),
      current: () => state.job,
      dispatch: (event) => happen(event),
      tooFew: () => {},
      trained: () => {},
    });
    function happen(event: SessionEvent): void {
      const [next, effects] = step(state, event);
      state = next;
      for (const effect of effects) {
        if (effect.do === 'fetch') runner.fetch(effect.job);
        else if (effect.do === 'train') runner.train(effect.job);
        else if (effect.do === 'cancel-work') runner.cancel();
        else if (effect.do === 'secure') runner.mask(effect.job, effect.update);
        else if (effect.do === 'forget') keeper.forget(effect.key);
      }
    }
    const welcome = {
      type: 'welcome',
      client: 'c',
      ticket: hash,
      token: 't',
      resumed: false,
      heartbeat: 1_000,
      chunkBytes: 8,
      windowBytes: 8,
      software: 'test',
    } as const;
    for (const event of [
      { type: 'join', unable: null },
      { type: 'message', message: welcome },
      train(1),
    ] satisfies SessionEvent[])
      happen(event);
    await settle();
    trainings[0]!.open(); // it is being written now
    await settle();
    happen({ type: 'unable', reason: 'low-battery' });
    happen({ type: 'able', examples: null });
    happen(train(2));
    await settle();
    expect(trainings).to.have.length(2);
    disk.open();
    await settle();
    expect(state.stage).to.equal('securing');
    expect([...masked[0]!]).to.deep.equal([1, 2]);
    trainings[1]!.open(); // it was cancelled: the first one's update is on its way
    await settle();
    expect([...masked[0]!]).to.deep.equal([1, 2]);
    expect(masked).to.have.length(1);
    expect(state.kept?.upload[0]).to.equal(1);
  });

  it('of which two updates are kept gives the first, whose bytes stay what they are', async () => {
    const store: ClientStore = { lasting: false, load: async () => null, save: async () => {}, remove: async () => {} };
    const keeper = new UpdateKeeper(store);
    const update = (number: number): KeptUpdate => ({
      key: 'k',
      run: 'r',
      round: 1,
      upload: new Uint8Array(16).fill(number),
      bytes: 4,
      examples: 1,
      metrics: {},
      backend: 'test',
    });
    const origin = { server: 's', secure: false, facts: null };
    const first = await keeper.keep(update(1), floatBytes(Float32Array.of(1)), origin);
    const second = await keeper.keep(update(2), floatBytes(Float32Array.of(2)), origin);
    expect(second).to.equal(first);
    expect([...bytesFloats(keeper.bytesOf('k'))]).to.deep.equal([1]);
  });
});

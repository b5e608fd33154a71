import { expect } from 'chai';
import { checkRunConfig } from '../../../server/config.ts';
import { RunStatus } from '../../../server/run/run-status.ts';
import type { StoredRun } from '../../../server/store/store.ts';
import { FederatedError } from '../../../shared/errors.ts';
import { runId, sha256Id } from '../../../shared/ids.ts';
import type { RunState } from '../../../shared/states.ts';
import { tinyConfig } from '../../helpers/federation.ts';

const blob = sha256Id('a'.repeat(64));
const stored = (state: RunState): StoredRun => ({
  id: runId('tiny-1'),
  config: checkRunConfig(tinyConfig()),
  task: blob,
  state,
  round: 2,
  weights: blob,
  strategyState: null,
  reason: null,
  createdAt: 1,
});

/** A status whose store answers when it is told to. */
function slow(state: RunState) {
  const calls: { readonly state: RunState; done: () => void; fail: () => void }[] = [];
  const told: RunState[] = [];
  const setRunState = (_: unknown, next: RunState): Promise<void> =>
    new Promise((resolve, reject) => {
      calls.push({ state: next, done: resolve, fail: () => reject(new FederatedError('STORE_FULL', 'full')) });
    });
  const status = new RunStatus(stored(state), { setRunState }, (next) => void told.push(next));
  return { status, calls, told };
}

describe("a run's state", () => {
  it('is in force at once where it holds the run, and as before when it cannot be stored', async () => {
    const { status, calls, told } = slow('running');
    const setting = status.set('pausing');
    expect([status.state, told]).to.deep.equal(['pausing', []]); // told when it is durable
    calls[0]!.fail();
    const thrown: unknown = await setting.catch((error: unknown) => error);
    expect(thrown).to.include({ code: 'STORE_FULL' });
    expect([status.state, told]).to.deep.equal(['running', []]);
  });

  it('is durable before it is in force where it wakes the run', async () => {
    const { status, calls, told } = slow('paused');
    const setting = status.set('waiting');
    expect(status.state).to.equal('paused');
    calls[0]!.done();
    await setting;
    expect([status.state, told]).to.deep.equal(['waiting', ['waiting']]);
  });

  it('is over while its end is being stored, and takes no other order then', async () => {
    const { status, calls } = slow('running');
    const setting = status.set('finished');
    expect([status.state, status.isOver, status.isFinal]).to.deep.equal(['running', true, false]);
    expect(() => status.expect('pause', ['running'])).to.throw(FederatedError, /cannot pause run tiny-1/);
    calls[0]!.fail();
    await setting.catch(() => {});
    expect(status.isOver).to.equal(false);
    status.expect('pause', ['running']);
  });

  it('is not woken by an order that another has overtaken', async () => {
    const { status, calls, told } = slow('running');
    const waking = status.set('waiting');
    const pausing = status.set('pausing');
    for (const call of calls) call.done();
    await Promise.all([waking, pausing]);
    expect([status.state, told]).to.deep.equal(['pausing', ['pausing']]);
  });

  it('is paused by trouble though no store takes it', async () => {
    const { status, calls, told } = slow('running');
    const storing = status.pauseAtOnce('the disk is full');
    expect(status.stored).to.include({ state: 'paused', reason: 'the disk is full' });
    expect(told).to.deep.equal(['paused']);
    calls[0]!.fail();
    await storing.catch(() => {});
    // What the store says of the round is taken over; what holds the run stays.
    status.readAgain({ ...stored('running'), round: 3 });
    expect(status.stored).to.include({ state: 'paused', reason: 'the disk is full', round: 3 });
    expect(status.nextRound).to.equal(4);
  });
});

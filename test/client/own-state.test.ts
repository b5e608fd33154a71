import { expect } from 'chai';
import { memoryStore } from '../../client/memory-store.ts';
import { OwnState } from '../../client/own-state.ts';
import type { ClientStore } from '../../client/platform.ts';

const owner = { run: 'digits-1', algorithm: '{"name":"control-variates"}' };
const lasting = (): ClientStore => ({ ...memoryStore(), lasting: true });
const done = (round: number, counted: boolean, run = owner.run) =>
  ({ run, round, attempt: 1, result: 'done', counted }) as const;
const valuesOf = async (own: OwnState, who = owner): Promise<number[] | null> => {
  const values = await own.of(who);
  return values === null ? null : [...values];
};

describe('what an algorithm keeps on the device', () => {
  it('counts from the moment that the report counts', async () => {
    const own = new OwnState(memoryStore());
    await own.hold(owner, 1, Float32Array.of(1, 2));
    expect(await valuesOf(own)).to.equal(null);
    await own.settle(done(1, true));
    expect(await valuesOf(own)).to.deep.equal([1, 2]);
  });

  it('stays as it was when the report does not count', async () => {
    const own = new OwnState(memoryStore());
    await own.hold(owner, 1, Float32Array.of(1));
    await own.settle(done(1, true));
    await own.hold(owner, 2, Float32Array.of(2));
    await own.settle(done(2, false));
    await own.hold(owner, 3, Float32Array.of(3));
    await own.settle(done(4, true)); // of round 3 it never heard
    expect(await valuesOf(own)).to.deep.equal([1]);
  });

  it('waits over an abandoned attempt: the same update is offered again', async () => {
    const own = new OwnState(memoryStore());
    await own.hold(owner, 1, Float32Array.of(1));
    await own.settle({ ...done(1, false), result: 'abandoned' });
    await own.settle(done(1, true));
    expect(await valuesOf(own)).to.deep.equal([1]);
  });

  it('is of one run and one algorithm', async () => {
    const own = new OwnState(memoryStore());
    await own.hold(owner, 1, Float32Array.of(1));
    await own.settle(done(1, true, 'other-1'));
    await own.settle(done(1, true));
    expect(await valuesOf(own, { ...owner, run: 'other-1' })).to.equal(null);
    expect(await valuesOf(own, { ...owner, algorithm: 'null' })).to.equal(null);
    expect(await valuesOf(own)).to.deep.equal([1]);
  });

  it('outlives a restart, before the report counts and after', async () => {
    const store = lasting();
    await new OwnState(store).hold(owner, 1, Float32Array.of(1, 2, 3));
    const second = new OwnState(store);
    await second.settle(done(1, true));
    expect(await valuesOf(second)).to.deep.equal([1, 2, 3]);
    expect(await valuesOf(new OwnState(store))).to.deep.equal([1, 2, 3]);
  });

  it('is forgotten with the consent, on the device too', async () => {
    const store = lasting();
    const own = new OwnState(store);
    await own.hold(owner, 1, Float32Array.of(1));
    await own.settle(done(1, true));
    await own.forget();
    expect(await valuesOf(own)).to.equal(null);
    expect(await valuesOf(new OwnState(store))).to.equal(null);
  });
});

import { expect } from 'chai';
import { Retries } from '../../../server/run/retries.ts';

/** A clock of which a test sees what it is to wait for. */
function watched() {
  const waits: number[] = [];
  let last = (): void => {};
  const after = (ms: number, run: () => void): (() => void) => {
    waits.push(ms);
    last = run;
    return () => (last = () => {});
  };
  const clock = { now: () => 0, steady: () => 0, after };
  return { waits, ring: () => last(), retries: new Retries(clock, 1_000) };
}

describe('a run that tries again by itself', () => {
  it('holds the next attempt back until the delay is over', () => {
    const { retries, ring } = watched();
    let tries = 0;
    retries.later(() => tries++);
    expect([retries.isDelayed, tries]).to.deep.equal([true, 0]);
    ring();
    expect([retries.isDelayed, tries]).to.deep.equal([false, 1]);
  });

  it('looks less and less often for room on the disk, and at least once a minute', () => {
    const { retries, waits } = watched();
    for (let i = 0; i < 8; i++) retries.whenThereIsRoom(() => {});
    expect(waits).to.deep.equal([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
    retries.stored();
    retries.whenThereIsRoom(() => {});
    expect(waits.at(-1)).to.equal(1_000);
  });

  it('holds nothing back any more once it was ended, or the disk was full meanwhile', () => {
    const { retries, ring } = watched();
    let tries = 0;
    retries.later(() => tries++);
    retries.end();
    ring();
    expect([retries.isDelayed, tries]).to.deep.equal([false, 0]);
    retries.later(() => tries++);
    retries.whenThereIsRoom(() => {});
    expect(retries.isDelayed).to.equal(false);
  });

  it('looks for room no more once it tries again, or the operator has taken over', () => {
    const timers = new Set<() => void>();
    const after = (_: number, run: () => void): (() => void) => {
      timers.add(run);
      return () => timers.delete(run);
    };
    const retries = new Retries({ now: () => 0, steady: () => 0, after }, 1_000);
    const done: string[] = [];
    retries.whenThereIsRoom(() => done.push('look'));
    retries.later(() => done.push('again'));
    expect(timers.size).to.equal(1);
    retries.end();
    expect(timers.size).to.equal(0);
    expect(done).to.deep.equal([]);
  });
});

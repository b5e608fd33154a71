import { expect } from 'chai';
import { FederatedError } from '../../shared/errors.ts';
import { VirtualWorld } from '../../simulations/virtual/world.ts';

describe('the virtual world', () => {
  it('leaps from timer to timer, those of the same time in the order in which they were set', async () => {
    const world = new VirtualWorld(100);
    const seen: string[] = [];
    const note = (name: string) => () => void seen.push(`${name} ${world.now}`);
    world.clock.after(3_600_000, note('c'));
    world.clock.after(5, note('a'));
    world.clock.after(5, note('b'));
    const cancel = world.clock.after(7, note('never'));
    cancel();
    await world.run(() => seen.length === 3);
    expect(seen).to.deep.equal(['a 105', 'b 105', 'c 3600100']);
  });

  it('lets time stand still while something is being done', async () => {
    const world = new VirtualWorld();
    const seen: string[] = [];
    world.clock.after(1, () => void seen.push(`timer ${world.now}`));
    const work = new Promise<void>((resolve) => setTimeout(resolve, 20)).then(() => seen.push(`work ${world.now}`));
    void world.track(work);
    await world.run(() => seen.length === 2);
    expect(seen).to.deep.equal(['work 0', 'timer 1']);
  });

  it('delivers messages before time goes on, and in order', async () => {
    const world = new VirtualWorld();
    const seen: string[] = [];
    world.clock.after(0, () => void seen.push('timer'));
    world.post(() => {
      seen.push('first');
      world.post(() => void seen.push('third'));
    });
    world.post(() => void seen.push('second'));
    await world.run(() => seen.length === 4);
    expect(seen).to.deep.equal(['first', 'second', 'third', 'timer']);
  });

  it('says so when nothing can ever happen any more', async () => {
    const world = new VirtualWorld();
    const tick = (): void => void world.serverClock.after(1_000, tick);
    tick(); // the server's own
    const error: unknown = await world.run(() => false).catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(FederatedError).with.property('code', 'BAD_STATE');
  });

  it('does not leap while the server is at work on an attempt without a deadline', async () => {
    const world = new VirtualWorld();
    world.attemptRuns = true;
    let fired = false;
    world.serverClock.after(1_000, () => (fired = true)); // its tick
    setTimeout(() => world.fail(new FederatedError('ABORTED', 'enough')), 20);
    const error: unknown = await world.run(() => false).catch((thrown: unknown) => thrown);
    expect(error).to.have.property('code', 'ABORTED');
    expect(fired).to.equal(false);
  });
});

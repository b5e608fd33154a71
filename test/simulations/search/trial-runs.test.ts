import { expect } from 'chai';
import { join } from 'node:path';
import { loadOnce } from '../../../simulations/load-once.ts';
import { bringTo } from '../../../simulations/search/trial-runs.ts';
import { simulate, type SimulatedRound } from '../../../simulations/simulate.ts';
import { useFolder } from '../../contracts/folder.ts';
import { cloudSimulation } from '../../helpers/small-federation.ts';

describe('a trial of a search', function () {
  this.timeout(60_000);
  const folder = useFolder();
  const { signal } = new AbortController();

  it('goes on from rung to rung, and is the run that was never stopped', async () => {
    const options = { ...cloudSimulation(), rounds: 6, out: join(folder(), 'trial') };
    const seen: number[] = [];
    const hooks = {
      metric: 'eval/loss',
      signal,
      load: loadOnce(),
      onRound: ({ round }: SimulatedRound) => void seen.push(round),
    };
    const values = [];
    for (const rounds of [2, 4, 6]) values.push(await bringTo(options, rounds, hooks));
    expect(new Set(seen).size, 'no round twice').to.equal(seen.length);
    const losses: number[] = [];
    const whole = simulate(cloudSimulation({ rounds: 6 }));
    for await (const { loss } of whole) losses.push(loss!);
    expect(values).to.deep.equal([losses[1], losses[3], losses[5]]);
    // Asked again, as by a search that was interrupted, it trains nothing.
    const before = seen.length;
    expect(await bringTo(options, 4, hooks)).to.equal(losses[3]);
    expect(await bringTo(options, 6, hooks)).to.equal(losses[5]);
    expect(seen).to.have.length(before);
  });

  it('has no value when it diverges, and refuses a metric that there is not', async () => {
    const hooks = { metric: 'eval/loss', signal, load: loadOnce() };
    const wild = cloudSimulation({ clientLearningRate: 1e30, maxAttempts: 1 });
    const failures: string[] = [];
    const options = { ...wild, rounds: 3, out: join(folder(), 'wild') };
    const value = await bringTo(options, 3, { ...hooks, onFailure: ({ message }) => void failures.push(message) });
    expect(value).to.equal(null);
    const good = { ...cloudSimulation(), rounds: 2, out: join(folder(), 'good') };
    const asked = await bringTo(good, 1, { ...hooks, metric: 'eval/f1' }).catch((error: Error) => error.message);
    expect(asked).to.match(/^search: metric: after 1 rounds no eval\/f1 is measured; known are .*eval\/accuracy/);
  });
});

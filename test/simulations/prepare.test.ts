import { expect } from 'chai';
import type { LoadedData } from '../../simulations/datasets/loaded.ts';
import { prepare } from '../../simulations/prepare.ts';
import { clouds, cloudSimulation } from '../helpers/small-federation.ts';

/** The clouds as a file would name their classes. */
const named = (count: number, classNames: readonly string[]): LoadedData => ({ ...clouds(count, 1), classNames });

describe('the preparation of a simulation', () => {
  it('refuses files whose classes would be numbered differently', async () => {
    const names = ['a', 'b', 'c'];
    const refusal = async (changes: object): Promise<string> =>
      prepare(cloudSimulation(changes)).then(() => 'nothing was refused', String);
    const data = named(240, names);
    expect(await refusal({ data, test: named(60, names) })).to.equal('nothing was refused');
    expect(await refusal({ data, test: named(60, ['b', 'c']) })).to.match(
      /has the classes b, c, and .*&classes=a\|b\|c/,
    );
    expect(await refusal({ data, test: named(60, ['a', 'b', 'd']) })).to.match(/&classes=a\|b\|c\|d/);
    expect(await refusal({ data: named(240, ['a', 'c']) })).to.match(/has the classes a, c, and the task has 3/);
  });

  it('knows a run by the part of a set that it is of', async () => {
    const about = async (data: string): Promise<unknown> =>
      (await prepare({ task: 'mnist-logistic', clients: 4, data, test: 'none' })).about['data'];
    expect(await about('mnist-10k:0/60')).to.equal('mnist-10k:0/60');
    expect(await about('mnist-10k:1/60')).to.equal('mnist-10k:1/60');
  });

  it('takes all of its clients for the population, also where a round waits for fewer devices', async () => {
    const options = { clientsPerRound: 4, devices: { speed: 1, availability: 0.8 } };
    const strategyOf = async (strategy: { name: 'scaffold' | 'feddyn'; population?: number }): Promise<unknown> =>
      (await prepare(cloudSimulation({ ...options, strategy }))).config.strategy;
    expect(await strategyOf({ name: 'scaffold' })).to.include({ population: 12 });
    expect(await strategyOf({ name: 'feddyn' })).to.include({ population: 12 });
    expect(await strategyOf({ name: 'feddyn', population: 30 })).to.include({ population: 30 });
  });
});

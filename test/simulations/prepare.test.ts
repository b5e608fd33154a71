import { expect } from 'chai';
import { prepare } from '../../simulations/prepare.ts';
import { cloudSimulation } from '../helpers/small-federation.ts';

describe('the preparation of a simulation', () => {
  it('takes all of its clients for the population, also where a round waits for fewer devices', async () => {
    const options = { clientsPerRound: 4, devices: { speed: 1, availability: 0.8 } };
    const strategyOf = async (strategy: { name: 'scaffold' | 'feddyn'; population?: number }): Promise<unknown> =>
      (await prepare(cloudSimulation({ ...options, strategy }))).config.strategy;
    expect(await strategyOf({ name: 'scaffold' })).to.include({ population: 12 });
    expect(await strategyOf({ name: 'feddyn' })).to.include({ population: 12 });
    expect(await strategyOf({ name: 'feddyn', population: 30 })).to.include({ population: 30 });
  });
});

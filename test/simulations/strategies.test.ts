import { expect } from 'chai';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { simulate, type SimulationOptions } from '../../simulations/simulate.ts';
import { cloudSimulation } from '../helpers/small-federation.ts';

describe('strategies in a simulation', () => {
  const hashOf = async (
    strategy: NonNullable<SimulationOptions['strategy']>,
    changes: Partial<SimulationOptions> = {},
  ): Promise<string> =>
    (await simulate(cloudSimulation({ strategy, clientsPerRound: 6, rounds: 3, ...changes })).result).weightsSha256;

  for (const name of ['scaffold', 'fedrep', 'centered-clipping'] as const) {
    it(`${name} gives the same bytes with one worker and with two`, async () => {
      expect(await hashOf({ name }, { workers: 2 })).to.equal(await hashOf({ name }));
    });
  }

  it('SCAFFOLD goes on where it was interrupted, with what its clients had kept', async () => {
    const out = await mkdtemp(join(tmpdir(), 'fedloom-test-'));
    try {
      const options = cloudSimulation({ strategy: { name: 'scaffold' }, clientsPerRound: 6, rounds: 5 });
      const whole = await simulate(options).result;
      const interrupted = simulate({ ...options, out });
      for await (const { round } of interrupted) if (round === 2) break;
      await interrupted.result.catch(() => {});
      const resumed = await simulate({ ...options, out }).result;
      expect(resumed.weightsSha256).to.equal(whole.weightsSha256);
    } finally {
      await rm(out, { recursive: true, force: true });
    }
  });

  it('on a real engine Ditto has the global model of FedAvg, and FedNova too where all take four steps; SCAFFOLD has another', async () => {
    const plain = await hashOf({ name: 'fedavg' });
    expect(await hashOf({ name: 'ditto' })).to.equal(plain);
    expect(await hashOf({ name: 'fednova' })).to.equal(plain); // 20 examples in batches of 5; a division by 4 rounds nothing
    expect(await hashOf({ name: 'scaffold' })).to.not.equal(plain);
  });
});

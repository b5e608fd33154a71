import { expect } from 'chai';
import { simulate } from '../../simulations/simulate.ts';
import { cloudSimulation } from '../helpers/small-federation.ts';

describe('simulate', () => {
  it('gives its rounds one after the other, and learns', async () => {
    const rounds = [];
    const simulation = simulate(cloudSimulation({ rounds: 8 }));
    for await (const round of simulation) rounds.push(round);
    expect(rounds.map(({ round }) => round)).to.deep.equal([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(rounds.every(({ result }) => result === 'done')).to.equal(true);
    const { accuracy, reports, bytesUp } = await simulation.result;
    expect(accuracy).to.equal(rounds.at(-1)!.accuracy).and.to.be.above(0.9);
    expect(reports).to.equal(32); // 8 rounds of 4 clients
    // 8 x 16 + 16 + 16 x 3 + 3 weights of 4 bytes in each report
    expect(bytesUp).to.equal(32 * 4 * 195);
  });

  it('gives the same bytes with one worker and with two, and others with another seed', async () => {
    const one = await simulate(cloudSimulation()).result;
    const two = await simulate(cloudSimulation({ workers: 2 })).result;
    const other = await simulate(cloudSimulation({ seed: 4 })).result;
    expect(two.weightsSha256).to.equal(one.weightsSha256);
    expect(two.loss).to.equal(one.loss);
    expect(other.weightsSha256).not.to.equal(one.weightsSha256);
  });

  it('ends at the target accuracy, and says in which round', async () => {
    const { rounds, roundsToTarget, accuracy } = await simulate(cloudSimulation({ rounds: 50, targetAccuracy: 0.9 }))
      .result;
    expect(roundsToTarget).to.equal(rounds).and.to.be.below(50);
    expect(accuracy).to.be.at.least(0.9);
  });

  it('ends when its rounds are no longer asked for', async () => {
    const simulation = simulate(cloudSimulation({ rounds: 1_000 }));
    for await (const { round } of simulation) if (round === 2) break;
    const error: unknown = await simulation.result.catch((thrown: unknown) => thrown);
    expect(error).to.have.property('name', 'AbortError');
  });
});

import { expect } from 'chai';
import { slopeOf, verdictOf } from '../../../simulations/soak/slope.ts';
import { soak } from '../../../simulations/soak/soak.ts';

describe('the slope of a soak', () => {
  it('is that of the least squares, with its error', () => {
    // x 0, 1, 2, 3 and y 1, 3, 2, 4: mean 1.5 and 2.5; Sxx = 5, Sxy = 4, slope 0.8. Left over: -0.3, 0.9, -0.9, 0.3,
    // squares 1.8, by 2 degrees of freedom 0.9; error 2 sqrt(0.9 / 5).
    const { slope, error } = slopeOf([
      [0, 1],
      [1, 3],
      [2, 2],
      [3, 4],
    ]);
    expect(slope).to.be.closeTo(0.8, 1e-12);
    expect(error).to.be.closeTo(2 * Math.sqrt(0.18), 1e-12);
  });

  it('passes or fails only when the whole interval does', () => {
    expect(verdictOf({ slope: 0.5, error: 0.4 }, 1)).to.equal('passed');
    expect(verdictOf({ slope: 1.5, error: 0.4 }, 1)).to.equal('failed');
    expect(verdictOf({ slope: 0.5, error: 0.6 }, 1)).to.equal('undecided');
    expect(
      verdictOf(
        slopeOf([
          [0, 1],
          [1, 9],
        ]),
        1,
      ),
    ).to.equal('undecided'); // two points say nothing
  });
});

describe('a server that clients join, leave, flood and cut for ten seconds', function () {
  this.timeout(120_000);

  it('has nothing left of them: no socket, no timer, no listener, no entry of a map, no object', async () => {
    const { left, rounds, faults, problems } = await soak({ minutes: 1 / 6, clients: 4, sampleEvery: 2_000 });
    expect(left).to.deep.equal([]);
    expect(rounds).to.be.greaterThan(0);
    expect(Math.min(...Object.values(faults))).to.be.greaterThan(0);
    expect(problems).to.deep.equal([]);
  });
});

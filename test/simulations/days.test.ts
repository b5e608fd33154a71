import { expect } from 'chai';
import fc from 'fast-check';
import { day, Days } from '../../simulations/days.ts';

const hour = 3_600_000;

describe('the days of a simulation', () => {
  it('have each device at hand for its part of them, every day at the same time', () => {
    const days = new Days(0.25, 5, 20);
    for (let client = 0; client < 20; client++) {
      let minutes = 0;
      for (let at = 0; at < day; at += 60_000) {
        if (days.isAtHand(client, at)) minutes++;
        expect(days.isAtHand(client, at + 3 * day)).to.equal(days.isAtHand(client, at));
      }
      expect(minutes).to.be.within(359, 361); // a quarter of 1,440
    }
  });

  it('have four times as many at hand at midnight as at noon, as Bonawitz et al. 2019 saw', () => {
    const days = new Days(1 / 3, 5, 20_000);
    // P(|N| < 4 h) = erf(4 / (5.4 sqrt 2)) = 0.541; P(|N| > 8 h) = 0.138, less 0.003 of those beyond 16 h: 10,820 and 2,700.
    expect(days.countAt(0)).to.be.within(10_820 - 300, 10_820 + 300);
    expect(days.countAt(12 * hour)).to.be.within(2_700 - 200, 2_700 + 200);
  });

  it('are always there unless it is said', () => {
    const days = new Days(1, 5, 3);
    expect([days.most, days.isAtHand(2, 7 * hour), days.next(0)]).to.deep.equal([3, true, null]);
  });

  it('name each change, and nothing changes between', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.01, max: 0.99, noNaN: true }),
        fc.integer(),
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 0, max: 3 * day }),
        (share, seed, clients, from) => {
          const days = new Days(share, seed, clients);
          const atHand = (at: number): boolean[] =>
            Array.from({ length: clients }, (_, client) => days.isAtHand(client, at));
          let [now, most, changes] = [from, 0, 0];
          while (now < from + day) {
            const before = atHand(now);
            most = Math.max(most, days.countAt(now));
            const next = days.next(now)!;
            expect(next.at).to.be.above(now);
            expect(atHand(next.at - 1)).to.deep.equal(before);
            const after = atHand(next.at);
            expect(next.clients).to.deep.equal([...before.keys()].filter((i) => before[i] !== after[i]));
            changes += next.clients.length;
            now = next.at;
          }
          expect(changes).to.be.at.least(2 * clients);
          expect(days.most).to.equal(most);
        },
      ),
      { numRuns: 50 },
    );
  });
});

import { expect } from 'chai';
import fc from 'fast-check';
import type { RoundDetail } from '../../../server/operations.ts';
import { EndedAttempts } from '../../../server/run/ended-attempts.ts';

const attempt = (round: number, clients: number): RoundDetail =>
  ({ round, clients: Array.from({ length: clients }, () => ({})) }) as unknown as RoundDetail;

describe('the memory of ended attempts', () => {
  it('holds the newest, in order, and no more rows than it may, however many there were', () =>
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), fc.array(fc.nat(40), { maxLength: 200 }), (most, sizes) => {
        const ended = new EndedAttempts(most);
        for (const [round, clients] of sizes.entries()) {
          ended.add(attempt(round, clients));
          const rounds = ended.all.map((each) => each.round);
          expect(rounds).to.deep.equal(Array.from({ length: rounds.length }, (_, i) => round - rounds.length + 1 + i));
          const rows = ended.all.reduce((sum, each) => sum + 1 + each.clients.length, 0);
          if (rounds.length > 1) expect(rows).to.be.at.most(most);
          // What was dropped would not have fitted.
          const dropped = sizes[round - rounds.length];
          if (dropped !== undefined && rounds.length > 0) expect(rows + 1 + dropped).to.be.above(most);
        }
      }),
    ));
});

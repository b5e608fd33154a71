import { expect } from 'chai';
import fc from 'fast-check';
import { minReportsOf, select } from '../../server/selection.ts';
import type { ClientId, RunId } from '../../shared/ids.ts';

const ids = (n: number): ClientId[] => Array.from({ length: n }, (_, i) => String(i).padStart(32, '0') as ClientId);
const where = { run: 'digits-1' as RunId, round: 3, attempt: 1 };
const config = { seed: 7, minClients: 2, overselect: 1, clientsPerRound: undefined, clientFraction: undefined };

describe('selection', () => {
  it('waits while fewer clients are ready than a round needs', () => {
    expect(select({ ...config, minClients: 4 }, where, ids(3))).to.equal(null);
    expect(select({ ...config, clientsPerRound: 4 }, where, ids(3))).to.equal(null);
  });

  it('takes everyone without clientsPerRound or clientFraction', () => {
    expect(select(config, where, ids(5))).to.deep.equal({ cohort: ids(5), wanted: 5 });
  });

  it('wants the fraction C of the ready clients, at least one', () => {
    expect(select({ ...config, clientFraction: 0.3 }, where, ids(10))!.wanted).to.equal(3);
    expect(select({ ...config, clientFraction: 0.01 }, where, ids(10))!.wanted).to.equal(1);
  });

  it('picks more than wanted by overselect, never more than there are', () => {
    const over = select({ ...config, clientsPerRound: 10, overselect: 1.3 }, where, ids(100))!;
    expect([over.wanted, over.cohort.length]).to.deep.equal([10, 13]);
    expect(select({ ...config, clientsPerRound: 10, overselect: 1.3 }, where, ids(11))!.cohort.length).to.equal(11);
  });

  it('does not depend on the order in which clients became ready, but on seed, round and attempt', () => {
    const some = { ...config, clientsPerRound: 5 };
    const first = select(some, where, ids(50))!.cohort;
    expect(select(some, where, ids(50).toReversed())!.cohort).to.deep.equal(first);
    expect(select({ ...some, seed: 8 }, where, ids(50))!.cohort).to.not.deep.equal(first);
    expect(select(some, { ...where, round: 4 }, ids(50))!.cohort).to.not.deep.equal(first);
    expect(select(some, { ...where, attempt: 2 }, ids(50))!.cohort).to.not.deep.equal(first);
  });

  it('picks every client equally often', () => {
    const counts = new Map<ClientId, number>();
    for (let round = 1; round <= 2_000; round++) {
      for (const id of select({ ...config, clientsPerRound: 5 }, { ...where, round }, ids(20))!.cohort) {
        counts.set(id, (counts.get(id) ?? 0) + 1);
      }
    }
    // Binomial(2000, 1/4): mean 500, standard deviation 19.4; five of them on either side.
    for (const count of counts.values()) expect(count).to.be.within(403, 597);
    expect(counts.size).to.equal(20);
  });

  it('never picks a client twice', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 60 }), fc.nat(), (n, seed) => {
        const { cohort } = select({ ...config, seed, clientFraction: 0.5 }, where, ids(n))!;
        expect(new Set(cohort).size).to.equal(cohort.length);
      }),
    );
  });

  it('needs half of the wanted reports, rounded up, unless configured', () => {
    expect(minReportsOf({ minReports: undefined }, 5)).to.equal(3);
    expect(minReportsOf({ minReports: 2 }, 5)).to.equal(2);
    expect(minReportsOf({ minReports: 9 }, 5)).to.equal(5);
  });
});

import { expect } from 'chai';
import fc from 'fast-check';
import { FederatedError } from '../../../shared/errors.ts';
import { seeded } from '../../../shared/random.ts';
import { splitLocally } from '../../../simulations/partitions/local-split.ts';
import { parsePartition } from '../../../simulations/partitions/parse.ts';
import { anyExamples, labelled, labelsOf } from './examples.ts';

describe('splitLocally', () => {
  it('keeps a part of each class of each client for tests', () => {
    const examples = labelled([50, 30, 20]);
    const all = [Uint32Array.from({ length: 100 }, (_, i) => i)];
    const { train, test } = splitLocally(all, examples.labels, 0.2, seeded(1));
    const count = (list: Uint32Array[], one: number): number =>
      labelsOf(list, examples)[0]!.filter((x) => x === one).length;
    expect([0, 1, 2].map((one) => count(test, one))).to.deep.equal([10, 6, 4]);
    expect([0, 1, 2].map((one) => count(train, one))).to.deep.equal([40, 24, 16]);
  });

  it('parts every list without loss, by the seed alone', () => {
    fc.assert(
      fc.property(
        anyExamples,
        fc.double({ min: 0.01, max: 0.99, noNaN: true }),
        fc.nat(),
        fc.boolean(),
        (examples, fraction, seed, plain) => {
          const partition = parsePartition('natural').assign(examples, null, seeded(seed));
          const labels = plain ? null : examples.labels;
          const { train, test } = splitLocally(partition, labels, fraction, seeded(seed));
          for (const [client, own] of partition.entries()) {
            const parts = [...train[client]!, ...test[client]!].toSorted((a, b) => a - b);
            expect(parts).to.deep.equal([...own]);
            expect(train[client]!.length).to.be.above(0);
            if (own.length > 1) expect(test[client]!.length).to.be.above(0);
            if (own.length > 1 && own.length * Math.min(fraction, 1 - fraction) >= 1) {
              expect(test[client]!.length).to.be.closeTo(own.length * fraction, 0.5 + 1e-9);
            }
            expect([...test[client]!]).to.deep.equal([...test[client]!].toSorted((a, b) => a - b));
          }
          expect(splitLocally(partition, labels, fraction, seeded(seed))).to.deep.equal({ train, test });
        },
      ),
      { numRuns: 50 },
    );
  });

  it('refuses a fraction that leaves nothing', () => {
    for (const fraction of [0, 1, -0.1, Number.NaN]) {
      expect(() => splitLocally([], null, fraction, seeded(1))).to.throw(FederatedError, /above 0 and below 1/);
    }
  });
});

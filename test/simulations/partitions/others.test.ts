import { expect } from 'chai';
import { FederatedError } from '../../../shared/errors.ts';
import { seeded } from '../../../shared/random.ts';
import { groupBy } from '../../../simulations/datasets/groups.ts';
import { partition } from '../../../simulations/partitions/partition.ts';
import type { Labelled } from '../../../simulations/partitions/partitioner.ts';
import { sizesOf } from './examples.ts';

/** Partitions by quantity, by nature, by a real number, and noise. */
const many = (count: number): Labelled => ({ count, labels: null });

describe('partitions by quantity', () => {
  const sizes = (name: 'linear' | 'square' | 'exponential', count: number, clients: number): number[] =>
    sizesOf(partition[name]().assign(many(count), clients, seeded(1)));

  it('are exact where the numbers allow it', () => {
    expect(sizes('linear', 10, 4)).to.deep.equal([1, 2, 3, 4]); // 10 x k / (1 + 2 + 3 + 4)
    expect(sizes('square', 60, 4)).to.deep.equal([2, 8, 18, 32]); // 60 x k^2 / 30
    // e^k / sum: 0.0321, 0.0871, 0.2369, 0.6439 of 100; 3, 8, 23, 64 rounded down, two over, for the largest remainders.
    expect(sizes('exponential', 100, 4)).to.deep.equal([3, 9, 24, 64]);
  });

  it('leave nobody without an example', () => {
    const exponential = sizes('exponential', 1_000, 100);
    expect(Math.min(...exponential)).to.equal(1);
    expect(exponential).to.deep.equal(exponential.toSorted((a, b) => a - b));
    expect(sizes('square', 5, 5)).to.deep.equal([1, 1, 1, 1, 1]);
  });

  it('are log-normal: the logarithms of the sizes have the deviation sigma', () => {
    const logs = sizesOf(partition.lognormal({ sigma: 0.8 }).assign(many(1_000_000), 2_000, seeded(3))).map(Math.log);
    const mean = logs.reduce((a, b) => a + b, 0) / logs.length;
    const deviation = Math.sqrt(logs.reduce((sum, x) => sum + (x - mean) ** 2, 0) / logs.length);
    expect(deviation).to.be.closeTo(0.8, 0.04); // three standard errors: 3 x 0.8 / sqrt(4000)
    // E of a log-normal: e^(mean + sigma^2 / 2) = 500, the mean size.
    expect(mean).to.be.closeTo(Math.log(500) - 0.32, 0.06);
    expect(new Set(sizesOf(partition.lognormal({ sigma: 0 }).assign(many(60), 6, seeded(1))))).to.deep.equal(
      new Set([10]),
    );
  });

  it('refuse clients that there is no example for', () => {
    expect(() => partition.linear().assign(many(3), 4, seeded(1))).to.throw(
      FederatedError,
      'partition linear: 4 clients cannot share 3 examples; take fewer clients',
    );
    expect(() => partition.iid().assign(many(3), null, seeded(1))).to.throw(FederatedError, /say how many clients/);
    expect(() => partition.iid().assign(many(3), 1.5, seeded(1))).to.throw(
      FederatedError,
      /whole number from 1, got 1.5/,
    );
    expect(() => partition.lognormal({ sigma: -1 })).to.throw(FederatedError, /sigma is a number from 0, got -1/);
  });

  it('take sizes, leave the rest out, and refuse more than there is', () => {
    expect(sizesOf(partition.sizes([3, 4]).assign(many(10), null, seeded(1)))).to.deep.equal([3, 4]);
    expect(() => partition.sizes([8, 4]).assign(many(10), null, seeded(1))).to.throw(
      FederatedError,
      /sum to 12, and there are only 10/,
    );
    expect(() => partition.sizes([8]).assign(many(10), 2, seeded(1))).to.throw(FederatedError, /1 sizes for 2 clients/);
    expect(() => partition.sizes([0, 1]).assign(many(10), null, seeded(1))).to.throw(
      FederatedError,
      /whole numbers from 1, got 0/,
    );
  });
});

describe('partition.natural', () => {
  const clients = groupBy(['ann', 'bob', 'ann', 'cid', 'ann', 'cid']);
  const examples: Labelled = { ...many(6), clients, groups: { sex: groupBy(['f', 'm', 'f', 'm', 'f', 'm']) } };
  const lists = (wanted: number | null, by?: string): number[][] =>
    partition
      .natural(by === undefined ? {} : { by })
      .assign(examples, wanted, seeded(1))
      .map((own) => [...own]);

  it('gives each client what is its own, and knows the names', () => {
    expect(lists(null)).to.deep.equal([[0, 2, 4], [1], [3, 5]]);
    expect(lists(3)).to.deep.equal(lists(null));
    expect(lists(null, 'sex')).to.deep.equal([
      [0, 2, 4],
      [1, 3, 5],
    ]);
    expect(partition.natural().names!(examples, null)).to.deep.equal(['ann', 'bob', 'cid']);
    expect(partition.natural().names!(examples, 2)).to.equal(null);
  });

  it('joins whole names where fewer clients are asked for', () => {
    const two = lists(2);
    for (const own of [[0, 2, 4], [1], [3, 5]])
      expect(two.some((list) => own.every((one) => list.includes(one)))).to.equal(true);
  });

  it('cuts the largest where more are asked for', () => {
    const four = lists(4); // ann's three in two parts
    expect(four.slice(2)).to.deep.equal([[1], [3, 5]]);
    expect([...four[0]!, ...four[1]!].toSorted((a, b) => a - b)).to.deep.equal([0, 2, 4]);
    expect(lists(6).map(({ length }) => length)).to.deep.equal([1, 1, 1, 1, 1, 1]);
    expect(() => lists(7)).to.throw(FederatedError, /7 clients cannot share 6 examples/);
  });

  it('says what there is where it does not know whose the examples are', () => {
    expect(() => lists(null, 'race')).to.throw(
      FederatedError,
      'partition natural:race: the set has no groups by "race"; known are natural, natural:sex',
    );
    expect(() => partition.natural().assign(many(4), null, seeded(1))).to.throw(
      FederatedError,
      /does not say whose its examples are/,
    );
  });
});

describe('partition.continuous', () => {
  const target = Float32Array.from({ length: 1_000 }, (_, i) => Math.sin(i));
  const examples: Labelled = { ...many(1_000), values: { target } };
  const means = (strictness: number): number[] =>
    partition
      .continuous({ strictness })
      .assign(examples, 4, seeded(1))
      .map((own) => own.reduce((sum, i) => sum + target[i]!, 0) / own.length);

  it('sorts at strictness 1, mixes at 0, and lies between at 0.5', () => {
    const lists = partition.continuous({ strictness: 1 }).assign(examples, 4, seeded(1));
    const [low, high] = [lists[0]!, lists[1]!].map((own) => Array.from(own, (i) => target[i]!));
    expect(Math.max(...low!)).to.be.at.most(Math.min(...high!));
    for (const mean of means(0)) expect(mean).to.be.closeTo(0, 0.15); // deviation 0.71 / sqrt(250) = 0.045
    const half = means(0.5);
    expect(half[0]).to.be.above(means(1)[0]!).and.below(-0.3);
    expect(half).to.deep.equal(half.toSorted((a, b) => a - b));
  });

  it('refuses a value that there is not, or that is no number', () => {
    expect(() => partition.continuous({ strictness: 1, by: 'mean' }).assign(examples, 4, seeded(1))).to.throw(
      FederatedError,
      /no value "mean"; known are target/,
    );
    expect(() => partition.continuous({ strictness: 1.1 })).to.throw(
      FederatedError,
      /strictness is a number from 0 to 1, got 1.1/,
    );
    const bad = { ...many(2), values: { target: [1, Number.NaN] } };
    expect(() => partition.continuous({ strictness: 1 }).assign(bad, 2, seeded(1))).to.throw(
      FederatedError,
      /finite number/,
    );
  });
});

describe('partition.noise', () => {
  it('grows with the client, from none to sigma, and leaves the lists as they are', () => {
    const noisy = partition.noise({ sigma: 0.4 }, partition.linear());
    expect(noisy.name).to.equal('linear+noise:0.4');
    expect(noisy.assign(many(10), 4, seeded(1))).to.deep.equal(partition.linear().assign(many(10), 4, seeded(1)));
    const deviations = [0, 1, 2].map((client) => {
      const xs = new Float32Array(20_000);
      noisy.alter!(xs, client, 3, seeded(1, client));
      return Math.sqrt(xs.reduce((sum, x) => sum + x * x, 0) / xs.length);
    });
    expect(deviations[0]).to.equal(0);
    expect(deviations[1]).to.be.closeTo(0.2, 0.004); // four standard errors: 4 x 0.2 / sqrt(40,000)
    expect(deviations[2]).to.be.closeTo(0.4, 0.008);
  });
});

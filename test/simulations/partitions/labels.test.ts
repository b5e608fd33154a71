import { expect } from 'chai';
import { FederatedError } from '../../../shared/errors.ts';
import { seeded } from '../../../shared/random.ts';
import { partition } from '../../../simulations/partitions/partition.ts';
import { labelled, labelsOf, sizesOf } from './examples.ts';

/** Partitions by class. */
const mnist = labelled([5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]); // the training labels of MNIST
const distinct = (lists: number[][]): number[] => lists.map((list) => new Set(list).size);

describe('partition.shards', () => {
  it('gives 100 clients of MNIST 600 digits each, from 200 shards of 300 (McMahan et al. 2017)', () => {
    const lists = partition.shards().assign(mnist, 100, seeded(7));
    expect(new Set(sizesOf(lists))).to.deep.equal(new Set([600]));
    const counts = labelsOf(lists, mnist).map((own) => {
      const each = new Map<number, number>();
      for (const label of own) each.set(label, (each.get(label) ?? 0) + 1);
      return [...each.values()];
    });
    // A shard lies within one class or across one border, of which there are nine: so a client has two classes, or at most
    // one more for each border in it, and the shards across a border are nine.
    expect(Math.max(...counts.map((each) => each.length))).to.be.at.most(4);
    const more = counts.filter((each) => each.some((count) => count % 300 !== 0)).length;
    expect(more).to.be.at.most(9).and.above(0);
    expect(counts.filter((each) => each.length <= 2).length).to.be.at.least(91);
  });

  it('cuts 12 sorted examples for two clients into four shards of three', () => {
    const examples = labelled([3, 3, 3, 3]);
    const lists = labelsOf(partition.shards().assign(examples, 2, seeded(1)), examples);
    for (const own of lists) {
      expect(own.slice(0, 3)).to.deep.equal([own[0], own[0], own[0]]);
      expect(own.slice(3)).to.deep.equal([own[3], own[3], own[3]]);
    }
    expect(lists.flat().toSorted((a, b) => a - b)).to.deep.equal([0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]);
  });

  it('refuses more shards than examples', () => {
    expect(() => partition.shards({ shardsPerClient: 3 }).assign(labelled([4, 4]), 3, seeded(1))).to.throw(
      FederatedError,
      'partition shards:3: 3 clients take 9 shards, and there are only 8 examples; take fewer of either',
    );
  });
});

describe('partition.pathological', () => {
  for (const mode of ['random', 'deterministic', 'first-deterministic'] as const) {
    it(`gives each client exactly so many classes (${mode}), cut evenly`, () => {
      const lists = partition.pathological({ classesPerClient: 3, mode }).assign(mnist, 20, seeded(3));
      expect(new Set(distinct(labelsOf(lists, mnist)))).to.deep.equal(new Set([3]));
      const sixes = labelsOf(lists, mnist).map((own) => own.filter((label) => label === 6).length);
      const held = sixes.filter((count) => count > 0);
      expect(Math.max(...held) - Math.min(...held)).to.be.at.most(1);
    });
  }

  it('gives client k the classes k and k + 1 where all is deterministic', () => {
    const examples = labelled([4, 4, 4]);
    const make = (): number[][] =>
      labelsOf(
        partition.pathological({ classesPerClient: 2, mode: 'deterministic' }).assign(examples, 3, seeded(1)),
        examples,
      );
    expect(make()).to.deep.equal([[0, 0, 1, 1], [1, 1, 2, 2], [0, 0, 2, 2]]); // prettier-ignore
  });

  it('leaves no class out, even where the clients hold just as many as there are', () => {
    for (let seed = 0; seed < 50; seed++) {
      for (const mode of ['random', 'first-deterministic'] as const) {
        const lists = partition.pathological({ classesPerClient: 2, mode }).assign(mnist, 5, seeded(seed));
        expect(new Set(labelsOf(lists, mnist).flatMap((own) => [own[0], own.at(-1)])).size).to.equal(10);
      }
    }
  });

  it('refuses what would leave examples out, and classes that there are not', () => {
    const assign = (classesPerClient: number, clients: number, mode?: 'deterministic') => (): unknown =>
      partition.pathological({ classesPerClient, ...(mode && { mode }) }).assign(mnist, clients, seeded(1));
    expect(assign(2, 4)).to.throw(FederatedError, /4 clients hold at most 8 of the 10 classes/);
    expect(assign(2, 8, 'deterministic')).to.throw(FederatedError, /8 clients hold at most 9 of the 10 classes/);
    expect(assign(11, 4)).to.throw(FederatedError, /10 classes, a client cannot have 11/);
    expect(() => partition.pathological({ classesPerClient: 2, mode: 'sorted' as 'random' })).to.throw(
      FederatedError,
      'mode is one of random, deterministic, first-deterministic, got "sorted"',
    );
    expect(() => partition.pathological({ classesPerClient: 1 }).assign(labelled([2, 9]), 8, seeded(1))).to.throw(
      FederatedError,
      /clients would share the 2 examples of one class/,
    );
  });
});

describe('partition.dirichlet', () => {
  it('has shares with the mean and variance of the distribution', () => {
    // One class of 10,000 among five clients, 400 times. A share is Beta(0.5, 2): mean 0.5 / 2.5 = 0.2, variance
    // 0.5 x 2 / (2.5^2 x 3.5) = 0.0457. The minimum of one example asks for a share of 0.0001 from all; the condition
    // changes both by less than the tolerance.
    const examples = labelled([10_000]);
    const shares = Array.from({ length: 400 }, (_, seed) =>
      sizesOf(partition.dirichlet({ alpha: 0.5, minSize: 1 }).assign(examples, 5, seeded(seed))).map(
        (size) => size / 10_000,
      ),
    );
    for (const client of [0, 4]) {
      const own = shares.map((row) => row[client]!);
      const mean = own.reduce((a, b) => a + b, 0) / own.length;
      const variance = own.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (own.length - 1);
      expect(mean).to.be.closeTo(0.2, 0.03); // three standard errors: 3 sqrt(0.0457 / 400) = 0.032
      expect(variance).to.be.closeTo(0.0457, 0.01);
    }
  });

  it('is nearly iid for a large alpha, and nearly one class each for a small one', () => {
    const even = labelsOf(partition.dirichlet({ alpha: 1e6 }).assign(mnist, 10, seeded(1)), mnist);
    for (const own of even) {
      expect(own.length).to.be.closeTo(6_000, 60);
      expect(own.filter((label) => label === 1).length).to.be.closeTo(674, 12);
    }
    const narrow = labelsOf(partition.dirichlet({ alpha: 0.001, minSize: 1 }).assign(labelled(Array.from({ length: 40 }, () => 50)), 3, seeded(1)), labelled(Array.from({ length: 40 }, () => 50))); // prettier-ignore
    expect(narrow.reduce((sum, own) => sum + new Set(own).size, 0)).to.be.at.most(44); // 40 classes, hardly one of them cut
  });

  it('gives each client the smallest size that is asked for, drawing again where needed', () => {
    const assign = (seed: number): number[] => sizesOf(partition.dirichlet({ alpha: 0.3 }).assign(labelled(Array.from({ length: 10 }, () => 800)), 100, seeded(seed)));
    for (const seed of [1, 2, 3]) expect(Math.min(...assign(seed))).to.be.at.least(10);
  }); // prettier-ignore

  it('gives a client above the mean nothing of the classes that follow when it balances itself', () => {
    const options = { alpha: 0.2, minSize: 1 };
    const largest = (selfBalancing: boolean, seed: number): number =>
      Math.max(...sizesOf(partition.dirichlet({ ...options, selfBalancing }).assign(mnist, 10, seeded(seed))));
    const seeds = [1, 2, 3, 4, 5, 6];
    const mean = (all: number[]): number => all.reduce((a, b) => a + b, 0) / all.length;
    const [free, balanced] = [false, true].map((on) => mean(seeds.map((seed) => largest(on, seed))));
    expect(balanced).to.be.below(free! * 0.9);
    // At most the mean of 6,000 before its last class, and that class whole.
    for (const seed of seeds) expect(largest(true, seed)).to.be.at.most(6_000 + 6_742);
  });

  it('says at once what cannot be, and gives up after eleven draws', () => {
    expect(() => partition.dirichlet({ alpha: 0.3 }).assign(labelled([50, 40]), 10, seeded(1))).to.throw(
      FederatedError,
      'partition dirichlet:0.3: 10 clients of at least 10 examples need 100, there are 90; take fewer clients or a smaller min',
    );
    let draws = 0;
    const random = seeded(1);
    const counted = { ...random, permutation: (length: number) => (draws++, random.permutation(length)) };
    expect(() => partition.dirichlet({ alpha: 0.001 }).assign(labelled([500]), 20, counted)).to.throw(
      FederatedError,
      /in 11 draws some client always had fewer than 10 examples/,
    );
    expect(draws).to.equal(11);
  });

  it('refuses an alpha that is none', () => {
    for (const alpha of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => partition.dirichlet({ alpha })).to.throw(FederatedError, /alpha is a number above 0/);
    }
  });

  it('refuses examples without classes', () => {
    expect(() => partition.dirichlet({ alpha: 1 }).assign({ count: 9, labels: null }, 2, seeded(1))).to.throw(
      FederatedError,
      /goes by the class of each example, and this set has none/,
    );
  });
});

describe('partition.innerDirichlet', () => {
  it('fills the sizes that are given', () => {
    const lists = partition
      .innerDirichlet({ alpha: 0.1, sizes: [5, 50, 45] })
      .assign(labelled([60, 60]), null, seeded(1));
    expect(sizesOf(lists)).to.deep.equal([5, 50, 45]);
  });

  it('mixes evenly for a large alpha, and narrowly for a small one', () => {
    const examples = labelled([1000, 1000, 1000, 1000]);
    const most = (alpha: number): number[] =>
      labelsOf(
        partition.innerDirichlet({ alpha, sizes: [100, 100, 100] }).assign(examples, 3, seeded(5)),
        examples,
      ).map((own) => Math.max(...[0, 1, 2, 3].map((one) => own.filter((label) => label === one).length)));
    for (const count of most(1e6)) expect(count).to.be.within(25, 42); // 25 of each, deviation sqrt(100 x 3/16) = 4.3
    for (const count of most(1e-4)) expect(count).to.equal(100);
  });
});

describe('partition.distribution', () => {
  it('takes weights for the clients of each class, after what everybody gets', () => {
    // Three classes, three clients of two: client 0 has classes 0 and 1, client 1 has 1 and 2, client 2 has 2 and 0.
    const examples = labelled([12, 12, 12]);
    const weights = [[1, 3], [1, 1], [0, 1]]; // class 0: clients 0 and 2; class 1: 0 and 1; class 2: 1 and 2
    const lists = labelsOf(partition.distribution({ least: 2, weights }).assign(examples, 3, seeded(1)), examples);
    const count = (client: number, one: number): number => lists[client]!.filter((label) => label === one).length;
    // Each has 2, of the other 8 its weight's share: 2 + 8/4, 2 + 8 x 3/4; 2 + 4, 2 + 4; 2, 2 + 8.
    expect([count(0, 0), count(2, 0), count(0, 1), count(1, 1), count(1, 2), count(2, 2)]).to.deep.equal([4, 8, 6, 6, 2, 10]);
  }); // prettier-ignore

  it('makes the power law of FedProx on MNIST: 1,000 clients of two digits, at least ten examples each', () => {
    const lists = partition.distribution().assign(mnist, 1_000, seeded(1));
    const sizes = sizesOf(lists).toSorted((a, b) => a - b);
    expect(new Set(distinct(labelsOf(lists, mnist)))).to.deep.equal(new Set([2]));
    expect(sizes[0]).to.be.at.least(10);
    expect(sizes[500]).to.be.below(40); // half have less than two thirds of the mean, 60
    expect(sizes.at(-1)).to.be.above(600);
  });

  it('refuses a class that is too small, and weights of another shape', () => {
    expect(() => partition.distribution().assign(labelled([100, 14, 100]), 6, seeded(1))).to.throw(
      FederatedError,
      /4 clients with 5 examples each of one class need 20, it has 14/,
    );
    expect(() =>
      partition.distribution({ weights: [[1], [1], [1]] }).assign(labelled([99, 99, 99]), 3, seeded(1)),
    ).to.throw(FederatedError, 'weights: row 0 needs 2 numbers from 0 that are not all 0');
  });
});

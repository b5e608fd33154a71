import { expect } from 'chai';
import { FederatedError } from '../../../shared/errors.ts';
import { describePartition } from '../../../simulations/partitions/describe.ts';
import { labelledOf } from '../../../simulations/partitions/labelled.ts';
import { parsePartition, partitionKinds } from '../../../simulations/partitions/parse.ts';

describe('parsePartition', () => {
  it('gives a partitioner whose name is its shortest spec', () => {
    const specs = {
      iid: 'iid',
      shards: 'shards:2',
      'shards:3': 'shards:3',
      'dirichlet:0.30': 'dirichlet:0.3',
      'dirichlet:0.3,min=10': 'dirichlet:0.3',
      'dirichlet:0.3,min=5,balance=true': 'dirichlet:0.3,min=5,balance=true',
      'inner-dirichlet:0.1,sizes=3/4': 'inner-dirichlet:0.1,sizes=3/4',
      'pathological:2': 'pathological:2',
      'pathological:2,mode=first-deterministic': 'pathological:2,mode=first-deterministic',
      distribution: 'distribution:2',
      'distribution:3,sigma=1,least=2': 'distribution:3,sigma=1,least=2',
      natural: 'natural',
      'natural:sex': 'natural:sex',
      'sizes:10,20,30': 'sizes:10,20,30',
      'lognormal:1.2': 'lognormal:1.2',
      'continuous:0.5,by=mean': 'continuous:0.5,by=mean',
      'noise:0.1': 'iid+noise:0.1',
      'shards+noise:0.1+noise:0.2': 'shards:2+noise:0.1+noise:0.2',
    };
    for (const [spec, name] of Object.entries(specs)) {
      expect(parsePartition(spec).name).to.equal(name);
      expect(parsePartition(name).name).to.equal(name);
    }
  });

  it('answers an unknown kind with all that there are', () => {
    expect(() => parsePartition('dirichle:0.3')).to.throw(
      FederatedError,
      /no kind "dirichle"; known are iid, shards:2, dirichlet:0.3/,
    );
    for (const name of Object.keys(partitionKinds)) expect(() => parsePartition('x')).to.throw(FederatedError, name);
    expect(() => parsePartition('')).to.throw(FederatedError, /no name; known are/);
    expect(() => parsePartition('constructor')).to.throw(FederatedError, /no kind "constructor"/);
  });

  it('says what is wrong with a value or an option, and how to write it', () => {
    const wrong: Record<string, RegExp> = {
      dirichlet: /partition dirichlet: alpha is missing; write dirichlet:0.3\[,min=10\]/,
      'dirichlet:': /alpha is missing/,
      'dirichlet:x': /alpha is a number, got "x"/,
      'dirichlet:0.3,min=0': /min is a whole number from 1, got 0/,
      'dirichlet:0.3,max=5': /no option "max"/,
      'dirichlet:0.3,0.4': /unexpected "0.4"/,
      'dirichlet:0.3,balance=yes': /balance is true or false/,
      'iid:3': /unexpected "3"; write iid/,
      'shards:0': /shardsPerClient is a whole number from 1, got 0/,
      'pathological:2,mode=x': /mode is one of random, deterministic, first-deterministic/,
      'iid+blur:2': /what follows \+ is noise:SIGMA/,
      'iid+noise:x': /sigma is a number, got "x"/,
      'noise:-1': /sigma is a number from 0, got -1/,
      'sizes:': /sizes is missing/,
    };
    for (const [spec, message] of Object.entries(wrong)) {
      expect(() => parsePartition(spec), spec)
        .to.throw(FederatedError, message)
        .with.property('code', 'BAD_ARGUMENT');
    }
  });
});

describe('describePartition', () => {
  it('counts, and measures how far apart the clients are', () => {
    const labels = Int32Array.of(0, 0, 0, 2, 2, 2, 0, 2);
    const found = describePartition([Uint32Array.of(0, 1), Uint32Array.of(2, 3), Uint32Array.of(4, 5, 6)], {
      count: 8,
      labels,
    });
    expect(found).to.deep.include({ clients: 3, examples: 7, leftOut: 1 });
    expect(found.sizes).to.deep.equal({ min: 2, median: 2, mean: 7 / 3, max: 3 });
    const { classes, table, classesPerClient, entropy, overallEntropy, distance } = found.labels!;
    expect(classes).to.deep.equal([0, 2]);
    expect(table).to.deep.equal([
      [2, 0],
      [1, 1],
      [1, 2],
    ]);
    expect(classesPerClient).to.deep.equal({ min: 1, median: 2, mean: 5 / 3, max: 2 });
    expect(entropy).to.deep.include({ min: 0, max: 1 }); // all of one class: 0 bits; half and half: 1 bit
    expect(entropy.median).to.be.closeTo(0.9183, 1e-4); // -(1/3) log2(1/3) - (2/3) log2(2/3)
    expect(overallEntropy).to.be.closeTo(0.9852, 1e-4); // of 4/7 and 3/7
    expect(distance.max).to.be.closeTo(3 / 7, 1e-12); // (|1 - 4/7| + |0 - 3/7|) / 2
    expect(JSON.parse(JSON.stringify(found))).to.deep.equal(found);
  });

  it('needs no classes', () => {
    expect(describePartition([Uint32Array.of(0)], { count: 2, labels: null })).to.deep.include({
      labels: null,
      leftOut: 1,
    });
  });
});

describe('labelledOf', () => {
  const base = { name: 'x', xs: Float32Array.of(1, 3, 5, 7), count: 2, features: [2] };
  it('takes one class for each example as its label, and one target as a value', () => {
    const ys = Int32Array.of(1, 0);
    expect(labelledOf({ ...base, ys, classes: 2 }).labels).to.equal(ys);
    expect(labelledOf({ ...base, ys: Int32Array.of(1, 0, 1, 1), classes: 2 }).labels).to.equal(null); // sequences
    const real = labelledOf({ ...base, ys: Float32Array.of(0.5, 2), classes: null });
    expect(real.labels).to.equal(null);
    expect([...Array.from(real.values!['target']!), ...Array.from(real.values!['mean']!)]).to.deep.equal([
      0.5, 2, 2, 6,
    ]);
  });
});

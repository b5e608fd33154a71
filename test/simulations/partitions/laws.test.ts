import { expect } from 'chai';
import fc from 'fast-check';
import { FederatedError } from '../../../shared/errors.ts';
import { seeded } from '../../../shared/random.ts';
import { groupBy } from '../../../simulations/datasets/groups.ts';
import { parsePartition, partitionKinds } from '../../../simulations/partitions/parse.ts';
import { anyExamples, labelled } from './examples.ts';

/** What holds of every partitioner. `sizes` alone may leave examples out: here its sizes sum to less than there is. */
const specs = [
  'iid',
  'shards:1',
  'shards:2',
  'dirichlet:0.3,min=1',
  'dirichlet:0.001,min=1',
  'dirichlet:5,min=2,balance=true',
  'inner-dirichlet:0.1',
  'pathological:2',
  'pathological:1,mode=deterministic',
  'pathological:2,mode=first-deterministic',
  'distribution:2,least=1',
  'natural',
  'natural:sex',
  'sizes:1,2',
  'linear',
  'square',
  'exponential',
  'lognormal:1.2',
  'continuous:0.7',
  'continuous:1,by=target',
  'dirichlet:1,min=1+noise:0.1',
];

describe('every partitioner', () => {
  it('is here', () => {
    const kinds = new Set(specs.map((spec) => spec.split(/[:,+]/)[0]));
    expect([...kinds]).to.have.members(Object.keys(partitionKinds));
  });

  for (const spec of specs) {
    it(`gives each example to one client, or says why it cannot: ${spec}`, () => {
      let done = 0;
      fc.assert(
        fc.property(anyExamples, fc.integer({ min: 1, max: 12 }), fc.nat(), (examples, clients, seed) => {
          const partitioner = parsePartition(spec);
          const wanted = spec === 'sizes:1,2' ? null : clients;
          let lists: Uint32Array[];
          try {
            lists = partitioner.assign(examples, wanted, seeded(seed));
          } catch (thrown) {
            expect(thrown).to.be.instanceOf(FederatedError).with.property('code', 'BAD_ARGUMENT');
            expect((thrown as Error).message).to.match(/^partition /);
            return;
          }
          done++;
          expect(lists).to.have.length(wanted ?? 2);
          for (const own of lists) {
            expect(own).to.be.instanceOf(Uint32Array);
            expect(own.length).to.be.above(0);
            expect(own.every((example, i) => i === 0 || example > own[i - 1]!)).to.equal(true); // ascending, none twice
          }
          const all = lists.flatMap((own) => [...own]).toSorted((a, b) => a - b);
          if (wanted === null) expect(new Set(all).size).to.equal(3);
          else expect(all).to.deep.equal(Array.from({ length: examples.count }, (_, i) => i));
          expect(partitioner.assign(examples, wanted, seeded(seed))).to.deep.equal(lists); // same seed, same lists
        }),
        { numRuns: 60, seed: 1 },
      );
      expect(done).to.be.above(15);
    });
  }

  it('says whether it needs to be told how many clients there are', () => {
    const examples = { ...labelled([20, 20]), clients: groupBy(Array.from({ length: 40 }, (_, i) => `c${i % 4}`)) };
    const known = { ...examples, groups: { sex: examples.clients }, values: { target: new Float32Array(40) } };
    for (const spec of [...specs, 'inner-dirichlet:1,sizes=4/5']) {
      const partitioner = parsePartition(spec);
      const assign = (): unknown => partitioner.assign(known, null, seeded(1));
      if (partitioner.choosesClients === true) expect(assign, spec).to.not.throw();
      else expect(assign, spec).to.throw(FederatedError, /clients/);
    }
  });

  it('differs by the seed', () => {
    const examples = { count: 100, labels: Int32Array.from({ length: 100 }, (_, i) => i % 4) };
    for (const spec of [
      'iid',
      'shards',
      'dirichlet:1,min=1',
      'inner-dirichlet:1',
      'pathological:2',
      'linear',
      'sizes:5,5',
    ]) {
      const clients = spec.startsWith('sizes') ? null : 4;
      const of = (seed: number): Uint32Array[] => parsePartition(spec).assign(examples, clients, seeded(seed));
      expect(of(1), spec).to.not.deep.equal(of(2));
    }
  });
});

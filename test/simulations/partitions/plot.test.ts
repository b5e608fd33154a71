import { expect } from 'chai';
import { seeded } from '../../../shared/random.ts';
import { describePartition } from '../../../simulations/partitions/describe.ts';
import { partition } from '../../../simulations/partitions/partition.ts';
import { partitionBars, partitionHeatMap, partitionSizes } from '../../../simulations/partitions/plot.ts';
import { labelled } from './examples.ts';

/** The texts of a picture. */
const textsOf = (svg: string): string[] => [...svg.matchAll(/<text[^>]*>([^<]*)/g)].map(([, text]) => text!);

describe('the pictures of a partition', () => {
  const examples = labelled([40, 40, 40]);
  const lists = partition.dirichlet({ alpha: 1 }).assign(examples, 4, seeded(1));
  const found = describePartition(lists, examples);
  const about = { name: 'dirichlet:1', clients: ['ann', 'bob', 'cid', 'dan'], classes: ['cat', 'dog', 'owl'] };

  it('name clients and classes, and say what they show', () => {
    const bars = textsOf(partitionBars(found, about));
    expect(bars).to.include.members(['ann', 'dan', 'cat', 'owl', 'Examples of each client']);
    expect(bars).to.include('dirichlet:1: 4 clients, 120 examples');
    expect(textsOf(partitionHeatMap(found, about)!)).to.include.members(['bob', 'dog']);
  });

  it('draw a bar for each class that a client has', () => {
    const svg = partitionBars(found, { name: 'x' });
    const cells = found.labels!.table.flat().filter((count) => count > 0).length;
    const swatches = 3;
    const frame = svg.split('<rect').length - 1 - cells - swatches;
    const plain = partitionBars({ ...found, labels: { ...found.labels!, table: [[0, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0]] } }, { name: 'x' }); // prettier-ignore
    expect(frame).to.equal(plain.split('<rect').length - 1 - swatches);
  });

  it('show a selection of many clients, and sizes alone where there are no classes', () => {
    const many = describePartition(partition.linear().assign({ count: 90_000, labels: null }, 300, seeded(1)), { count: 90_000, labels: null }); // prettier-ignore
    expect(textsOf(partitionBars(many, { name: 'linear' }))).to.include(
      'linear: 300 clients, 90,000 examples; 60 clients shown',
    );
    expect(partitionHeatMap(many, { name: 'linear' })).to.equal(null);
    expect(textsOf(partitionSizes(many, { name: 'linear' }))).to.include('Sizes of the clients');
  });
});

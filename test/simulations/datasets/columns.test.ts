import { expect } from 'chai';
import { encodeColumns, splitFifth, standardise, statisticsOf } from '../../../simulations/datasets/columns.ts';

describe('statisticsOf', () => {
  it('gives mean and standard deviation of the values that are there', () => {
    // (2 + 4 + 9) / 3 = 5; ((-3)² + (-1)² + 4²) / 3 = 26/3
    const { mean, deviation } = statisticsOf([2, Number.NaN, 4, 9, 1_000], [0, 1, 2, 3]);
    expect(mean).to.equal(5);
    expect(deviation).to.be.closeTo(Math.sqrt(26 / 3), 1e-12);
  });

  it('stays accurate far from zero', () => {
    const { deviation } = statisticsOf([1e9 + 1, 1e9 - 1], [0, 1]);
    expect(deviation).to.equal(1);
  });

  it('turns what is missing or does not vary into 0', () => {
    expect(standardise(7, statisticsOf([], []))).to.equal(0);
    expect(standardise(Number.NaN, { mean: 3, deviation: 2 })).to.equal(0);
    expect(standardise(3, { mean: 3, deviation: 0 })).to.equal(0);
    expect(standardise(7, { mean: 3, deviation: 2 })).to.equal(2);
  });
});

describe('encodeColumns', () => {
  const columns = [
    { name: 'age', numbers: [1, 3, Number.NaN, 100] },
    { name: 'work', categories: ['office', 'farm', '', 'sea'] },
  ];

  it('standardises numbers and opens categories, from the training rows alone', () => {
    const { xs, names } = encodeColumns(columns, 4, Uint32Array.of(0, 1, 2));
    expect(names).to.deep.equal(['age', 'work=farm', 'work=office']);
    // Training ages 1 and 3: mean 2, deviation 1. Row 2 has nothing; row 3 is a test row, whose work training does not know.
    expect([...xs]).to.deep.equal([-1, 0, 1, 1, 1, 0, 0, 0, 0, 98, 0, 0]);
  });
});

describe('splitFifth', () => {
  const groups = Array.from({ length: 33 }, (_, row) => (row % 3 === 0 ? 'a' : 'b'));

  it('takes a fifth of each group for tests, the same ones every time', () => {
    const { train, test } = splitFifth('x', groups);
    expect([...train, ...test].toSorted((p, q) => p - q)).to.deep.equal([...groups.keys()]);
    expect([...test].filter((row) => groups[row] === 'a')).to.have.length(3); // of 11: 2.2, rounded up
    expect([...test].filter((row) => groups[row] === 'b')).to.have.length(5); // of 22: 4.4, rounded up
    expect(splitFifth('x', groups)).to.deep.equal({ train, test });
    expect(splitFifth('y', groups)).not.to.deep.equal({ train, test });
  });
});

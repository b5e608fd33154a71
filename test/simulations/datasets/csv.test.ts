import { expect } from 'chai';
import { FederatedError } from '../../../shared/errors.ts';
import { parseCsv, type CsvOptions } from '../../../simulations/datasets/csv.ts';

describe('parseCsv', () => {
  it('reads features and class numbers, the label standing in any column', () => {
    expect(parseCsv('a,kind,b\n1,0,2.5\n-3,2,1e2\n', 'x.csv', { label: 'kind' })).to.deep.equal({
      name: 'x.csv',
      xs: Float32Array.of(1, 2.5, -3, 100),
      ys: Int32Array.of(0, 2),
      count: 2,
      features: [2],
      classes: 3,
    });
  });

  it('numbers names of classes in order of the alphabet, quoted or not', () => {
    const { ys, classes } = parseCsv('a,kind\r\n1,"sit, down"\r\n2,run\r\n3,run', 'x.csv', { label: 'kind' });
    expect([...ys]).to.deep.equal([1, 0, 0]);
    expect(classes).to.equal(2);
  });

  it('numbers names of classes as it is told, whether a file has all of them or not', () => {
    const options = { label: 'kind', classes: ['walk', 'run', 'sit'] };
    const { ys, classes } = parseCsv('a,kind\n1,sit\n2,walk\n', 'x.csv', options);
    expect([...ys]).to.deep.equal([2, 0]);
    expect(classes).to.equal(3);
    expect(() => parseCsv('a,kind\n1,swim\n', 'x.csv', options)).to.throw(
      /label "swim", and classes names walk, run, sit/,
    );
  });

  it('refuses what is no decimal number, or none of float32, and two columns of one name', () => {
    const options = { label: 'kind' };
    expect(() => parseCsv('a,kind\n0x10,0\n', 'x.csv', options)).to.throw(
      /line 2, column "a": expected a number, got "0x10"/,
    );
    expect(() => parseCsv('a,kind\n1e39,0\n', 'x.csv', options)).to.throw(
      /line 2, column "a": .* up to 3.4e38, got "1e39"/,
    );
    expect(() => parseCsv('a,a,kind\n1,2,0\n', 'x.csv', options)).to.throw(/two columns named "a"/);
    const { xs } = parseCsv('a,b,c,kind\n+1.,.5,-2.5E-1,0\n', 'x.csv', options);
    expect([...xs]).to.deep.equal([1, 0.5, -0.25]);
  });

  it('reads a real target', () => {
    const { ys, classes } = parseCsv('a,price\n1,2.5\n2,3\n', 'x.csv', { target: 'price' });
    expect(ys).to.deep.equal(Float32Array.of(2.5, 3));
    expect(classes).to.equal(null);
  });

  it('leaves out lines with a missing value when it is told to', () => {
    const text = 'a,kind\n1,0\n?,1\nNA,1\n,1\n4,\n5,1\n';
    const { xs, ys } = parseCsv(text, 'x.csv', { label: 'kind', missing: 'drop' });
    expect([...xs]).to.deep.equal([1, 5]);
    expect([...ys]).to.deep.equal([0, 1]);
  });

  const wrong: [string, string, CsvOptions, RegExp][] = [
    ['a missing value', 'a,kind\n1,0\n,1\n', { label: 'kind' }, /line 3, column "a": the value is missing/],
    [
      'text among the features',
      'a,kind\n1,0\nred,1\n',
      { label: 'kind' },
      /line 3, column "a": expected a number, got "red"/,
    ],
    ['text in the target', 'a,price\n1,2\n2,x\n', { target: 'price' }, /line 3, column "price"/],
    ['an infinite value', 'a,kind\n1e999,0\n', { label: 'kind' }, /line 2, column "a"/],
    ['a line with too few cells', 'a,b,kind\n1,2,0\n1,2\n', { label: 'kind' }, /line 3 has 2 cells, the header has 3/],
    ['an unknown label column', 'a,kind\n1,0\n', { label: 'class' }, /no column "class"; columns are a, kind/],
    ['no label column', 'a,kind\n1,0\n', {}, /say which column/],
    ['nothing but labels', 'kind\n1\n', { label: 'kind' }, /no column of features/],
    ['no line of data', 'a,kind\n', { label: 'kind' }, /no line of data/],
    ['an open quote', 'a,kind\n"1,0\n', { label: 'kind' }, /line 2/],
    ['an empty file', '', { label: 'kind' }, /is empty/],
  ];
  for (const [what, text, options, message] of wrong) {
    it(`refuses ${what}`, () => {
      expect(() => parseCsv(text, 'x.csv', options))
        .to.throw(FederatedError, message)
        .with.property('code', 'BAD_FILE');
    });
  }
});

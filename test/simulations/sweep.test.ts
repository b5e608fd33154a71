import { expect } from 'chai';
import { combinations, nameOf, parseSweep } from '../../simulations/sweep.ts';

describe('a sweep', () => {
  it('is every combination of its values, the last setting fastest', () => {
    expect(combinations(parseSweep('lr=0.05,0.1 seed=1..3'))).to.deep.equal([
      { lr: '0.05', seed: '1' },
      { lr: '0.05', seed: '2' },
      { lr: '0.05', seed: '3' },
      { lr: '0.1', seed: '1' },
      { lr: '0.1', seed: '2' },
      { lr: '0.1', seed: '3' },
    ]);
  });

  it('takes values that hold commas when they stand apart by |', () => {
    expect(parseSweep('partition=dirichlet:0.1,min=5|shards:2')).to.deep.equal([
      { key: 'partition', values: ['dirichlet:0.1,min=5', 'shards:2'] },
    ]);
  });

  it('names a folder for each combination', () => {
    expect(nameOf({ lr: '0.1', partition: 'natural:a/b' })).to.equal('lr=0.1,partition=natural-a-b');
    expect(nameOf({})).to.equal('');
  });

  it('says what is wrong', () => {
    const cases: [string, RegExp][] = [
      ['', /sweep: expected settings such as "lr=0.05,0.1 seed=1..3", got ""/],
      ['lr', /got "lr"/],
      ['lr=1,,2', /lr has an empty value/],
      ['lr=1,1', /lr takes the value 1 twice/],
      ['lr=1 lr=2', /lr is there twice/],
      ['seed=3..1', /seed: 3..1 runs backwards/],
      ['seed=1..100 lr=1..100 clients=1..2', /20000 runs; at most 10000/],
    ];
    for (const [text, message] of cases) expect(() => parseSweep(text), text).to.throw(message);
  });
});

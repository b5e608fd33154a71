import { expect } from 'chai';
import { keepNewest } from '../../server/keep-newest.ts';

describe('a map that keeps the newest', () => {
  it('forgets those that were set longest ago', () => {
    const map = new Map<string, number>();
    for (const [i, key] of ['a', 'b', 'a', 'c'].entries()) keepNewest(map, key, i, 2);
    expect([...map]).to.deep.equal([
      ['a', 2],
      ['c', 3],
    ]);
  });
});

import { expect } from 'chai';
import { RateStore } from '../../../server/http/rate-store.ts';

describe('the store of the rate limits', () => {
  const day = 86_400_000;
  let wall = 1_800_000_000_000;
  let steady = 5_000;
  const store = new RateStore(60_000, { now: () => wall, steady: () => steady });
  const hits = (key: string): number => store.increment(key).totalHits;

  it('counts by address and begins anew after its window', () => {
    expect([hits('a'), hits('a'), hits('b')]).to.deep.equal([1, 2, 1]);
    steady += 59_999;
    wall += 59_999;
    expect(hits('a')).to.equal(3);
    steady += 1;
    wall += 1;
    expect([hits('a'), hits('b')]).to.deep.equal([1, 1]);
  });

  it('has windows of the same length when the calendar jumps, and says when they end by the calendar that there is', () => {
    for (const jump of [-day, day, -400 * day]) {
      steady += 60_000;
      wall += 60_000 + jump;
      expect(hits('a')).to.equal(1);
      wall -= jump;
      steady += 59_000;
      const { totalHits, resetTime } = store.increment('a');
      expect(totalHits, 'still the same window').to.equal(2);
      expect(resetTime!.getTime() - wall).to.equal(1_000);
      steady += 1_000;
      expect(hits('a')).to.equal(1);
    }
  });

  it('takes back what did not count, and forgets an address', () => {
    expect([hits('c'), hits('c')]).to.deep.equal([1, 2]);
    store.decrement('c');
    expect(hits('c')).to.equal(2);
    store.resetKey('c');
    expect(hits('c')).to.equal(1);
  });

  it('remembers no more than 10,000 addresses', () => {
    expect(hits('first')).to.equal(1);
    for (let i = 0; i < 10_000; i++) hits(`address ${i}`);
    expect(hits('first')).to.equal(1);
    expect(hits('address 9999')).to.equal(2);
  });
});

import { expect } from 'chai';
import { backoff } from '../../client/backoff.ts';
import { judge, type Readings } from '../../client/conditions.ts';

const mains: Readings = { charging: true, battery: 1, metered: false, idle: true, hot: false };
const unknown: Readings = { charging: null, battery: null, metered: null, idle: null, hot: null };
const all = { charging: true, minBattery: 0.3, unmetered: true, idle: true, cool: true } as const;

describe('conditions', () => {
  it('all hold on mains, unmetered and idle', () => expect(judge(all, mains)).to.equal(null));
  it('name what does not hold', () => {
    expect(judge(all, { ...mains, charging: false })).to.equal('not-charging');
    expect(judge(all, { ...mains, battery: 0.29 })).to.equal('low-battery');
    expect(judge(all, { ...mains, metered: true })).to.equal('metered');
    expect(judge(all, { ...mains, idle: false })).to.equal('not-idle');
    expect(judge(all, { ...mains, hot: true })).to.equal('too-hot');
  });
  it('do not matter where they are not asked for', () => {
    expect(judge({}, { charging: false, battery: 0, metered: true, idle: false, hot: true })).to.equal(null);
  });
  it('are allowed or denied as said where the device cannot tell', () => {
    expect(judge(all, unknown)).to.equal(null);
    expect(judge({ ...all, unknown: 'deny' }, unknown)).to.equal('not-charging');
    expect(judge({ unmetered: true, unknown: 'deny' }, unknown)).to.equal('metered');
  });
});

describe('the back-off', () => {
  it('doubles from a quarter of a second up to thirty, of which half to all is waited', () => {
    expect([1, 2, 3, 4].map((failures) => backoff(failures, 0))).to.deep.equal([125, 250, 500, 1_000]);
    expect([1, 2, 3].map((failures) => backoff(failures, 1))).to.deep.equal([250, 500, 1_000]);
    expect(backoff(50, 1)).to.equal(30_000);
  });
});

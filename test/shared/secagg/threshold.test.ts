import { expect } from 'chai';
import { largestBelow, logFactorial } from '../../../shared/secagg/hypergeometric.ts';
import { findGraphParameters, type Adversary } from '../../../shared/secagg/threshold.ts';

const find = (
  clients: number,
  corrupt: number,
  dropped: number,
  adversary: Adversary,
  [sigma, eta] = [40, 20],
): [number, number] | null => {
  const found = findGraphParameters({ clients, corrupt, dropped, adversary, sigma: sigma!, eta: eta! });
  return found === null ? null : [found.degree, found.threshold];
};

describe('the degree and threshold of the k-regular graph', () => {
  // fcp/secagg/server/graph_parameter_finder_test.cc of google/federated-compute, at security 2^-40, correctness 2^-20
  const published: [number, number, number, Adversary, number, number][] = [
    [100, 0.45, 0.45, 'curious', 92, 46],
    [1000, 0.45, 0.45, 'curious', 822, 417],
    [10, 0.33, 0.33, 'curious', 8, 4],
    [100, 0.33, 0.33, 'curious', 68, 34],
    [1000, 0.33, 0.33, 'curious', 286, 150],
    [10000, 0.33, 0.33, 'curious', 422, 221],
    [100000, 0.33, 0.33, 'curious', 480, 251],
    [1000000, 0.33, 0.33, 'curious', 518, 270],
    [100, 0.3, 0.3, 'semi-malicious', 92, 62],
    [1000, 0.3, 0.3, 'semi-malicious', 872, 584],
    [10, 0.05, 0.33, 'curious', 4, 2],
    [100, 0.05, 0.33, 'curious', 28, 6],
    [1000, 0.05, 0.33, 'curious', 72, 24],
    [10000, 0.05, 0.33, 'curious', 86, 29],
    [10, 0.05, 0.33, 'semi-malicious', 8, 5],
    [100, 0.05, 0.33, 'semi-malicious', 72, 39],
    [1000, 0.05, 0.33, 'semi-malicious', 398, 223],
    [10000, 0.05, 0.33, 'semi-malicious', 746, 420],
    [10, 0.33, 0.05, 'curious', 4, 4],
    [100, 0.33, 0.05, 'curious', 34, 29],
    [1000, 0.33, 0.05, 'curious', 78, 60],
    [10000, 0.33, 0.05, 'curious', 92, 70],
    [10, 0.33, 0.05, 'semi-malicious', 4, 4],
    [100, 0.33, 0.05, 'semi-malicious', 42, 37],
    [1000, 0.33, 0.05, 'semi-malicious', 132, 109],
    [10000, 0.33, 0.05, 'semi-malicious', 178, 146],
    [100000, 0.33, 0.05, 'semi-malicious', 196, 160],
    [1000000, 0.33, 0.05, 'semi-malicious', 212, 173],
    [10, 0.05, 0.05, 'curious', 2, 2],
    [100, 0.05, 0.05, 'curious', 12, 6],
    [1000, 0.05, 0.05, 'curious', 30, 17],
    [10000, 0.05, 0.05, 'curious', 34, 20],
    [1000000, 0.05, 0.05, 'curious', 38, 22],
    [100, 0.05, 0.05, 'semi-malicious', 16, 11],
    [1000, 0.05, 0.05, 'semi-malicious', 52, 37],
    [10000, 0.05, 0.05, 'semi-malicious', 62, 44],
    [1000000, 0.05, 0.05, 'semi-malicious', 74, 52],
    [100, 0.33, 0, 'curious', 26, 25],
    [1000, 0.33, 0, 'curious', 38, 36],
    [100, 0.33, 0, 'semi-malicious', 26, 26],
    [1000, 0.33, 0, 'semi-malicious', 38, 37],
    [1000000, 0.33, 0, 'semi-malicious', 50, 49],
    [10, 0, 0.33, 'curious', 4, 2],
    [100, 0, 0.33, 'curious', 26, 2],
    [1000000, 0, 0.33, 'curious', 50, 2],
  ];
  it('are the published ones', () => {
    for (const [n, corrupt, dropped, adversary, degree, threshold] of published) {
      expect(find(n, corrupt, dropped, adversary), `${n} ${corrupt} ${dropped} ${adversary}`).to.deep.equal([
        degree,
        threshold,
      ]);
    }
  });

  it('are (22, 11) of 100 clients against a curious server and (32, 22) against one that lies', () => {
    expect(find(100, 0.1, 0.1, 'curious')).to.deep.equal([22, 11]);
    expect(find(100, 0.1, 0.1, 'semi-malicious')).to.deep.equal([32, 22]);
  });

  it('grow with the security wanted', () => {
    const [degree40] = find(300, 0.1, 0.1, 'semi-malicious')!;
    const [degree60, threshold60] = find(300, 0.1, 0.1, 'semi-malicious', [60, 20])!;
    expect(degree60).to.be.greaterThan(degree40);
    expect(2 * threshold60).to.be.greaterThan(degree60);
  });

  it('do not exist where more drop out or lie than any threshold bears, or in a ring too small to have gaps', () => {
    expect(find(100, 0.5, 0.45, 'curious')).to.equal(null);
    expect(find(100, 0.33, 0.33, 'semi-malicious')).to.equal(null);
    expect(find(3, 0.1, 0.1, 'semi-malicious')).to.equal(null);
  });
});

describe('the tail of the hypergeometric distribution', () => {
  it('counts drawing 2 of 4 cards with 2 red: no red with chance 1/6, at most one with 5/6', () => {
    const draw = { total: 4, marked: 2, sampled: 2 };
    expect(largestBelow(0.1, draw)).to.equal(-1);
    expect(largestBelow(0.17, draw)).to.equal(0);
    expect(largestBelow(0.84, draw)).to.equal(1);
    expect(largestBelow(2, draw)).to.equal(2);
  });

  it('begins where a draw must have marked ones', () => {
    expect(largestBelow(1e-9, { total: 4, marked: 3, sampled: 3 })).to.equal(1); // 2 or 3 red
  });

  it('has factorials on both sides of the switch to the series', () => {
    let log = 0;
    for (let n = 1; n <= 100; n++) {
      log += Math.log(n);
      expect(logFactorial(n)).to.be.closeTo(log, 1e-12 * Math.max(1, log));
    }
    expect(logFactorial(0)).to.equal(0);
  });
});

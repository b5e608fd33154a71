import { expect } from 'chai';
import { seeded } from '../../shared/random.ts';
import { dirichletShares, logGamma, normal, openUniform } from '../../simulations/draws.ts';

const count = 20_000;
const draw = (next: () => number): number[] => Array.from({ length: count }, next);
const meanOf = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
const varianceOf = (values: readonly number[]): number => {
  const mean = meanOf(values);
  return meanOf(values.map((value) => (value - mean) ** 2));
};
/** The part of the values that is at most x. */
const below = (values: readonly number[], x: number): number =>
  values.filter((value) => value <= x).length / values.length;
/** Four standard errors of a part p of all draws. */
const error = (p: number): number => 4 * Math.sqrt((p * (1 - p)) / count);

describe('draws', () => {
  it('are uniform over the open interval', () => {
    const random = seeded('uniform');
    const values = draw(() => openUniform(random));
    for (const x of [0.01, 0.3, 0.9]) expect(below(values, x)).to.be.closeTo(x, error(x));
    const ends = [0, 2 ** 32 - 1].map((word) => openUniform({ ...random, u32: () => word }));
    expect(ends[0]).to.be.above(0);
    expect(ends[1]).to.be.below(1);
  });

  it('are normal', () => {
    const random = seeded('normal');
    const values = draw(() => normal(random));
    // scipy 1.17.1: scipy.stats.norm.cdf(x)
    const known = { '-2': 0.022750131948179195, '-1': 0.15865525393145707, '0': 0.5, '0.5': 0.6914624612740131, '2': 0.9772498680518208 }; // prettier-ignore
    for (const [x, p] of Object.entries(known)) expect(below(values, Number(x)), x).to.be.closeTo(p, error(p));
    expect(varianceOf(values)).to.be.closeTo(1, 4 * Math.sqrt(2 / count));
  });

  it('are Gamma variables, whose logarithms have the digamma as mean and the trigamma as variance', () => {
    // scipy 1.17.1: scipy.special.digamma(a), scipy.special.polygamma(1, a)
    const known: [shape: number, digamma: number, trigamma: number][] = [
      [0.01, -100.56088545786868, 10001.621213528311],
      [0.3, -3.502524222200133, 12.245364546107734],
      [1, -0.5772156649015329, 1.6449340668482266],
      [4.5, 1.388870926359529, 0.24872510303901035],
    ];
    for (const [shape, mean, variance] of known) {
      const random = seeded('gamma', shape);
      const logs = draw(() => logGamma(random, shape));
      expect(meanOf(logs) - mean, String(shape)).to.be.closeTo(0, 4 * Math.sqrt(variance / count));
      expect(varianceOf(logs) / variance, String(shape)).to.be.closeTo(1, 0.12); // an exponential tail: kurtosis up to 9
    }
    // scipy 1.17.1: scipy.stats.gamma.cdf(x, a)
    const random = seeded('gamma cdf');
    for (const [shape, x, p] of [
      [0.3, 0.001, 0.1402424589248674],
      [0.3, 0.1, 0.5459128495917965],
      [0.3, 1, 0.9156741562411086],
      [4.5, 2, 0.08858747316832083],
      [4.5, 4, 0.4658537830903085],
      [4.5, 8, 0.9331184122258733],
    ] as const) {
      expect(
        below(
          draw(() => Math.exp(logGamma(random, shape))),
          x,
        ),
        `${shape} ${x}`,
      ).to.be.closeTo(p, error(p));
    }
  });

  it('are shares that sum to one, even where nearly all are too small for a number', () => {
    const random = seeded('dirichlet');
    for (const alpha of [1e-6, 1e-3, 0.5, 1e6]) {
      const shares = dirichletShares(random, 50, alpha);
      expect(shares.every((share) => share >= 0)).to.equal(true);
      expect(shares.reduce((a, b) => a + b, 0)).to.be.closeTo(1, 1e-12);
    }
    expect(Math.max(...dirichletShares(random, 50, 1e-6))).to.equal(1);
  });
});

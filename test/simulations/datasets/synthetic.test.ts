import { expect } from 'chai';
import { FederatedError } from '../../../shared/errors.ts';
import { seeded } from '../../../shared/random.ts';
import { find, loadData } from '../../../simulations/datasets/registry.ts';
import { makeUser, userSizes, users, type Heterogeneity } from '../../../simulations/datasets/synthetic.ts';
import { refuses } from '../../contracts/store.ts';

const meanOf = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
const deviationOf = (values: readonly number[]): number =>
  Math.sqrt(meanOf(values.map((value) => (value - meanOf(values)) ** 2)));
/** Means of the entries of each W, and of the features of each user. */
const many = (heterogeneity: Heterogeneity, count: number): { models: number[]; first: number[] } => {
  const all = Array.from({ length: count }, (_, user) => makeUser('x', heterogeneity, user, 1));
  return { models: all.map(({ weights }) => meanOf([...weights])), first: all.map(({ xs }) => meanOf([...xs])) };
};

describe('synthetic data of FedProx', () => {
  it('have log-normal sizes from 50 on', () => {
    // floor(e^N(4, 2)) + 50: the median of e^N(4, 2) is e^4 = 54.6, and the logarithms have deviation 2.
    const sizes = Array.from({ length: 200 }, (_, i) => userSizes(seeded(i))).flat();
    expect(sizes).to.have.length(200 * users);
    expect(Math.min(...sizes)).to.equal(50);
    const logs = sizes.map((size) => Math.log(size - 50 + 0.5)).toSorted((a, b) => a - b);
    const at = (part: number): number => logs[Math.floor(part * logs.length)]!;
    expect(at(0.5)).to.be.closeTo(4, 0.12);
    expect((at(0.8413) - at(0.5)) / 2).to.be.closeTo(1, 0.06); // one deviation above the median
  });

  it('have models whose means have the deviation alpha, and features beta', () => {
    // The mean of 600 entries N(u, 1) adds a deviation of 1 / sqrt(600) = 0.04; a mean of 60 v_kj ~ N(B, 1) adds 0.13, and
    // x around v adds sqrt(sum j^-1.2) / 60 = 0.03.
    const none = many({ alpha: 0, beta: 0 }, 400);
    expect(deviationOf(none.models)).to.be.closeTo(0.041, 0.006);
    expect(deviationOf(none.first)).to.be.closeTo(0.132, 0.02);
    const two = many({ alpha: 2, beta: 0.5 }, 400);
    expect(deviationOf(two.models)).to.be.closeTo(2, 0.22); // three standard errors: 3 x 2 / sqrt(800)
    expect(deviationOf(two.first)).to.be.closeTo(Math.hypot(0.5, 0.132), 0.06);
  });

  it('have features whose variance falls as j^-1.2, and labels that are the largest score', () => {
    const { xs, ys, weights, bias } = makeUser('x', { alpha: 1, beta: 1 }, 3, 4_000);
    for (const j of [1, 2, 10, 60]) {
      const feature = Array.from({ length: 4_000 }, (_, i) => xs[i * 60 + j - 1]!);
      expect(deviationOf(feature) / j ** -0.6).to.be.closeTo(1, 0.04); // the deviation is the root of the variance
    }
    for (let i = 0; i < 200; i++) {
      const scores = Array.from(bias, (b, one) =>
        xs.subarray(i * 60, i * 60 + 60).reduce((sum, x, j) => sum + x * weights[j * 10 + one]!, b),
      );
      expect(scores[ys[i]!]).to.be.closeTo(Math.max(...scores), 1e-4); // x is rounded to float32 after the label is known
    }
  });

  it('share one model in the iid variant, and none otherwise', () => {
    const [a, b] = [0, 1].map((user) => makeUser('x', null, user, 3));
    expect(a!.weights).to.deep.equal(b!.weights);
    expect(a!.xs).to.not.deep.equal(b!.xs);
    const [c, d] = [0, 1].map((user) => makeUser('x', { alpha: 0, beta: 0 }, user, 3));
    expect(c!.weights).to.not.deep.equal(d!.weights);
    const first = Array.from({ length: 400 }, (_, user) => makeUser('x', null, user, 1).xs[0]!);
    expect(meanOf(first)).to.be.closeTo(0, 0.15); // v_k = 0, x_1 ~ N(0, 1)
    expect(deviationOf(first)).to.be.closeTo(1, 0.11);
  });

  it('are sets by name, each user a client with nine tenths of its examples for training', async () => {
    const [train, test] = [await loadData('synthetic:1,1'), await loadData('synthetic:1,1@test')];
    expect([train.count, test.count]).to.deep.equal([6_864, 781]);
    const own = (data: typeof train, user: number): number => data.clients!.index.filter((one) => one === user).length;
    for (const [user, size] of userSizes().entries()) {
      expect([own(train, user), own(test, user)]).to.deep.equal([
        Math.floor(0.9 * size),
        size - Math.floor(0.9 * size),
      ]);
    }
    expect(await loadData('synthetic:1,1')).to.deep.equal(train);
    const three = await loadData('synthetic:1,1:client=3');
    expect([three.count, three.clients!.names]).to.deep.equal([own(train, 3), ['3']]);
    expect((await loadData('synthetic:0.25,2')).name).to.equal('synthetic:0.25,2');
  });

  it('are refused with numbers that there are not', async () => {
    for (const name of ['synthetic:1', 'synthetic:-1,0', 'synthetic:x', 'synthetic:1,1e9']) {
      await refuses(loadData(name), 'BAD_ARGUMENT');
      await find(name).then(
        () => expect.fail(name),
        (thrown: unknown) =>
          expect(thrown)
            .to.be.instanceOf(FederatedError)
            .with.property('message')
            .that.includes('synthetic:ALPHA,BETA'),
      );
    }
  });
});

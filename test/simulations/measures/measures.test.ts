import { expect } from 'chai';
import fc from 'fast-check';
import { FederatedError } from '../../../shared/errors.ts';
import { groupBy } from '../../../simulations/datasets/groups.ts';
import {
  fairnessMetrics,
  federatedEvaluation,
  spreadOf,
  type ClientResult,
} from '../../../simulations/measures/clients.ts';
import { seeded } from '../../../shared/random.ts';
import { driftMetrics, driftOf } from '../../../simulations/measures/drift.ts';
import { groupFairness, groupMetrics, predictedClasses } from '../../../simulations/measures/groups.ts';
import { crossingAt, firstAt } from '../../../simulations/measures/target.ts';

const results = (
  rows: readonly (readonly [examples: number, accuracy: number | null, loss: number])[],
): ClientResult[] => rows.map(([examples, accuracy, loss], client) => ({ client, examples, accuracy, loss }));

describe('the spread over clients', () => {
  it('is what a hand calculation gives', () => {
    const spread = spreadOf(
      [0.5, 0.7, 0.9, 0.9].map((value, client) => ({ client, examples: [10, 10, 20, 60][client]!, value })),
      'low',
    )!;
    expect(spread.weightedMean).to.be.closeTo(0.84, 1e-12); // (5 + 7 + 18 + 54) / 100
    expect(spread.mean).to.be.closeTo(0.75, 1e-12);
    expect(spread.p10).to.be.closeTo(0.56, 1e-12); // place 0.3 between 0.5 and 0.7
    expect(spread.p90).to.be.at.least(spread.p10);
    expect(spread.worst10).to.equal(0.5);
    expect(spread.std).to.be.closeTo(Math.sqrt(0.0275), 1e-12); // (0.0625 + 0.0025 + 2 x 0.0225) / 4
    expect([spread.min, spread.max, spread.clients]).to.deep.equal([0.5, 0.9, 4]);
    expect(spread.jain).to.be.closeTo(9 / (4 * 2.36), 1e-12); // 3^2 / (4 (0.25 + 0.49 + 0.81 + 0.81))
  });

  it('has the index of Jain, Chiu and Hawe: k of n users with equal shares give k / n', () => {
    const jain = (values: number[]): number =>
      spreadOf(values.map((value, client) => ({ client, examples: 1, value })), 'low')!.jain; // prettier-ignore
    expect(jain([1, 1, 1, 1, 0, 0, 0, 0, 0, 0])).to.be.closeTo(0.4, 1e-12);
    expect(jain([5, 5, 5])).to.equal(1);
    expect(jain([0, 0])).to.equal(1);
  });

  it('keeps its laws: min <= worst10 <= p10 or near it, jain from 1/K to 1, whatever the order', () => {
    const rows = fc.array(fc.record({ examples: fc.integer({ min: 1, max: 99 }), value: fc.double({ min: 0, max: 1, noNaN: true }) }), { minLength: 1, maxLength: 40 }); // prettier-ignore
    fc.assert(
      fc.property(rows, (list) => {
        const of = (all: typeof list): NonNullable<ReturnType<typeof spreadOf>> =>
          spreadOf(all.map((row, client) => ({ client, ...row })), 'low')!; // prettier-ignore
        const spread = of(list);
        expect(spread.worst10).to.be.within(spread.min, spread.mean + 1e-12);
        expect(spread.p10).to.be.within(spread.min, spread.max);
        expect(spread.weightedMean).to.be.within(spread.min - 1e-12, spread.max + 1e-12);
        expect(spread.jain).to.be.within(1 / list.length - 1e-12, 1 + 1e-12);
        const back = of(list.toReversed());
        expect(back.p10).to.equal(spread.p10);
        expect(back.std).to.be.closeTo(spread.std, 1e-12);
      }),
    );
  });

  it('takes the worst tenth of 25 clients as three, and from the high end of losses', () => {
    const values = Array.from({ length: 25 }, (_, client) => ({ client, examples: 1, value: client }));
    expect(spreadOf(values, 'low')!.worst10).to.equal(1); // 0, 1, 2
    expect(spreadOf(values, 'high')!.worst10).to.equal(23); // 24, 23, 22
    expect(spreadOf(values, 'high')!.p10).to.be.closeTo(21.6, 1e-12); // 2.4 places from 24
  });

  it('becomes metrics of accuracies, or of losses where there are none', () => {
    const accuracies = fairnessMetrics(results([[1, 0.5, 9], [1, 1, 1]])); // prettier-ignore
    expect(Object.keys(accuracies)).to.have.members(['p10', 'p90', 'worst10', 'std', 'jain', 'min', 'max', 'mean'].map((key) => `fairness/${key}`)); // prettier-ignore
    expect(accuracies['fairness/worst10']).to.equal(0.5);
    expect(fairnessMetrics(results([[1, null, 9], [1, null, 1]]))['fairness/loss-worst10']).to.equal(9); // prettier-ignore
    expect(fairnessMetrics([])).to.deep.equal({});
    expect(() => fairnessMetrics(results([[0, 1, 1]]))).to.throw(FederatedError, /client 0 was measured on no example/);
  });

  it('gives federated evaluation by examples', () => {
    expect(federatedEvaluation(results([[1, 0, 4], [3, 1, 0]]))).to.deep.equal({ accuracy: 0.75, loss: 1 }); // prettier-ignore
    expect(federatedEvaluation(results([[1, null, 4]]))).to.deep.equal({ accuracy: null, loss: 4 });
    expect(federatedEvaluation([])).to.equal(null);
  });
});

describe('fairness across groups', () => {
  // Eight people: four women, of whom two earn much, one of them seen; four men, two earn much, both seen, one more guessed.
  const sex = groupBy(['f', 'f', 'f', 'f', 'm', 'm', 'm', 'm']);
  const labels = Int32Array.of(1, 1, 0, 0, 1, 1, 0, 0);
  const predicted = Int32Array.of(1, 0, 0, 0, 1, 1, 1, 0);

  it('is what a hand calculation gives', () => {
    const found = groupFairness(sex, labels, predicted)!;
    expect(found.groups).to.deep.equal([
      { name: 'f', examples: 4, accuracy: 0.75, truePositiveRate: 0.5, positiveRate: 0.25 },
      { name: 'm', examples: 4, accuracy: 0.75, truePositiveRate: 1, positiveRate: 0.75 },
    ]);
    expect(groupMetrics('sex', found)).to.deep.equal({
      'group/sex/accuracy-gap': 0,
      'group/sex/tpr-gap': 0.5,
      'group/sex/parity-gap': 0.5,
    });
  });

  it('leaves out small groups, rates without positives, and what more than two classes do not have', () => {
    const race = groupBy(['a', 'a', 'a', 'b', 'b', 'b', 'c', 'c']);
    const { groups, tprGap } = groupFairness(race, labels, predicted, { least: 3 })!;
    expect(groups.map(({ name }) => name)).to.deep.equal(['a', 'b']);
    expect(tprGap).to.equal(0.5); // 1 of 2, and 2 of 2
    const none = groupFairness(sex, Int32Array.of(1, 1, 0, 0, 0, 0, 0, 0), predicted)!;
    expect(none.tprGap).to.equal(null);
    expect(Object.keys(groupMetrics('sex', none))).to.deep.equal(['group/sex/accuracy-gap', 'group/sex/parity-gap']);
    expect(Object.keys(groupMetrics('x', groupFairness(sex, labels, predicted, { classes: 3 })))).to.deep.equal(['group/x/accuracy-gap']); // prettier-ignore
    expect(groupFairness(groupBy(labels.join('').split('').fill('a')), labels, predicted)).to.equal(null);
    expect(groupMetrics('x', null)).to.deep.equal({});
    expect(() => groupFairness(sex, labels.subarray(1), predicted)).to.throw(FederatedError, /7 labels need/);
  });

  it('reads classes from outputs', () => {
    expect([...predictedClasses(Float32Array.of(0.5, 0.49, 0.9), 3)]).to.deep.equal([1, 0, 1]);
    expect([...predictedClasses(Float32Array.of(0.2, 0.5, 0.3, 0.4, 0.1, 0.4), 2)]).to.deep.equal([1, 0]);
  });
});

describe('client drift', () => {
  it('is what a hand calculation gives', () => {
    // Mean (2, 2): distances |(1, -2)| and |(-1, 2)|, both sqrt 5. Cosines: 6 / (3 sqrt 8) and 10 / (sqrt 17 sqrt 8).
    const drift = driftOf([Float32Array.of(3, 0), Float32Array.of(1, 4)])!;
    expect(drift.l2).to.be.closeTo(Math.sqrt(5), 1e-12);
    expect(drift.cosine).to.be.closeTo((6 / (3 * Math.sqrt(8)) + 10 / Math.sqrt(136)) / 2, 1e-12);
    expect(drift.diversity).to.be.closeTo((9 + 17) / 2 / 8, 1e-12);
    expect(driftMetrics(drift)).to.have.keys('drift/l2', 'drift/cosine', 'drift/diversity');
  });

  it('is the root of the mean squared distance, and the same in any order, to the last bit', () => {
    // Mean (1, 0): squared distances 0, 4 and 4 of (1, 0), (3, 0) and (-1, 0).
    const three = [Float32Array.of(1, 0), Float32Array.of(3, 0), Float32Array.of(-1, 0)];
    expect(driftOf(three)!.l2).to.be.closeTo(Math.sqrt(8 / 3), 1e-12);
    const random = seeded(1, 'drift');
    const deltas = Array.from({ length: 9 }, () => Float32Array.from({ length: 50 }, () => random.float() - 0.4));
    expect(driftOf(deltas.toReversed())).to.deep.equal(driftOf(deltas));
    expect(driftOf(deltas)).to.deep.equal(driftOf([4, 0, 8, 2, 6, 1, 3, 7, 5].map((i) => deltas[i]!)));
  });

  it('is none where all agree, and has no direction where they cancel', () => {
    const same = driftOf([Float32Array.of(1, 2), Float32Array.of(1, 2)])!;
    expect(same.l2).to.equal(0);
    expect(same.cosine).to.be.closeTo(1, 1e-12);
    expect(same.diversity).to.equal(1);
    const opposed = driftOf([Float32Array.of(1, 2), Float32Array.of(-1, -2)]);
    expect(driftMetrics(opposed)).to.deep.equal({ 'drift/l2': Math.sqrt(5) });
    expect(driftOf([Float32Array.of(0, 0), Float32Array.of(2, 0)])!.cosine).to.equal(1); // the still one has no direction
    expect(driftOf([])).to.equal(null);
    expect(() => driftOf([new Float32Array(1), new Float32Array(2)])).to.throw(FederatedError, /1 and 2 weights/);
  });
});

describe('the cost of a target', () => {
  const curve = [0.2, 0.6, 0.5, 0.9].map((value, i) => ({ at: 10 * (i + 1), value }));

  it('is the first point that reaches it, or where the line of the best so far crosses it', () => {
    expect(firstAt(curve, 0.75)).to.equal(40);
    expect(crossingAt(curve, 0.75)).to.be.closeTo(35, 1e-12); // from 0.6, the best so far, at 30 to 0.9 at 40
    expect(crossingAt(curve, 0.4)).to.be.closeTo(15, 1e-12);
    expect([firstAt(curve, 0.1), crossingAt(curve, 0.1)]).to.deep.equal([10, 10]);
    expect([firstAt(curve, 0.95), crossingAt(curve, 0.95), crossingAt([], 0.5)]).to.deep.equal([null, null, null]);
  });
});

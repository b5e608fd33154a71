import { expect } from 'chai';
import fc from 'fast-check';
import { FederatedError } from '../../../shared/errors.ts';
import { seeded } from '../../../shared/random.ts';
import { DecodedSum } from '../../../shared/updates/decode.ts';
import { encodeUpdate, type Contribution } from '../../../shared/updates/encode.ts';
import { wordLayout } from '../../../shared/updates/layout.ts';
import { makeUpdatePlan, type UpdatePlan, type UpdatePlanOptions } from '../../../shared/updates/plan.ts';
import { stepsPerUnit } from '../../../shared/updates/quantise.ts';

const key = (seed: number): Uint8Array => {
  const random = seeded('noise', seed);
  return Uint8Array.from({ length: 32 }, () => random.below(256));
};

/** The sum modulo 2^M, in arithmetic of its own. */
function add(plan: UpdatePlan, vectors: readonly Uint32Array[]): Uint32Array {
  const modulus = 2n ** BigInt(plan.modulusBits);
  return Uint32Array.from({ length: vectors[0]!.length }, (_, i) =>
    Number(vectors.reduce((sum, words) => (sum + BigInt(words[i]!)) % modulus, 0n)),
  );
}

/** A word as the signed number that it stands for, by the definition of two's complement. */
const signed = (word: number, bits: number): number => (word >= 2 ** (bits - 1) ? word - 2 ** bits : word);

const decoded = (plan: UpdatePlan, contributions: readonly Contribution[]): DecodedSum =>
  new DecodedSum(plan, add(plan, contributions.map((each, i) => encodeUpdate(plan, each, key(i)))), contributions.length); // prettier-ignore

const contribution = (delta: readonly number[], examples = 1, metrics = {}): Contribution => ({
  delta: Float32Array.from(delta),
  examples,
  metrics,
});

const codeOf = (action: () => unknown): string => {
  try {
    action();
  } catch (error) {
    if (error instanceof FederatedError) return error.code;
    throw error;
  }
  return 'none';
};

/** Rounds of any shape: a plan that holds, and what its clients bring. */
const rounds = fc
  .record({
    clients: fc.integer({ min: 1, max: 12 }),
    dimension: fc.integer({ min: 1, max: 20 }),
    modulusBits: fc.integer({ min: 14, max: 32 }),
    clippingNorm: fc.double({ min: 0.01, max: 100, noNaN: true }),
    tightness: fc.double({ min: 0.05, max: 1, noNaN: true }),
    weighting: fc.constantFrom('examples', 'uniform'),
    maxExamples: fc.integer({ min: 1, max: 300 }),
  })
  .chain(({ clients, tightness, ...rest }) => {
    const options: UpdatePlanOptions = {
      ...rest,
      maxCohort: clients,
      coordinateBound: rest.clippingNorm * tightness,
      metrics: [
        { name: 'loss', bound: 100 },
        { name: 'accuracy', bound: 1 },
      ],
    };
    return fc.record({
      plan: fc.constant(makeUpdatePlan(options)),
      contributions: fc.array(
        fc.record({
          delta: fc
            .array(fc.double({ min: -3, max: 3, noNaN: true }), {
              minLength: rest.dimension,
              maxLength: rest.dimension,
            })
            .map((values) => Float32Array.from(values, (value) => value * rest.clippingNorm)),
          examples: fc.integer({ min: 1, max: rest.maxExamples }),
          metrics: fc.record(
            {
              loss: fc.oneof(fc.double({ min: -120, max: 120, noNaN: true }), fc.constant(Number.NaN)),
              accuracy: fc.double({ min: 0, max: 1, noNaN: true }),
            },
            { requiredKeys: [] },
          ),
        }),
        { minLength: clients, maxLength: clients },
      ),
    });
  });

/** What the plan says that a client means: clipped to norm C, cut off at ± B; float64. */
function clipped({ clippingNorm, coordinateBound }: UpdatePlan, { delta }: Contribution): number[] {
  const norm = Math.hypot(...delta);
  const factor = Math.min(1, clippingNorm / norm);
  return Array.from(delta, (value) => Math.max(-coordinateBound, Math.min(coordinateBound, value * factor)));
}

const weight = ({ weighting, maxWeight }: UpdatePlan, examples: number): number =>
  weighting === 'uniform' ? 1 : Math.min(examples, maxWeight);

describe('the update pipeline', () => {
  it('rounds each coordinate to one of the two steps beside it', () => {
    fc.assert(
      fc.property(rounds, ({ plan, contributions: [first] }) => {
        const words = encodeUpdate(plan, first!, key(7));
        const w = weight(plan, first!.examples);
        clipped(plan, first!).forEach((value, i) => {
          const exact = w * value * stepsPerUnit(plan);
          const error = Math.abs(signed(words[i]!, plan.modulusBits) - exact);
          expect(error).to.be.at.most(1 + 1e-9 * Math.abs(exact));
          expect(words[i]).to.be.lessThan(2 ** plan.modulusBits);
        });
      }),
    );
  });

  it('gives the weighted mean, within one step a client', () => {
    fc.assert(
      fc.property(rounds, ({ plan, contributions }) => {
        const sum = decoded(plan, contributions);
        const weights = contributions.map(({ examples }) => weight(plan, examples));
        const total = weights.reduce((a, b) => a + b, 0);
        const terms = contributions.map((each) => clipped(plan, each));
        const step = 1 / stepsPerUnit(plan);
        for (let i = 0; i < plan.dimension; i++) {
          const mean = terms.reduce((all, term, j) => all + weights[j]! * term[i]!, 0) / total;
          expect(sum.mean(i)).to.be.closeTo(mean, (step * contributions.length) / total + 1e-9 * plan.clippingNorm);
          expect(sum.means()[i]).to.equal(Math.fround(sum.mean(i)));
        }
      }),
    );
  });

  it('sums modulo 2^M to the sum of the whole numbers, bit for bit', () => {
    fc.assert(
      fc.property(rounds, ({ plan, contributions }) => {
        const vectors = contributions.map((each, i) => encodeUpdate(plan, each, key(i)));
        const sum = new DecodedSum(plan, add(plan, vectors), vectors.length);
        for (let i = 0; i < plan.dimension; i++) {
          const steps = vectors.reduce((total, words) => total + signed(words[i]!, plan.modulusBits), 0);
          expect(sum.steps(i)).to.equal(steps);
        }
      }),
    );
  });

  it('brings out weights, examples and sums of metrics exactly', () => {
    fc.assert(
      fc.property(rounds, ({ plan, contributions }) => {
        const sum = decoded(plan, contributions);
        const total = (of: (each: Contribution) => number): number =>
          contributions.reduce((all, each) => all + of(each), 0);
        expect(sum.reports).to.equal(contributions.length);
        expect(sum.examples).to.equal(total(({ examples }) => examples));
        expect(sum.weight).to.equal(total(({ examples }) => weight(plan, examples)));
        for (const { name, fractionBits, valueBound } of wordLayout(plan).metrics) {
          const has = ({ metrics }: Contribution): boolean => Math.abs(metrics[name] ?? Number.NaN) <= valueBound;
          const unit = 2 ** -fractionBits;
          const steps = total((each) => (has(each) ? Math.round((each.examples * each.metrics[name]!) / unit) : 0));
          expect(sum.metrics[name]!.total === steps * unit).to.equal(true);
          expect(sum.metrics[name]!.examples).to.equal(total((each) => (has(each) ? each.examples : 0)));
        }
      }),
    );
  });

  it('leaves out of the mean of a metric the clients that have none, and a metric that nobody has', () => {
    const plan = makeUpdatePlan({
      dimension: 1,
      maxCohort: 3,
      clippingNorm: 1,
      metrics: [{ name: 'loss', bound: 100 }, { name: 'accuracy', bound: 1 }],
    }); // prettier-ignore
    const sum = decoded(plan, [
      contribution([0], 10, { loss: 1 }),
      contribution([0], 30, { loss: 2 }),
      contribution([0], 60, { loss: 101 }),
    ]);
    expect(sum.metricMeans()).to.deep.equal({ loss: 1.75 }); // (10 * 1 + 30 * 2) / 40
  });

  it('takes its noise from the keystream of ChaCha20', () => {
    // RFC 8439, appendix A.1, test vector 1 (all-zero key): 76b8e0ad a0f13d90 405d6ae5 5386bd28, as little-endian words
    // over 2^32: u = 0.6792, 0.5634, 0.8961, 0.1591.
    const plan = makeUpdatePlan({ dimension: 4, maxCohort: 1, clippingNorm: 64, weighting: 'uniform' });
    const steps = (values: number[]): number[] => {
      const delta = values.map((value) => value / stepsPerUnit(plan));
      const words = encodeUpdate(plan, contribution(delta), new Uint8Array(32));
      return Array.from(words.subarray(0, 4), (word) => signed(word, 32));
    };
    expect(steps([0.32, 0.43, 0.1, -0.15])).to.deep.equal([0, 0, 0, 0]);
    expect(steps([0.33, 0.44, 0.11, -0.17])).to.deep.equal([1, 1, 1, -1]);
    expect(steps([-0.67, 5.43, 7.1, -8.15])).to.deep.equal([0, 5, 7, -8]);
  });

  it('is unbiased: the mean of many roundings is the value', () => {
    // b = 4, B = 1: 8 steps in a unit; the values lie 0, 1/8, 1/2 and 0.9 of a step above a step, the last beyond zero.
    const plan: UpdatePlan = { ...makeUpdatePlan({ dimension: 4, maxCohort: 1, clippingNorm: 1 }), maxWeight: 1 };
    const coarse: UpdatePlan = { ...plan, quantizationBits: 4, weighting: 'uniform' };
    const delta = [2 / 8, 2.125 / 8, -0.5 / 8, -3.1 / 8];
    const runs = 4000;
    const sums = [0, 0, 0, 0];
    for (let run = 0; run < runs; run++) {
      const words = encodeUpdate(coarse, contribution(delta), key(run));
      for (let i = 0; i < 4; i++) sums[i]! += signed(words[i]!, 32);
    }
    expect(sums[0]).to.equal(2 * runs); // a whole step is never moved
    // Standard deviation of a mean: sqrt(p (1 - p) / runs) <= 0.008 steps; four of them.
    delta.forEach((value, i) => expect(sums[i]! / runs).to.be.closeTo(8 * value, 0.032));
  });

  it('rounds each coordinate with noise of its own', () => {
    const plan = makeUpdatePlan({ dimension: 20_000, maxCohort: 1, clippingNorm: 1e6, coordinateBound: 1 });
    const delta = new Float32Array(20_000).fill(0.5 / stepsPerUnit(plan));
    const words = encodeUpdate(plan, { delta, examples: 1, metrics: {} }, key(1));
    const ups = words.subarray(0, 20_000).reduce((count, word) => count + word, 0);
    expect(ups).to.be.closeTo(10_000, 4 * Math.sqrt(5000)); // binomial
    const pairs = words.subarray(0, 19_999).reduce((count, word, i) => count + (word & words[i + 1]!), 0);
    expect(pairs).to.be.closeTo(5_000, 4 * Math.sqrt(20_000 * (3 / 16 + 2 / 16))); // neighbours, lag-one covariance 1/16
  });

  it('clips to the norm, and cuts off at the bound of a coordinate', () => {
    const plan = makeUpdatePlan({ dimension: 2, maxCohort: 1, clippingNorm: 5, coordinateBound: 3.5 });
    const sum = decoded(plan, [contribution([30, 40])]); // norm 50: to (3, 4), and 4 is cut off
    expect(sum.mean(0)).to.be.closeTo(3, 1e-3);
    expect(sum.mean(1)).to.equal(3.5);
    expect(decoded(plan, [contribution([-30, -40])]).mean(1)).to.equal(-3.5);
  });

  it('caps a weight, and refuses numbers of examples that are none', () => {
    const plan = makeUpdatePlan({ dimension: 1, maxCohort: 2, clippingNorm: 1, maxWeight: 10, maxExamples: 100 });
    const sum = decoded(plan, [contribution([1], 100), contribution([-1], 5)]);
    expect(sum.weight).to.equal(15);
    expect(sum.examples).to.equal(105);
    expect(sum.mean(0)).to.be.closeTo(1 / 3, 1e-9); // (10 - 5) / 15
    for (const examples of [0, -1, 1.5, 101, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(codeOf(() => encodeUpdate(plan, contribution([1], examples), key(1)))).to.equal('BAD_EXAMPLES');
    }
  });

  it('refuses values that are not finite, wherever they stand, and vectors of another length', () => {
    const plan = makeUpdatePlan({ dimension: 5, maxCohort: 2, clippingNorm: 1 });
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      for (let at = 0; at < 5; at++) {
        const delta = [0, 0, 0, 0, 0].with(at, bad);
        expect(codeOf(() => encodeUpdate(plan, contribution(delta), key(1)))).to.equal('NOT_FINITE');
      }
    }
    expect(codeOf(() => encodeUpdate(plan, contribution([1, 2]), key(1)))).to.equal('WRONG_SHAPE');
    expect(codeOf(() => encodeUpdate(plan, contribution([1, 2, 3, 4, 5]), new Uint8Array(31)))).to.equal(
      'BAD_ARGUMENT',
    );
  });

  it('survives values at the ends of float32', () => {
    const plan = makeUpdatePlan({ dimension: 3, maxCohort: 1, clippingNorm: 1, weighting: 'uniform' });
    const sum = decoded(plan, [contribution([3.4e38, -1e-45, -3.4e38])]);
    expect(sum.mean(0)).to.be.closeTo(Math.SQRT1_2, 1e-6);
    expect(sum.mean(2)).to.be.closeTo(-Math.SQRT1_2, 1e-6);
    expect(Math.abs(sum.mean(1))).to.be.lessThan(1e-6);
  });
});

describe('a decoded sum', () => {
  const plan = makeUpdatePlan({
    dimension: 3,
    maxCohort: 4,
    clippingNorm: 1,
    maxExamples: 100,
    metrics: [{ name: 'loss', bound: 10 }],
  });
  const layout = wordLayout(plan);
  const good = (): Uint32Array =>
    add(plan, [
      encodeUpdate(plan, contribution([0.1, 0.2, 0.3], 10, { loss: 1 }), key(1)),
      encodeUpdate(plan, contribution([0.1, 0.2, 0.3], 20, { loss: 2 }), key(2)),
    ]);

  it('is refused when clients that follow the plan could not have given it', () => {
    const changed: [string, (words: Uint32Array) => void][] = [
      ['no weight', (words) => void (words[layout.weight.start] = 1)],
      ['too much weight', (words) => void (words[layout.weight.start] = 201)],
      ['negative weight', (words) => void (words[layout.weight.start] = 2 ** 32 - 5)],
      ['too many examples', (words) => void (words[layout.examples.start] = 201)],
      ['a large coordinate', (words) => void (words[1] = 2 ** 31 - 1)],
      ['a large negative coordinate', (words) => void (words[1] = 2 ** 31)],
      ['a large metric', (words) => void (words[layout.metrics[0]!.total.end - 1]! += 2 ** 20)],
      ['examples of a metric', (words) => void (words[layout.metrics[0]!.examples.start] = 31)],
    ];
    expect(codeOf(() => new DecodedSum(plan, good(), 2))).to.equal('none');
    for (const [name, change] of changed) {
      const words = good();
      change(words);
      expect(
        codeOf(() => new DecodedSum(plan, words, 2)),
        name,
      ).to.equal('BAD_SUM');
    }
  });

  it('needs the number of words and of clients of its plan', () => {
    expect(codeOf(() => new DecodedSum(plan, good().subarray(1), 2))).to.equal('WRONG_SHAPE');
    for (const clients of [0, 5, 1.5]) {
      expect(codeOf(() => new DecodedSum(plan, good(), clients))).to.equal('BAD_ARGUMENT');
    }
  });

  it('has words of a size that a reader can work out', () => {
    // 3 coordinates; digits of 29 bits (4 * (2^29 - 1) < 2^31): weight 1, examples 1; the metric's total of up to
    // 100 * 10 * 2^20 = 2^30 is 2 digits, and its examples 1.
    expect(layout.words).to.equal(3 + 1 + 1 + 2 + 1);
    expect(layout.metrics[0]!.fractionBits).to.equal(20);
  });
});

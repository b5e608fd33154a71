import { expect } from 'chai';
import { native } from '../../helpers/primitives.ts';
import fc from 'fast-check';
import { FederatedError } from '../../../shared/errors.ts';
import { toHex } from '../../../shared/bytes.ts';
import { checkUpdatePlan, makeUpdatePlan, updatePlanHash, type UpdatePlan } from '../../../shared/updates/plan.ts';

const plan: UpdatePlan = {
  format: 'fedloom-update-1',
  dimension: 10,
  maxCohort: 100,
  modulusBits: 32,
  quantizationBits: 20,
  clippingNorm: 4,
  coordinateBound: 2,
  weighting: 'examples',
  maxWeight: 40,
  maxExamples: 1000,
  metrics: [{ name: 'loss', bound: 1000 }],
};

const codeOf = (action: () => unknown): string => {
  try {
    action();
  } catch (error) {
    if (error instanceof FederatedError) return error.code;
    throw error;
  }
  return 'none';
};

describe('an update plan', () => {
  it('is accepted as it is, with 32 bits where no modulus is named', () => {
    expect(checkUpdatePlan(plan)).to.deep.equal(plan);
    const { modulusBits: _, ...rest } = plan;
    expect(checkUpdatePlan(rest)).to.deep.equal(plan);
  });

  it('is refused with the name of the field that is wrong', () => {
    const wrong: [object, RegExp][] = [
      [{ format: 'fedloom-update-2' }, /^update plan: format/],
      [{ dimension: 0 }, /^update plan: dimension/],
      [{ modulusBits: 7 }, /^update plan: modulusBits/],
      [{ modulusBits: 33 }, /^update plan: modulusBits/],
      [{ quantizationBits: 1 }, /^update plan: quantizationBits/],
      [{ clippingNorm: Number.POSITIVE_INFINITY }, /^update plan: clippingNorm/],
      [{ clippingNorm: Number.NaN }, /^update plan: clippingNorm/],
      [{ coordinateBound: 4.1 }, /^update plan: coordinateBound: 4.1 is larger/],
      [{ coordinateBound: Number.MIN_VALUE }, /^update plan: coordinateBound/],
      [{ weighting: 'uniform' }, /^update plan: maxWeight/],
      [{ maxWeight: 1.5 }, /^update plan: maxWeight/],
      [{ metrics: [{ name: '__proto__', bound: 1 }] }, /^update plan: metrics.0.name/],
      [{ metrics: [{ name: 'loss', bound: 1 }, { name: 'loss', bound: 2 }] }, /^update plan: metrics: a name occurs/],
      [{ metrics: [{ name: 'loss', bound: 1e300 }] }, /^update plan: metrics: the sum of loss/],
      [{ extra: 1 }, /^update plan: extra/],
    ]; // prettier-ignore
    for (const [change, message] of wrong) {
      expect(() => checkUpdatePlan({ ...plan, ...change }))
        .to.throw(FederatedError, message)
        .with.property('code', 'BAD_PLAN');
    }
    for (const value of [null, undefined, 7, 'plan', []])
      expect(codeOf(() => checkUpdatePlan(value))).to.equal('BAD_PLAN');
  });

  it('is refused at the edge of overflow, and not before', () => {
    // 127 * 1 * 2^4 < 2^11 = 128 * 1 * 2^4
    const edge = { ...plan, modulusBits: 12, quantizationBits: 5, maxWeight: 1, metrics: [] };
    expect(codeOf(() => checkUpdatePlan({ ...edge, maxCohort: 127 }))).to.equal('none');
    expect(codeOf(() => checkUpdatePlan({ ...edge, maxCohort: 128 }))).to.equal('MODULUS_OVERFLOW');
    // 63 * 2 * 2^4 = 2016 < 2048 < 64 * 2 * 2^4 = 2048; 42 * 3 * 2^4 = 2016 < 43 * 3 * 2^4 = 2064
    expect(codeOf(() => checkUpdatePlan({ ...edge, maxCohort: 63, maxWeight: 2 }))).to.equal('none');
    expect(codeOf(() => checkUpdatePlan({ ...edge, maxCohort: 64, maxWeight: 2 }))).to.equal('MODULUS_OVERFLOW');
    expect(codeOf(() => checkUpdatePlan({ ...edge, maxCohort: 43, maxWeight: 3 }))).to.equal('MODULUS_OVERFLOW');
    // 100 * 40 * 2^19 = 2.097e9 < 2^31 = 2.147e9 < 100 * 41 * 2^19
    expect(codeOf(() => checkUpdatePlan({ ...plan, maxWeight: 40 }))).to.equal('none');
    expect(codeOf(() => checkUpdatePlan({ ...plan, maxWeight: 41 }))).to.equal('MODULUS_OVERFLOW');
  });

  it('has a hash that every field changes, and their order does not', () => {
    const hash = (value: UpdatePlan): string => toHex(updatePlanHash(native, value));
    expect(hash(plan)).to.match(/^[0-9a-f]{64}$/);
    expect(hash(Object.fromEntries(Object.entries(plan).toReversed()) as UpdatePlan)).to.equal(hash(plan));
    const changes: Partial<UpdatePlan>[] = [
      { dimension: 11 },
      { maxCohort: 99 },
      { modulusBits: 31 },
      { quantizationBits: 19 },
      { clippingNorm: 4.5 },
      { coordinateBound: 1.5 },
      { maxWeight: 39 },
      { maxExamples: 999 },
      { metrics: [] },
    ];
    const hashes = [plan, ...changes.map((change) => ({ ...plan, ...change }))].map(hash);
    expect(new Set(hashes).size).to.equal(changes.length + 1);
  });
});

describe('makeUpdatePlan', () => {
  it('takes 22 bits for 100 clients of equal weight, and fewer for more weight, more clients, a smaller modulus', () => {
    const base = { dimension: 10, maxCohort: 100, clippingNorm: 4 };
    expect(makeUpdatePlan({ ...base, weighting: 'uniform' })).to.deep.include({
      quantizationBits: 22,
      modulusBits: 32,
      maxWeight: 1,
      coordinateBound: 4,
    });
    // 100 * 600 * 2^15 = 1.97e9 < 2^31
    expect(makeUpdatePlan({ ...base, maxExamples: 600 })).to.deep.include({ quantizationBits: 16, maxWeight: 600 });
    // 1000 * 600 * 2^11 = 1.23e9 < 2^31; 100 * 2^16 = 6.55e6 < 2^23 = 8.39e6
    expect(makeUpdatePlan({ ...base, maxCohort: 1000, maxExamples: 600 }).quantizationBits).to.equal(12);
    expect(makeUpdatePlan({ ...base, weighting: 'uniform', modulusBits: 24 }).quantizationBits).to.equal(17);
    // 16-bit words, 100 clients: 100 * 2^8 < 2^15 < 100 * 2^9, so b = 9
    expect(makeUpdatePlan({ ...base, weighting: 'uniform', modulusBits: 16 }).quantizationBits).to.equal(9);
  });

  it('refuses what does not fit with two bits', () => {
    const make = (maxCohort: number) => (): unknown =>
      makeUpdatePlan({ dimension: 1, maxCohort, clippingNorm: 1, weighting: 'uniform', modulusBits: 8 });
    expect(codeOf(make(63))).to.equal('none'); // 63 * 2 < 2^7
    expect(codeOf(make(64))).to.equal('MODULUS_OVERFLOW');
  });

  it('makes the finest plan that holds', () => {
    const options = fc.record({
      dimension: fc.constant(1),
      clippingNorm: fc.double({ min: 1e-3, max: 1e6, noNaN: true }),
      maxCohort: fc.integer({ min: 1, max: 10_000 }),
      modulusBits: fc.integer({ min: 8, max: 32 }),
      maxExamples: fc.integer({ min: 1, max: 100_000 }),
    });
    fc.assert(
      fc.property(options, (each) => {
        const { maxCohort, modulusBits, maxExamples } = each;
        const room = 2 ** (modulusBits - 1) / (maxCohort * maxExamples);
        const code = codeOf(() => makeUpdatePlan(each));
        expect(code).to.equal(room > 2 ? 'none' : 'MODULUS_OVERFLOW');
        if (code !== 'none') return;
        const { quantizationBits } = makeUpdatePlan(each);
        expect(2 ** (quantizationBits - 1)).to.be.lessThan(room);
        if (quantizationBits < 22) expect(2 ** quantizationBits).to.be.at.least(room);
      }),
    );
  });
});

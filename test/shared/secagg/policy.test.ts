import { expect } from 'chai';
import { usualGenerator, type GeneratorName } from '../../../shared/crypto/primitives.ts';
import type { ErrorCode } from '../../../shared/errors.ts';
import { ClientHalf } from '../../../shared/secagg/client-half.ts';
import { type SecAggPlan } from '../../../shared/secagg/plan.ts';
import { defaultPolicy, type SecAggPolicy } from '../../../shared/secagg/policy.ts';
import { checkUpdatePlan, type UpdatePlan } from '../../../shared/updates/plan.ts';
import { codeOf } from '../../helpers/primitives.ts';
import { Aggregation } from '../../helpers/secagg.ts';
import { six } from './support.ts';

describe('a client with a policy', () => {
  const { update, clients } = new Aggregation({ ...six, update: { modulusBits: 24 } });
  const { options } = clients[0]!;
  const refusal = (
    plan: Partial<SecAggPlan>,
    policy: Partial<SecAggPolicy>,
    changed: Partial<UpdatePlan> = {},
    generators: readonly GeneratorName[] = [usualGenerator],
  ): ErrorCode | undefined =>
    codeOf(
      () =>
        new ClientHalf({
          ...options,
          plan: { ...options.plan, ...plan },
          update: { ...update, ...changed },
          policy: { ...defaultPolicy, ...policy },
          generators,
        }),
    );

  it('takes part in the default plan', () => expect(refusal({}, {})).to.equal(undefined));

  it('refuses plans that are weaker, each with a code of its own', () => {
    const weaker: [ErrorCode, Partial<SecAggPlan>, Partial<SecAggPolicy>][] = [
      ['SECAGG_SMALL_COHORT', { minCohort: 4 }, { minCohort: 5 }],
      ['SECAGG_WEAK_THRESHOLD', { completeThreshold: [65, 100] }, {}],
      ['SECAGG_WEAK_THRESHOLD', { completeThreshold: [1, 2] }, {}],
      ['SECAGG_WEAK_GRAPH', { completeUpTo: 99 }, {}],
      ['SECAGG_WEAK_GRAPH', { maxCohort: 101, corrupt: 0.09 }, {}],
      ['SECAGG_WEAK_GRAPH', { maxCohort: 101, sigma: 59 }, {}],
      ['SECAGG_SMALL_MODULUS', {}, { minModulusBits: 25 }],
      ['SECAGG_LOOSE_CLIP', {}, { maxClippingNorm: 0.99 }],
    ];
    for (const [code, plan, policy] of weaker) expect(refusal(plan, policy), JSON.stringify(plan)).to.equal(code);
  });

  it('agrees to plans at the edge of its policy, and leaves alone what does not concern its size', () => {
    const allowed: [Partial<SecAggPlan>, Partial<SecAggPolicy>][] = [
      [{ minCohort: 5 }, { minCohort: 5 }],
      [{ completeThreshold: [2, 3] }, { minThreshold: [66, 99] }],
      [{ completeThreshold: [3, 4] }, {}],
      [{ corrupt: 0, sigma: 20 }, {}], // at most six clients, so the graph is complete
      [{}, { maxClippingNorm: 1, minModulusBits: 24 }],
    ];
    for (const [plan, policy] of allowed) expect(refusal(plan, policy), JSON.stringify(plan)).to.equal(undefined);
  });

  it('refuses masks that it has not offered to make, and a generator that nobody knows', () => {
    const aes = { generator: 'aes-256-ctr' } as const;
    expect(refusal(aes, {}, {}, ['chacha20', 'aes-256-ctr'])).to.equal(undefined);
    expect(refusal(aes, {}, {}, ['chacha20'])).to.equal('BAD_PLAN');
    expect(refusal({}, {}, {}, ['chacha20'])).to.equal(undefined);
    expect(refusal({ generator: 'rc4' as GeneratorName }, {}, {}, ['rc4' as GeneratorName])).to.equal('BAD_PLAN');
  });

  it('refuses update plans that overflow, or that the plan does not name', () => {
    const overflowing = { maxCohort: 1000 };
    expect(codeOf(() => checkUpdatePlan({ ...update, ...overflowing }))).to.equal('MODULUS_OVERFLOW');
    expect(refusal({}, {}, overflowing)).to.equal('MODULUS_OVERFLOW');
    expect(refusal({}, {}, { clippingNorm: 1.5 })).to.equal('BAD_PLAN'); // the hash is another
    expect(refusal({ words: options.plan.words + 1 }, {})).to.equal('BAD_PLAN');
    expect(refusal({ modulusBits: 32 }, {})).to.equal('BAD_PLAN');
    expect(refusal({ maxCohort: 7 }, {})).to.equal('BAD_PLAN');
    expect(refusal({ minCohort: 2 }, { minCohort: 2 })).to.equal('BAD_PLAN'); // no plan sums over fewer than three
  });
});

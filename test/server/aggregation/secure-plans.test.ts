import { expect } from 'chai';
import fc from 'fast-check';
import { checkRunConfig } from '../../../server/config.ts';
import { commonGenerator, securePlans } from '../../../server/aggregation/secure-plans.ts';
import { portable } from '../../../shared/crypto/portable.ts';
import type { GeneratorName } from '../../../shared/crypto/primitives.ts';
import { checkSecAggPlan } from '../../../shared/secagg/plan.ts';
import { checkPolicy, defaultPolicy } from '../../../shared/secagg/policy.ts';
import { checkUpdatePlan } from '../../../shared/updates/plan.ts';
import { native } from '../../helpers/primitives.ts';
import { tinyConfig } from '../../helpers/federation.ts';

const shape = { length: 1_000, named: [{ name: 'local-steps', bound: 1e6 }], clippingNorm: null };

describe('the plans of a secure attempt', () => {
  const configOf = (changes: object) => checkRunConfig(tinyConfig({ secureAggregation: true, ...changes }));

  it('are made for every config that is taken and every cohort, and pass the policy of a client', () => {
    fc.assert(
      fc.property(
        fc.record({
          weighting: fc.constantFrom('examples', 'uniform'),
          maxExamples: fc.integer({ min: 1, max: 1_000_000_000 }),
          maxUpdateNorm: fc.double({ min: 1e-6, max: 1e6, noNaN: true }),
          modulusBits: fc.integer({ min: 16, max: 32 }),
        }),
        fc.integer({ min: 3, max: 10_000 }),
        (changes, cohort) => {
          const { secagg, update, texts, bytes } = securePlans(native, configOf(changes), shape, cohort, 3);
          expect(checkSecAggPlan(JSON.parse(texts.secagg))).to.deep.equal(secagg);
          expect(checkUpdatePlan(JSON.parse(texts.update))).to.deep.equal(update);
          expect(update.maxCohort).to.be.at.least(cohort);
          expect(texts.secagg.length).to.be.at.most(1_024);
          expect(texts.update.length).to.be.at.most(2_048);
          expect(bytes).to.be.within(
            (secagg.words * secagg.modulusBits) / 8,
            (secagg.words * secagg.modulusBits) / 8 + 4,
          );
          checkPolicy(native, secagg, defaultPolicy, update, ['chacha20']); // throws when a client would refuse it
        },
      ),
    );
  });

  it('name AES where the server and all of the cohort have offered it, and else say nothing, as old clients want it', () => {
    const [old, able] = [['chacha20'], ['chacha20', 'aes-256-ctr']] as const;
    expect(commonGenerator(native, [able, able, able])).to.equal('aes-256-ctr');
    expect(commonGenerator(native, [able, old, able])).to.equal('chacha20');
    expect(commonGenerator(native, [able, [], able])).to.equal('chacha20'); // one is away
    expect(commonGenerator(portable, [able, able, able])).to.equal('chacha20');
    const planWith = (generator: GeneratorName) => securePlans(native, configOf({}), shape, 10, 3, generator).secagg;
    expect(planWith('aes-256-ctr')).to.have.property('generator', 'aes-256-ctr');
    expect(planWith('chacha20')).not.to.have.property('generator');
  });

  it('are the same for cohorts of about one size, so that a round without one client has the same context', () => {
    const config = configOf({});
    const hash = (cohort: number): string => {
      const { secagg } = securePlans(native, config, shape, cohort, 3);
      return JSON.stringify(secagg);
    };
    expect(hash(10)).to.equal(hash(9));
    expect(hash(10)).not.to.equal(hash(17));
  });
});

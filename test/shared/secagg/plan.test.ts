import { expect } from 'chai';
import { native } from '../../helpers/primitives.ts';
import { toHex } from '../../../shared/bytes.ts';
import { FederatedError } from '../../../shared/errors.ts';
import { runId } from '../../../shared/ids.ts';
import { contextHash, lengthPrefixed, type RoundContext } from '../../../shared/secagg/context.ts';
import {
  checkSecAggPlan,
  generatorOf,
  makeSecAggPlan,
  secaggPlanHash,
  type SecAggPlan,
} from '../../../shared/secagg/plan.ts';
import { codeOf } from '../../helpers/primitives.ts';

const plan: SecAggPlan = {
  format: 'fedloom-secagg-1',
  minCohort: 3,
  maxCohort: 50,
  completeUpTo: 100,
  completeThreshold: [2, 3],
  corrupt: 0.1,
  dropped: 0.1,
  sigma: 60,
  eta: 20,
  modulusBits: 32,
  words: 1000,
  update: 'ab'.repeat(32),
};

describe('a secure aggregation plan', () => {
  it('is accepted as it is, also after JSON, and made with the defaults', () => {
    expect(checkSecAggPlan(JSON.parse(JSON.stringify(plan)))).to.deep.equal(plan);
    const { maxCohort, modulusBits, words, update } = plan;
    expect(makeSecAggPlan({ maxCohort, modulusBits, words, update })).to.deep.equal(plan);
    expect(makeSecAggPlan({ maxCohort, modulusBits, words, update, sigma: 40 }).sigma).to.equal(40);
  });

  it('is refused with the name of the field that is wrong', () => {
    const wrong: [object, RegExp][] = [
      [{ format: 'fedloom-secagg-2' }, /^secagg plan: format/],
      [{ minCohort: 2 }, /^secagg plan: minCohort/],
      [{ minCohort: 51 }, /^secagg plan: minCohort 51 is larger than maxCohort 50/],
      [{ maxCohort: 10_001 }, /^secagg plan: maxCohort/],
      [{ maxCohort: 3.5 }, /^secagg plan: maxCohort/],
      [{ completeUpTo: 256 }, /^secagg plan: completeUpTo/],
      [{ completeThreshold: [1, 3] }, /^secagg plan: completeThreshold/],
      [{ completeThreshold: [3, 3] }, /^secagg plan: completeThreshold/],
      [{ completeThreshold: [2, 3, 4] }, /^secagg plan: completeThreshold/],
      [{ corrupt: 1 }, /^secagg plan: corrupt/],
      [{ dropped: -0.1 }, /^secagg plan: dropped/],
      [{ corrupt: Number.NaN }, /^secagg plan: corrupt/],
      [{ sigma: 19 }, /^secagg plan: sigma/],
      [{ eta: 0 }, /^secagg plan: eta/],
      [{ modulusBits: 33 }, /^secagg plan: modulusBits/],
      [{ words: 0 }, /^secagg plan: words/],
      [{ update: 'AB'.repeat(32) }, /^secagg plan: update/],
      [{ generator: 'aes-128-ctr' }, /^secagg plan: generator/],
      [{ generator: undefined }, /^secagg plan: generator/],
      [{ extra: 1 }, /^secagg plan: extra/],
    ];
    for (const [change, message] of wrong) {
      expect(() => checkSecAggPlan({ ...plan, ...change }), JSON.stringify(change))
        .to.throw(FederatedError, message)
        .with.property('code', 'BAD_PLAN');
    }
    for (const value of [null, undefined, 7, 'plan', []]) {
      expect(codeOf(() => checkSecAggPlan(value))).to.equal('BAD_PLAN');
    }
  });

  it('names no generator for ChaCha20, and keeps that form, which old clients have', () => {
    expect(checkSecAggPlan(plan)).not.to.have.property('generator');
    expect(generatorOf(plan)).to.equal('chacha20');
    expect(generatorOf({ ...plan, generator: 'aes-256-ctr' })).to.equal('aes-256-ctr');
  });

  it('has a hash that every field changes, and their order does not', () => {
    const hash = (value: SecAggPlan): string => toHex(secaggPlanHash(native, value));
    expect(hash(Object.fromEntries(Object.entries(plan).toReversed()) as SecAggPlan)).to.equal(hash(plan));
    const changes: Partial<SecAggPlan>[] = [
      { minCohort: 4 },
      { maxCohort: 51 },
      { completeUpTo: 99 },
      { completeThreshold: [3, 4] },
      { corrupt: 0.2 },
      { dropped: 0.2 },
      { sigma: 61 },
      { eta: 21 },
      { modulusBits: 31 },
      { words: 1001 },
      { update: 'ac'.repeat(32) },
      { generator: 'aes-256-ctr' },
    ];
    expect(new Set([plan, ...changes.map((change) => ({ ...plan, ...change }))].map(hash)).size).to.equal(13);
  });
});

describe('the context of an attempt', () => {
  const context: RoundContext = {
    run: runId('run-a'),
    round: 1,
    attempt: 2,
    model: new Uint8Array(32).fill(3),
    plan: new Uint8Array(32).fill(4),
  };

  it('is another for another run, round, attempt, model or plan', () => {
    const changes: Partial<RoundContext>[] = [
      {},
      { run: runId('run-b') },
      { round: 2 },
      { attempt: 1 },
      { round: 2, attempt: 1 },
      { model: context.plan },
      { plan: context.model },
      { model: context.plan, plan: context.model },
    ];
    const hashes = changes.map((change) => toHex(contextHash(native, { ...context, ...change })));
    expect(new Set(hashes).size).to.equal(changes.length);
    expect(hashes[0]).to.match(/^[0-9a-f]{64}$/);
  });

  it('has numbers below 2^32 and hashes of 32 bytes', () => {
    const wrong: Partial<RoundContext>[] = [
      { round: -1 },
      { round: 2 ** 32 },
      { round: 1.5 },
      { attempt: Number.NaN },
      { attempt: 2 ** 32 },
      { model: new Uint8Array(31) },
      { plan: new Uint8Array(33) },
    ];
    for (const change of wrong)
      expect(codeOf(() => contextHash(native, { ...context, ...change }))).to.equal('BAD_ARGUMENT');
    expect(codeOf(() => contextHash(native, { ...context, round: 2 ** 32 - 1, attempt: 2 ** 32 - 1 }))).to.equal(
      undefined,
    );
  });

  it('is over parts with their lengths, so that no two lists of parts give the same bytes', () => {
    expect(lengthPrefixed(Uint8Array.of(7, 8), Uint8Array.of())).to.deep.equal(
      Uint8Array.of(2, 0, 0, 0, 7, 8, 0, 0, 0, 0),
    );
    expect(lengthPrefixed(Uint8Array.of(7), Uint8Array.of(8))).to.deep.equal(
      Uint8Array.of(1, 0, 0, 0, 7, 1, 0, 0, 0, 8),
    );
  });
});

import { seeded } from '../../../shared/random.ts';
import type { SecAggPolicy } from '../../../shared/secagg/policy.ts';

/** What the page and the test both have. */

/** Some tiles and a broken block. */
const length = 40_003;

export function seededValues() {
  const draw = (name: string): Uint32Array => Uint32Array.from({ length }, seeded('browser', name).u32);
  return {
    words: draw('words'),
    terms: draw('terms'),
    values: Float32Array.from(draw('values'), (word) => word / 2 ** 30 - 2),
    key: new Uint8Array(draw('key').buffer.slice(0, 32)),
  };
}

/** A client's policy that takes any plan. */
export const anyPlan: SecAggPolicy = {
  minCohort: 3,
  minThreshold: [1, 2],
  minCompleteUpTo: 0,
  minCorrupt: 0,
  minSigma: 0,
  minModulusBits: 8,
  maxClippingNorm: Infinity,
};

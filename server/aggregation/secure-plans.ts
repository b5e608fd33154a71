import { toHex } from '../../shared/bytes.ts';
import { usualGenerator, type GeneratorName, type Primitives } from '../../shared/crypto/primitives.ts';
import { makeSecAggPlan, maxClients, type SecAggPlan } from '../../shared/secagg/plan.ts';
import { canonicalJson } from '../../shared/tasks/task.ts';
import { wordLayout } from '../../shared/updates/layout.ts';
import { packedLength, unpack } from '../../shared/updates/pack.ts';
import { makeUpdatePlan, updatePlanHash, type UpdatePlan } from '../../shared/updates/plan.ts';
import type { RunConfig } from '../config.ts';
import type { UpdateShape } from './update-shape.ts';

/** The two plans that everyone in an attempt with secure aggregation follows, and their texts as they travel. */
export interface SecurePlans {
  readonly secagg: SecAggPlan;
  readonly update: UpdatePlan;
  readonly texts: { readonly secagg: string; readonly update: string };
  /** Of a masked vector on the wire. */
  readonly bytes: number;
  unpack(bytes: Uint8Array): Uint32Array;
}

/**
 * What the masks of an attempt are made with: AES where everyone has offered it, the server too, since all have to make the
 * same masks; else ChaCha20, which everyone has.
 * @param offers - of each client of the cohort; of one that is away nothing is known, and so nothing is asked
 */
export const commonGenerator = (
  { keystreams }: Pick<Primitives, 'keystreams'>,
  offers: readonly (readonly GeneratorName[])[],
): GeneratorName =>
  keystreams['aes-256-ctr'] !== undefined && offers.every((each) => each.includes('aes-256-ctr'))
    ? 'aes-256-ctr'
    : usualGenerator;

/** Far beyond what a coordinate moves in one round of any task here, and fine enough: see the README of shared/updates. */
const defaultCoordinateBound = 8;
/** Steps of an unweighted coordinate to either side at least: what a heavier weight would leave fewer of is cut off. */
const leastSteps = 8;
/** A mean loss beyond does not take part in the mean. */
const maxLoss = 1e6;

/**
 * @param shape - of a report
 * @param cohort - clients picked; the modulus has room for so many
 * @param least - fewest clients whose sum is ever unmasked, 3 or more
 * @param generator - of masks
 * @throws FederatedError MODULUS_OVERFLOW, BAD_PLAN where the config leaves no room: never for one that `checkRunConfig` took
 */
export function securePlans(
  primitives: Pick<Primitives, 'sha256'>,
  config: Pick<RunConfig, 'weighting' | 'maxExamples' | 'maxUpdateNorm' | 'coordinateBound' | 'modulusBits'>,
  shape: UpdateShape,
  cohort: number,
  least: number,
  generator: GeneratorName = usualGenerator,
): SecurePlans {
  // Powers of two, so that cohorts of about one size have the same plan.
  const maxCohort = Math.min(maxClients, 2 ** Math.ceil(Math.log2(Math.max(4, cohort))));
  const { weighting, maxExamples, maxUpdateNorm, modulusBits = 32 } = config;
  const clippingNorm = Math.min(shape.clippingNorm ?? Infinity, maxUpdateNorm);
  const coordinateBound = Math.min(config.coordinateBound ?? defaultCoordinateBound, clippingNorm);
  const update = makeUpdatePlan({
    dimension: shape.length,
    maxCohort,
    clippingNorm,
    coordinateBound,
    modulusBits,
    weighting,
    maxExamples,
    maxWeight: weighting === 'uniform' ? 1 : Math.min(maxExamples, roomForWeight(modulusBits, maxCohort)),
    metrics: [
      { name: 'loss', bound: Math.min(maxLoss, roomForMetric(maxCohort, maxExamples)) },
      { name: 'accuracy', bound: 1 },
      ...shape.named.map(({ name, bound }) => ({
        name,
        bound: Math.min(bound, roomForMetric(maxCohort, maxExamples)),
        withUpdate: true as const,
      })),
    ],
  });
  const { words } = wordLayout(update);
  const secagg = makeSecAggPlan({
    minCohort: least,
    maxCohort,
    modulusBits,
    words,
    ...(generator === usualGenerator ? {} : { generator }), // old clients know no such field
    update: toHex(updatePlanHash(primitives, update)),
  });
  return {
    secagg,
    update,
    texts: { secagg: canonicalJson(secagg), update: canonicalJson(update) },
    bytes: packedLength(words, modulusBits),
    unpack: (bytes) => unpack(bytes, words, modulusBits),
  };
}

/** The largest weight for which a coordinate still has `leastSteps` to either side. */
const roomForWeight = (modulusBits: number, maxCohort: number): number =>
  Math.max(1, Math.min(1_000_000, Math.floor((2 ** (modulusBits - 1) - 1) / (maxCohort * leastSteps))));

/** The largest bound for which the sum over all clients is exact in float64. */
const roomForMetric = (maxCohort: number, maxExamples: number): number => 2 ** 51 / (maxCohort * maxExamples);

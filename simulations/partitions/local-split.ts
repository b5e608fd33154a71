import { FederatedError } from '../../shared/errors.ts';
import type { Random } from '../../shared/random.ts';
import { apportion } from './cut.ts';
import { concat, shuffledClasses } from './partitioner.ts';

/** Each client's examples for training, and those that it keeps to measure a model with. */
export interface LocalSplit {
  readonly train: Uint32Array[];
  /** Empty for a client with one example. */
  readonly test: Uint32Array[];
}

/**
 * Splits every client's own examples into training and test, for federated evaluation. Where there are labels, each class of a
 * client is in its tests as often as the fraction says (a difference of less than one example). Of two or more examples at
 * least one goes each way. Lists are ascending.
 * @param fraction - for tests, above 0 and below 1
 * @throws FederatedError BAD_ARGUMENT
 */
export function splitLocally(
  partition: readonly Uint32Array[],
  labels: Int32Array | null,
  fraction: number,
  random: Random,
): LocalSplit {
  if (!(fraction > 0 && fraction < 1)) {
    throw new FederatedError('BAD_ARGUMENT', `local test fraction: a number above 0 and below 1, got ${fraction}`);
  }
  const both = partition.map((own) => {
    const count = own.length < 2 ? 0 : Math.min(own.length - 1, Math.max(1, Math.round(own.length * fraction)));
    const kinds = shuffledClasses(labels === null ? new Int32Array(own.length) : labelsOf(own, labels), random);
    const tests = apportion(
      kinds.map(({ length }) => length),
      count,
      0,
    );
    const pick = (part: (kind: Uint32Array, tests: number) => Uint32Array): Uint32Array =>
      concat(kinds.map((kind, i) => part(kind, tests[i]!)))
        .map((place) => own[place]!)
        .sort();
    return { train: pick((kind, n) => kind.subarray(n)), test: pick((kind, n) => kind.subarray(0, n)) };
  });
  return { train: both.map(({ train }) => train), test: both.map(({ test }) => test) };
}

const labelsOf = (own: Uint32Array, labels: Int32Array): Int32Array =>
  Int32Array.from(own, (example) => labels[example]!);

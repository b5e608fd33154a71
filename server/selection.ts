import type { ClientId, RunId } from '../shared/ids.ts';
import { seeded } from '../shared/random.ts';
import { minSecureCohort, type RunConfig } from './config.ts';

export interface Selection {
  /** In order of client id. */
  readonly cohort: readonly ClientId[];
  /** So many reports close the round; the cohort may be larger (over-selection). */
  readonly wanted: number;
}

/**
 * Picks a round's cohort uniformly at random from the ready clients. The same seed, run, round, attempt and ready clients
 * (in any order) give the same cohort.
 * @returns null while fewer clients are ready than the run needs to start a round
 */
export function select(
  config: Pick<
    RunConfig,
    'seed' | 'minClients' | 'clientsPerRound' | 'clientFraction' | 'overselect' | 'secureAggregation'
  >,
  where: { readonly run: RunId; readonly round: number; readonly attempt: number },
  ready: readonly ClientId[],
): Selection | null {
  if (ready.length < Math.max(config.minClients, config.clientsPerRound ?? 1)) return null;
  const fraction = config.clientFraction ?? 1;
  const least = config.secureAggregation === true ? minSecureCohort : 1;
  const wanted = config.clientsPerRound ?? Math.max(least, Math.round(fraction * ready.length));
  const size = Math.min(ready.length, Math.ceil(wanted * config.overselect));
  const random = seeded(config.seed, 'select', where.run, where.round, where.attempt);
  const cohort = random.shuffled(ready.toSorted()).slice(0, size).toSorted();
  return { cohort, wanted };
}

/**
 * The fewest reports that make a round: as configured, else half of those wanted, rounded up; in a secure run at least three.
 * @param needed - by the strategy, at least
 */
export function minReportsOf(
  config: Pick<RunConfig, 'minReports' | 'secureAggregation'>,
  wanted: number,
  needed = 1,
): number {
  const least = Math.max(needed, Math.min(wanted, config.minReports ?? Math.ceil(wanted / 2)));
  return config.secureAggregation === true ? Math.max(minSecureCohort, least) : least;
}

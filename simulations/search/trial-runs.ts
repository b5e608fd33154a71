import { FederatedError } from '../../shared/errors.ts';
import type { Load } from '../prepare.ts';
import { seriesOf } from '../reports/headline.ts';
import { isRunFolder, readFolder } from '../reports/read-folder.ts';
import { committed } from '../reports/run-record.ts';
import type { SimulatedRound } from '../result.ts';
import { runSimulation } from '../run-simulation.ts';
import type { SimulationOptions } from '../simulate-options.ts';

export interface TrialHooks {
  readonly metric: string;
  readonly signal: AbortSignal;
  readonly load: Load;
  readonly onRound?: (round: SimulatedRound) => void;
  /** A trial cannot go on; it counts as the worst. */
  readonly onFailure?: (error: FederatedError) => void;
}

/**
 * Brings the run in a folder to a round, from where it stands, and says what it had measured then. A trial is one run of all rounds
 * that is stopped at each rung: going on costs no round twice, and a search that was interrupted goes on in the same way.
 * @param options - with `out`, and the `rounds` of the last rung
 * @returns null when it failed, or the last value is no finite number
 * @throws FederatedError what the settings are refused with, BAD_ARGUMENT for a metric that the run does not measure
 */
export async function bringTo(
  options: SimulationOptions & { readonly out: string; readonly rounds: number },
  rounds: number,
  { metric, signal, load, onRound, onFailure }: TrialHooks,
): Promise<number | null> {
  const before = await readIf(options.out);
  if (before === null || (committed(before).at(-1)?.round ?? 0) < rounds) {
    const enough = new AbortController();
    try {
      await runSimulation(options, {
        onRound(round) {
          onRound?.(round);
          const isThere = round.round >= rounds && round.result !== 'abandoned';
          if (isThere && rounds < options.rounds) enough.abort(); // the last rung ends by itself, with a result
        },
        signal: AbortSignal.any([signal, enough.signal]),
        load,
      });
    } catch (thrown) {
      if (signal.aborted || !(thrown instanceof FederatedError)) throw thrown;
      if (!enough.signal.aborted) {
        if ((await readIf(options.out)) === null) throw thrown; // it never began: the settings are wrong
        onFailure?.(thrown);
        return null;
      }
    }
  }
  const run = await readFolder(options.out);
  const soFar = committed(run).filter(({ round }) => round <= rounds);
  if (soFar.at(-1)?.missing.includes(metric) === true) return null;
  const last = seriesOf({ rounds: soFar }, metric).at(-1);
  if (last !== undefined) return last.value;
  const known = [...new Set(soFar.flatMap(({ values }) => Object.keys(values)))].toSorted().join(', ');
  throw new FederatedError('BAD_ARGUMENT', `search: metric: after ${rounds} rounds no ${metric} is measured; known are ${known}`); // prettier-ignore
}

const readIf = async (folder: string): Promise<Awaited<ReturnType<typeof readFolder>> | null> =>
  (await isRunFolder(folder)) ? readFolder(folder) : null;

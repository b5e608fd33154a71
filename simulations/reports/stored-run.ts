import type { RunConfig } from '../../server/config.ts';
import type { RunView } from '../../server/operations.ts';
import { lineOf } from '../../server/run-folder/round-lines.ts';
import type { StoredRound } from '../../server/store/store.ts';
import { roundOf, type RunRecord } from './run-record.ts';

/** A run as a server or its store holds it. @param source - the server's address, or the data folder */
export function recordOfStored(
  view: RunView,
  config: RunConfig,
  rounds: readonly StoredRound[],
  source: string,
): RunRecord {
  return {
    name: view.id,
    source,
    state: view.state,
    startedAt: rounds[0]?.record.startedAt ?? view.createdAt,
    config,
    env: null,
    rounds: rounds.map((stored) => roundOf(lineOf(stored), `${source}, record ${stored.record.sequence}`)),
    clients: [],
    notes: ['Read from the store: the machine that the run was on is not known.'],
  };
}

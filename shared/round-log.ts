import { sha256 } from '@noble/hashes/sha2.js';
import { toHex, utf8 } from './bytes.ts';
import type { ClientId, RunId, Sha256 } from './ids.ts';
import type { RoundResult } from './states.ts';
import { canonicalJson } from './tasks/task.ts';

/**
 * The log of a run: one record for each attempt that ended, each with the hash of the one before, so that anyone who
 * knows the newest hash can check that nothing earlier was changed, dropped or put in.
 */
export interface RoundRecord {
  readonly run: RunId;
  /** 1, 2, 3 ... over all attempts of the run. */
  readonly sequence: number;
  readonly round: number;
  readonly attempt: number;
  readonly result: RoundResult;
  /** Why it was abandoned; empty otherwise. */
  readonly reason: string;
  readonly task: Sha256;
  /** The model that clients trained from, and the model after. Equal when abandoned. */
  readonly weightsBefore: Sha256;
  readonly weightsAfter: Sha256;
  /** Whether the server saw the sum of the reports only. */
  readonly secureAggregation: boolean;
  /**
   * Who was selected, and the ledger: whose reports are in the sum, with their examples (null under secure aggregation, which
   * hides them); both in order of client id. In an asynchronous run also the round whose model the report started from
   * (`weightsBefore` of that round's record), `round` or an earlier one: the difference is its staleness.
   */
  readonly cohort: readonly ClientId[];
  readonly reports: readonly {
    readonly client: ClientId;
    readonly examples: number | null;
    readonly basedOn?: number;
  }[];
  /** ms since 1970, by the server's clock. */
  readonly startedAt: number;
  readonly endedAt: number;
  /** Hash of the record before; 64 zeros for the first. */
  readonly previous: string;
  /** SHA-256 of the canonical JSON of everything above. */
  readonly hash: string;
}

export const firstPrevious = '0'.repeat(64);

export function sealRecord(content: Omit<RoundRecord, 'hash'>): RoundRecord {
  return { ...content, hash: toHex(sha256(utf8(canonicalJson(content)))) };
}

/** The index of the first record that breaks the chain, or -1 when all hold. */
export function findBreak(records: readonly RoundRecord[]): number {
  let previous = firstPrevious;
  return records.findIndex((record, index) => {
    const { hash, ...content } = record;
    const holds = record.previous === previous && record.sequence === index + 1 && sealRecord(content).hash === hash;
    previous = hash;
    return !holds;
  });
}

import type { ClientId, RunId, Sha256 } from '../../shared/ids.ts';
import type { RunConfig } from '../config.ts';
import type { Bases } from '../open-cohort.ts';
import type { Strategy } from '../strategies/strategy.ts';

/** What an attempt is about. */
export interface AttemptPlan {
  readonly run: RunId;
  readonly round: number;
  readonly attempt: number;
  readonly config: RunConfig;
  readonly strategy: Strategy;
  readonly task: Sha256;
  readonly taskBytes: number;
  readonly weights: Sha256;
  /** d */
  readonly length: number;
  /** The strategy's state, where clients are given it; null before the first round. */
  readonly control: Sha256 | null;
  /** Clients of its cohort that are at work from an earlier attempt; none in a synchronous run. */
  readonly bases: Bases;
}

/** Which attempt a message is about. */
export interface MessageWhere {
  readonly run: string;
  readonly round: number;
  readonly attempt: number;
}

/**
 * The reports that are in the sum: whose, with how many examples where that can be known, and in an asynchronous run the round
 * whose client it was.
 */
export type Ledger = ReadonlyMap<ClientId, { readonly examples: number | null; readonly basedOn?: number }>;

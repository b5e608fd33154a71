import type { UpdateSet, UpdateSum } from '../strategies/strategy.ts';
import type { UpdateCheck } from '../uploads/update-check.ts';
import type { Upload } from '../uploads/uploads.ts';

/** What became of a whole update. */
export interface Added {
  /** Resolves when it is in the sum and its bytes are no longer needed; null when that is so already. */
  readonly done: Promise<void> | null;
  /** What its client has trained on, where that can be known. */
  readonly examples: number | null;
  /** What else the operator may see of it. */
  readonly seen: Readonly<Record<string, unknown>>;
}

/** What the record of a round needs of its reports. */
export interface ClosedRound {
  readonly reports: number;
  /** Sum of the examples. */
  readonly examples: number;
  /** Means over the clients, weighted by examples (those that belong to the update as it is): `train/loss`, ... */
  metricMeans(): Record<string, number>;
}

/** The sums of a round that takes no more reports: all that a strategy and the record of the round need. */
export interface ClosedSum extends UpdateSum, ClosedRound {}

/** The updates of a round that takes no more reports, one by one. */
export interface ClosedSet extends UpdateSet, ClosedRound {}

/** What a strategy and the record of the round need of its reports. */
export type ClosedReports = ClosedSum | ClosedSet;

/** Where the reports of an attempt are added: in clear, kept one by one, or masked. */
export interface Aggregation {
  readonly encoding: 'float32' | 'masked';
  /** Length of an update on the wire. */
  readonly bytes: number;
  newCheck(): UpdateCheck;
  /**
   * Adds a whole update.
   * @param factor - it is multiplied by, where that differs from 1
   * @throws FederatedError when it cannot be taken any more
   */
  add(upload: Upload, factor?: number): Added;
  /** The sums, or the updates themselves, once no more reports come. */
  close(): Promise<ClosedReports>;
  /** Ends without a sum; resolves when no memory is in use any more. */
  abandon(): Promise<void>;
}

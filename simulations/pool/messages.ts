import type { Examples, Measured } from '../../shared/engine/engine.ts';
import type { Adjustments, LocalUpdate } from '../../shared/engine/training.ts';
import type { ErrorCode } from '../../shared/errors.ts';
import type { ModelSpec } from '../../shared/tasks/model.ts';
import type { TrainingPlan } from '../../shared/tasks/task.ts';

/** Between a simulation and the threads of its pool. Everything large lies in shared memory and is sent by reference. */

/** Which examples: from `from` to `to` (exclusive) of a set, or of the index lists into it. */
export interface Rows {
  readonly set: 'train' | 'test' | 'aim';
  /** True: `from` and `to` are places in the index lists of the set. */
  readonly listed: boolean;
  readonly from: number;
  readonly to: number;
}

/** Examples in shared memory, and the index lists of all clients one after the other. */
export interface SharedSet extends Examples {
  readonly lists: Uint32Array;
}

export interface PoolSetup {
  readonly model: ModelSpec;
  readonly backend: string;
  readonly train: SharedSet;
  readonly test: SharedSet | null;
  /** What an attack wants: examples with its labels. */
  readonly aim: SharedSet | null;
}

export interface TrainJob {
  readonly type: 'train';
  readonly rows: Rows;
  /** length d, in shared memory; never written */
  readonly weights: Float32Array;
  readonly plan: TrainingPlan;
  readonly round: number;
  readonly seed: number | string;
  readonly adjust?: Adjustments | undefined;
  /** Memory for the delta, length d: it comes back with the result. */
  readonly into?: Float32Array | undefined;
}
export interface EvaluateJob {
  readonly type: 'evaluate';
  readonly rows: Rows;
  readonly weights: Float32Array;
  /** Shared memory for the class that each of the examples gets. */
  readonly predicted?: Int32Array | undefined;
}
export type PoolJob = TrainJob | EvaluateJob;

export type PoolRequest = (PoolJob & { readonly id: number }) | { readonly type: 'abort'; readonly id: number };

export type PoolAnswer =
  | { readonly type: 'ready'; readonly backend: string }
  | { readonly type: 'unable'; readonly code: ErrorCode; readonly message: string }
  | { readonly type: 'trained'; readonly id: number; readonly result: LocalUpdate }
  | { readonly type: 'measured'; readonly id: number; readonly result: Measured }
  | { readonly type: 'failed'; readonly id: number; readonly code: ErrorCode; readonly message: string };

import type { Examples } from '../shared/engine/engine.ts';
import type { Adjustments } from '../shared/engine/training.ts';
import type { Task } from '../shared/tasks/task.ts';

/** What one round's local training is given. */
export interface TrainRequest {
  readonly task: Task;
  /** The global model, length d. Not to be changed. */
  readonly weights: Float32Array;
  readonly round: number;
  /** Seeds the order of the batches, with the round: same seed, same bytes. */
  readonly seed: number | string;
  /** What the run's algorithm changes of plain training; only for a trainer that `adjusts`. */
  readonly adjust?: Adjustments | undefined;
  readonly signal: AbortSignal;
  /** Called now and then with the part that is done, 0 to 1. */
  readonly onProgress: (fraction: number) => void;
}

export interface TrainResult {
  /** New weights minus `weights`, length d. */
  readonly delta: Float32Array;
  /** The examples trained on: the weight of this update. */
  readonly examples: number;
  /** `loss` and other named numbers, finite. */
  readonly metrics: Readonly<Record<string, number>>;
}

/** Local training. The default runs our engine in a worker; a custom one is an object or a module with these functions. */
export interface Trainer {
  /** Shown to the server and to people. */
  readonly backend: string;
  /**
   * For a trainer that has its examples already, as in a simulation: how many there are for a task. Then the app's `data` is not
   * asked, and nothing is handed over.
   */
  holds?(task: Task): number;
  /** It does what `adjust` says. Without it, runs whose algorithm needs that are refused. */
  readonly adjusts?: boolean;
  /**
   * What `train` returns lies in memory that the trainer never reads or writes again. Without it updates are copied, since they
   * are overwritten once they are no longer needed.
   */
  readonly handsOver?: boolean;
  /** Hands over the local data, before the first `train`. @throws FederatedError BAD_DATA when it does not fit the task */
  load(task: Task, examples: Examples): Promise<void>;
  /** @throws FederatedError TRAINING_FAILED, NO_BACKEND or ABORTED */
  train(request: TrainRequest): Promise<TrainResult>;
  /** Frees worker and memory. */
  close(): Promise<void>;
}

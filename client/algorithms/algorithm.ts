import type { Adjustments } from '../../shared/engine/training.ts';
import type { Task } from '../../shared/tasks/task.ts';
import type { TrainResult } from '../trainer.ts';

/** What a client's part of an algorithm is given for one round. */
export interface RoundContext {
  readonly task: Task;
  readonly round: number;
  /** The global model, length d. Not to be changed. */
  readonly weights: Float32Array;
  /** What the server's strategy tells its clients beside the model, length d; null before it has something to tell. */
  readonly control: Float32Array | null;
  /** What this client has kept since its last report that counted, or null. Not to be changed. */
  readonly own: Float32Array | null;
  /** Trains on this client's examples. */
  train(request?: {
    /** Default: the global model. */
    readonly weights?: Float32Array;
    readonly adjust?: Adjustments;
    /** Default: the task's. */
    readonly localEpochs?: number;
    /** Trainings of one round with different names take the examples in different orders. */
    readonly name?: string;
  }): Promise<TrainResult>;
}

/** What it makes of the round. */
export interface RoundResult {
  /** What is reported: one vector of length d or several one after the other. */
  readonly update: Float32Array;
  readonly examples: number;
  readonly metrics: Readonly<Record<string, number>>;
  /** To be kept on this device if the report counts; null: nothing. */
  readonly own: Float32Array | null;
}

/** A client's part of a federated algorithm: a pure function but for the training that it asks for. */
export interface Algorithm {
  /** Needs a trainer that adjusts its steps. */
  readonly adjusts: boolean;
  run(context: RoundContext): Promise<RoundResult>;
  /** This client's own model, where it has one beside the global model: length d. */
  personal?(task: Task, weights: Float32Array, own: Float32Array | null): Float32Array;
}

/** What stays on the device, where it is of the expected length: what another plan has left is of no use. */
export const ownOf = (own: Float32Array | null, length: number): Float32Array | null =>
  own?.length === length ? own : null;

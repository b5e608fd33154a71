import type { Examples } from '../shared/engine/engine.ts';
import type { Adjustments } from '../shared/engine/training.ts';
import type { ErrorCode } from '../shared/errors.ts';
import type { Task } from '../shared/tasks/task.ts';
import type { TrainResult } from './trainer.ts';

/**
 * Between a page or process and its training worker. Each side is our own code, of the same version, so the messages are
 * typed and not checked. A request has a number; its answers carry the same number.
 */
export type WorkerRequest =
  | {
      readonly type: 'load';
      readonly id: number;
      readonly task: Task;
      readonly examples: Examples;
      readonly backend: string;
      readonly wasmPath: string | undefined;
      /** URL of a module with a `train` function that takes the engine's place. */
      readonly module: string | undefined;
    }
  | {
      readonly type: 'train';
      readonly id: number;
      readonly task: Task;
      /** Its memory moves to the worker. */
      readonly weights: Float32Array;
      readonly round: number;
      readonly seed: number | string;
      readonly adjust: Adjustments | undefined;
    }
  | { readonly type: 'abort'; readonly id: number };

export type WorkerAnswer =
  | { readonly type: 'loaded'; readonly id: number; readonly backend: string }
  | { readonly type: 'progress'; readonly id: number; readonly fraction: number }
  | { readonly type: 'trained'; readonly id: number; readonly result: TrainResult }
  | { readonly type: 'failed'; readonly id: number; readonly code: ErrorCode; readonly message: string };

export interface WorkerEvents {
  readonly message: (answer: WorkerAnswer) => void;
  readonly died: (reason: string) => void;
}

/** A worker as the trainer sees it: of Node, of a browser, or of a test. */
export interface WorkerPort {
  /** @param transfer - buffers whose memory moves to the worker */
  post(message: WorkerRequest, transfer: readonly ArrayBuffer[]): void;
  /** Called once, before the first `post`. `died` is called at most once, when the worker ends or breaks by itself. */
  listen(events: WorkerEvents): void;
  /** Ends the worker at once. */
  terminate(): Promise<void>;
}

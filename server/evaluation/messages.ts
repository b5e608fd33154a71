import type { Examples, Measured } from '../../shared/engine/engine.ts';
import type { ErrorCode } from '../../shared/errors.ts';
import type { ModelSpec } from '../../shared/tasks/model.ts';

/** Between the server and its evaluation thread. Answers come in the order of the requests. */
export interface EvaluationSetup {
  readonly examples: Examples;
  readonly backend: string;
}
export interface EvaluationRequest {
  readonly model: ModelSpec;
  /** Its memory moves to the thread. */
  readonly weights: Float32Array;
}
export type EvaluationAnswer =
  | { readonly type: 'measured'; readonly measured: Measured }
  | { readonly type: 'failed'; readonly code: ErrorCode; readonly message: string };

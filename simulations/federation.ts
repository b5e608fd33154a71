import type { EventLog } from '../server/event-log.ts';
import type { Operations } from '../server/operations.ts';
import type { ErrorCode } from '../shared/errors.ts';
import type { RunId, Sha256 } from '../shared/ids.ts';
import type { Task } from '../shared/tasks/task.ts';

/** A federation of simulated clients around a server, over one transport or another. */
export interface SimulatedFederation {
  readonly events: EventLog;
  readonly operations: Pick<Operations, 'run' | 'runs' | 'rounds' | 'create' | 'resume'>;
  /** Goes on with the runs that the store holds. Clients are there, and ready, when it resolves. */
  start(): Promise<void>;
  /** Lets things happen until it is over. @throws FederatedError when nothing can go on */
  play(isOver: () => boolean): Promise<void>;
  /** A model that the newest round has made, or begun from. */
  model(id: Sha256): Promise<Float32Array>;
  /** What a client makes of a global model, where the run's algorithm gives each a model of its own. Absent: it cannot be asked. */
  personal?(client: number, run: RunId, task: Task, weights: Float32Array): Promise<Float32Array>;
  /** Bytes of updates from clients, and of models to them. */
  traffic(): { readonly up: number; readonly down: number };
  /** The newest thing that went wrong at a client, or null. */
  problem(): { readonly client: number; readonly code: ErrorCode; readonly message: string } | null;
  close(): Promise<void>;
}

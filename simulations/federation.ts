import type { EventLog } from '../server/event-log.ts';
import type { Operations } from '../server/operations.ts';
import type { ErrorCode } from '../shared/errors.ts';

/** A federation of simulated clients around a server, over one transport or another. */
export interface SimulatedFederation {
  readonly events: EventLog;
  readonly operations: Pick<Operations, 'run' | 'runs' | 'rounds' | 'config' | 'create' | 'stop'>;
  /** Goes on with the runs that the store holds. Clients are there, and ready, when it resolves. */
  start(): Promise<void>;
  /** Lets things happen until it is over. @throws FederatedError when nothing can go on */
  play(isOver: () => boolean): Promise<void>;
  /** Bytes of updates from clients, and of models to them. */
  traffic(): { readonly up: number; readonly down: number };
  /** The newest thing that went wrong at a client, or null. */
  problem(): { readonly client: number; readonly code: ErrorCode; readonly message: string } | null;
  close(): Promise<void>;
}

import type { Identity } from '../../shared/crypto/identity.ts';
import type { Primitives, RandomBytes } from '../../shared/crypto/primitives.ts';
import type { FederatedError } from '../../shared/errors.ts';
import type { ClientId } from '../../shared/ids.ts';
import type { Limits } from '../../shared/protocol/limits.ts';
import type { ClientMessage, MessageOf, ServerMessage } from '../../shared/protocol/messages.ts';
import type { Clock, Log } from '../host.ts';
import type { Metrics } from '../metrics.ts';
import type { Connection } from './connection.ts';
import type { SessionHandler } from './session.ts';

/** What every connection of a gateway shares. */
export interface GatewayContext {
  readonly primitives: Primitives;
  readonly identity: Identity;
  readonly randomBytes: RandomBytes;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly handler: SessionHandler;
  /** @throws FederatedError when the client may not take part */
  admit(auth: MessageOf<ClientMessage, 'auth'>, transcript: Uint8Array): Promise<ClientId>;
  welcome(connection: Connection, ticket: Uint8Array | undefined): ServerMessage;
  opened(connection: Connection): void;
  closed(connection: Connection, id: ClientId | null): void;
  refused(connection: Connection, error: FederatedError): void;
}

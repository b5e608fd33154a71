import type { GeneratorName } from '../../shared/crypto/primitives.ts';
import type { ErrorCode } from '../../shared/errors.ts';
import type { ClientId } from '../../shared/ids.ts';
import type { ClientMessage, ServerMessage } from '../../shared/protocol/messages.ts';

/** An open, authenticated connection of one client, as the coordinator sees it. */
export interface Session {
  readonly id: ClientId;
  readonly label: string;
  readonly backend: string;
  readonly software: string;
  /** What the client can mask with. */
  readonly generators: readonly GeneratorName[];
  /** ms since 1970 of the last thing heard */
  readonly lastSeen: number;
  send(message: ServerMessage): void;
  /** Says why, then closes. */
  end(code: ErrorCode, message: string, retryAfter?: number): void;
}

/** What the gateway tells of the sessions. Calls of one session come in order; none comes after `closed`. */
export interface SessionHandler {
  opened(session: Session): void;
  message(session: Session, message: Exclude<ClientMessage, { type: 'auth' | 'ping' }>): void;
  /** @param payload - gone when the call returns. @returns false when the chunk belongs to no upload that is wanted */
  chunk(session: Session, tag: number, offset: number, payload: Uint8Array): boolean;
  closed(session: Session): void;
}

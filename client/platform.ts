import type { FederatedError } from '../shared/errors.ts';
import type { Primitives, RandomBytes } from '../shared/crypto/primitives.ts';
import type { Readings } from './conditions.ts';
import type { Trainer } from './trainer.ts';

/** A WebSocket, reduced to what a session needs. */
export interface Socket {
  send(bytes: Uint8Array): void;
  /** Ends the connection; `closed` follows. */
  close(): void;
}

export interface SocketEvents {
  opened(): void;
  message(bytes: Uint8Array): void;
  /**
   * Once, however it ended.
   * @param code - the WebSocket close code, 1006 when there was none
   * @param refusal - why another try would end the same way, where the platform knows
   */
  closed(code: number, reason: string, refusal?: FederatedError): void;
}

/** Small things that outlive the process, by name: the identity's seed, the consent, the newest model. */
export interface ClientStore {
  load(name: string): Promise<Uint8Array | null>;
  /** Durable when resolved. */
  save(name: string, bytes: Uint8Array): Promise<void>;
  remove(name: string): Promise<void>;
}

/** Everything a client needs of the runtime it is in. `node.ts` and the browser's entry each make one. */
export interface ClientPlatform {
  readonly primitives: Primitives;
  /** Cryptographic. */
  readonly randomBytes: RandomBytes;
  readonly clock: {
    /** ms since 1970 */
    now(): number;
    /** Runs the function once after so many ms; the returned function cancels it. */
    after(ms: number, run: () => void): () => void;
  };
  readonly store: ClientStore;
  openSocket(url: string, events: SocketEvents): Socket;
  /** The body of a GET with a bearer token. @throws FederatedError CONNECTION_LOST, NOT_FOUND, NOT_AUTHORISED, TOO_LARGE */
  download(
    url: string,
    options: { readonly token: string; readonly maxBytes: number; readonly signal: AbortSignal },
  ): Promise<Uint8Array>;
  /** What the device says of itself now. */
  readings(): Promise<Readings>;
  createTrainer(options: { readonly backend: string; readonly module?: string | URL }): Trainer;
}

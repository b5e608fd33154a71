import type { Examples } from '../shared/engine/engine.ts';
import type { FederatedError } from '../shared/errors.ts';
import type { DataContract } from '../shared/tasks/task.ts';
import type { Signer } from '../shared/crypto/identity.ts';
import type { Curves, GeneratorName, Primitives, RandomBytes } from '../shared/crypto/primitives.ts';
import type { ClientData } from './data.ts';
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

/** What outlives the process, by name: identity, consent, the newest model, the update that is not durable elsewhere yet. */
export interface ClientStore {
  /** False where it does not: then large things are not kept a second time for nothing. */
  readonly lasting: boolean;
  load(name: string): Promise<Uint8Array | null>;
  /** Durable when resolved. */
  save(name: string, bytes: Uint8Array): Promise<void>;
  remove(name: string): Promise<void>;
}

/** The device's long-term key, where the platform can keep it better than as a seed in its store. */
export interface DeviceKeys {
  /** The key of before, or a new one. */
  load(): Promise<Signer>;
  remove(): Promise<void>;
}

/** Everything a client needs of the runtime it is in. `node/` and `browser/` each make one. */
export interface ClientPlatform {
  readonly primitives: Primitives;
  /** For secure aggregation, where the platform has faster ones than `primitives` that are asynchronous. */
  readonly curves?: Curves;
  /**
   * For secure aggregation: what makes masks fast here. Absent: ChaCha20 alone, as in a browser, whose AES works asynchronously
   * on threads of its own, and with a copy each way gains nothing over ChaCha20 in WebAssembly.
   */
  readonly generators?: readonly GeneratorName[];
  /** Cryptographic. */
  readonly randomBytes: RandomBytes;
  readonly clock: {
    /** ms since 1970: what a calendar says. It may jump. */
    now(): number;
    /** Whole ms since some moment in the past; nothing sets it. All durations are measured by it. */
    steady(): number;
    /** Runs the function once after so many ms; the returned function cancels it. */
    after(ms: number, run: () => void): () => void;
  };
  readonly store: ClientStore;
  readonly keys?: DeviceKeys;
  /**
   * Where several clients share one store: resolves once this one alone may take part, with what gives the turn back; null
   * when the signal came first.
   * @param waits - called when it has to wait
   */
  turn?(waits: () => void, signal: AbortSignal): Promise<(() => void) | null>;
  openSocket(url: string, events: SocketEvents): Socket;
  /** The body of a GET with a bearer token. @throws FederatedError CONNECTION_LOST, NOT_FOUND, NOT_AUTHORISED, TOO_LARGE */
  download(
    url: string,
    options: { readonly token: string; readonly maxBytes: number; readonly signal: AbortSignal },
  ): Promise<Uint8Array>;
  /** What the device says of itself now. */
  readings(): Promise<Readings>;
  /** Calls back when `readings` may have changed, until the returned function is called. */
  watchReadings?(changed: () => void): () => void;
  /**
   * Makes arrays of what the app hands over, and checks them; absent where they come as arrays.
   * @throws FederatedError BAD_DATA
   */
  toExamples?(data: ClientData, contract: DataContract): Promise<Examples>;
  createTrainer(options: { readonly backend: string; readonly module?: string | URL }): Trainer;
}

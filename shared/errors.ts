/**
 * Every error that Fedloom raises, in one table: callers switch on the code, never on the text.
 *
 * - `retry`: the same call may succeed later without a change by the caller.
 * - `close`: the WebSocket close code when the error ends a session; `null` when the session goes on.
 *   Codes are in the private range 4000-4999 (RFC 6455, section 7.4.2).
 */
export const errorCodes = {
  // The wire: what a peer sent could not be accepted. The session ends.
  BAD_FRAME: { retry: false, close: 4400 },
  BAD_MESSAGE: { retry: false, close: 4401 },
  BAD_HANDSHAKE: { retry: false, close: 4402 },
  NO_COMMON_VERSION: { retry: false, close: 4403 },
  NO_COMMON_SUITE: { retry: false, close: 4404 },
  BAD_SEAL: { retry: true, close: 4405 },
  UNEXPECTED_MESSAGE: { retry: false, close: 4406 },
  TOO_LARGE: { retry: false, close: 4407 },
  HELLO_TIMEOUT: { retry: true, close: 4408 },
  HEARTBEAT_TIMEOUT: { retry: true, close: 4409 },
  RATE_LIMITED: { retry: true, close: 4410 },
  TOO_MANY_CONNECTIONS: { retry: true, close: 4411 },
  TOO_SLOW: { retry: true, close: 4412 },
  SEAL_EXHAUSTED: { retry: true, close: 4413 },
  SERVER_STOPPING: { retry: true, close: 4414 },

  // Who may take part.
  WRONG_SERVER: { retry: false, close: 4420 },
  BAD_SIGNATURE: { retry: false, close: 4421 },
  NOT_ADMITTED: { retry: false, close: 4422 },
  EXCLUDED: { retry: false, close: 4423 },
  SESSION_REPLACED: { retry: false, close: 4424 },
  ORIGIN_REFUSED: { retry: false, close: 4425 },

  // Reports: the report is refused, the session goes on.
  WRONG_RUN: { retry: false, close: null },
  STALE_ROUND: { retry: false, close: null },
  FUTURE_ROUND: { retry: false, close: null },
  WRONG_ATTEMPT: { retry: false, close: null },
  NOT_SELECTED: { retry: false, close: null },
  DUPLICATE_REPORT: { retry: false, close: null },
  ROUND_CLOSED: { retry: false, close: null },
  WRONG_SHAPE: { retry: false, close: null },
  NOT_FINITE: { retry: false, close: null },
  NORM_TOO_LARGE: { retry: false, close: null },
  BAD_EXAMPLES: { retry: false, close: null },
  BAD_OFFSET: { retry: true, close: null },

  // Secure aggregation: why a client, or the server, goes no further with this attempt at a round.
  BAD_SHARE: { retry: false, close: null },
  SECAGG_REQUIRED: { retry: false, close: null },
  SECAGG_CONTEXT: { retry: false, close: null },
  SECAGG_REPLAY: { retry: false, close: null },
  SECAGG_MESSAGE: { retry: false, close: null },
  SECAGG_STEP: { retry: false, close: null },
  SECAGG_SMALL_COHORT: { retry: true, close: null },
  SECAGG_WEAK_THRESHOLD: { retry: false, close: null },
  SECAGG_WEAK_GRAPH: { retry: false, close: null },
  SECAGG_SMALL_MODULUS: { retry: false, close: null },
  SECAGG_LOOSE_CLIP: { retry: false, close: null },
  SECAGG_BAD_ADVERT: { retry: false, close: null },
  SECAGG_REUSED_ADVERT: { retry: false, close: null },
  SECAGG_UNKNOWN_PEER: { retry: false, close: null },
  SECAGG_ROSTER: { retry: false, close: null },
  SECAGG_GRAPH: { retry: false, close: null },
  SECAGG_TOO_FEW: { retry: true, close: null },
  SECAGG_SURVIVORS: { retry: false, close: null },
  SECAGG_DIFFERENCE: { retry: true, close: null },
  SECAGG_BOTH_SHARES: { retry: false, close: null },
  SECAGG_REVEALED: { retry: false, close: null },

  // The plan by which updates become words of a sum, and the sum itself.
  BAD_PLAN: { retry: false, close: null },
  MODULUS_OVERFLOW: { retry: false, close: null },
  BAD_SUM: { retry: true, close: null },

  // A client's own troubles.
  NO_CONSENT: { retry: false, close: null },
  BAD_DATA: { retry: false, close: null },
  BAD_TASK: { retry: false, close: null },
  BAD_MODEL: { retry: false, close: null },
  TRAINING_FAILED: { retry: false, close: null },
  NO_BACKEND: { retry: false, close: null },
  NOT_SUPPORTED: { retry: false, close: null },
  BLOB_MISMATCH: { retry: true, close: null },
  CONNECTION_LOST: { retry: true, close: null },
  CONNECTION_REFUSED: { retry: true, close: null },
  BAD_LINK: { retry: false, close: null },

  // The server and its commands.
  BAD_ARGUMENT: { retry: false, close: null },
  BAD_CONFIG: { retry: false, close: null },
  BAD_FILE: { retry: false, close: null },
  NOT_FOUND: { retry: false, close: null },
  NOT_AUTHORISED: { retry: false, close: null },
  BAD_STATE: { retry: false, close: null },
  TOO_FEW_REPORTS: { retry: true, close: null },
  STORE_CORRUPT: { retry: false, close: null },
  STORE_NEWER: { retry: false, close: null },
  STORE_LOCKED: { retry: true, close: null },
  STORE_FULL: { retry: true, close: null },
  ABORTED: { retry: false, close: null },
  INTERNAL: { retry: true, close: 4500 },
} as const satisfies Record<string, { retry: boolean; close: number | null }>;

export type ErrorCode = keyof typeof errorCodes;

/** The one class of error: a stable `code` from the table, and a sentence that says what, why and what to do. */
export class FederatedError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'FederatedError';
    this.code = code;
  }

  /** True when the same call may succeed later without a change by the caller. */
  get retry(): boolean {
    return errorCodes[this.code].retry;
  }
}

export const isErrorCode = (code: string): code is ErrorCode => Object.hasOwn(errorCodes, code);

/** The WebSocket close code for an error that ends a session; errors without one close as INTERNAL. */
export const closeCodeOf = (code: ErrorCode): number => errorCodes[code].close ?? errorCodes.INTERNAL.close;

/** The error code behind a WebSocket close code, or undefined when the code is not ours. */
export const errorCodeOfClose = (close: number): ErrorCode | undefined =>
  (Object.keys(errorCodes) as ErrorCode[]).find((code) => errorCodes[code].close === close);

/** Any thrown value as a FederatedError: ours unchanged, anything else as the given code with its cause kept. */
export function asFederatedError(thrown: unknown, code: ErrorCode = 'INTERNAL'): FederatedError {
  if (thrown instanceof FederatedError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new FederatedError(code, message, { cause: thrown });
}

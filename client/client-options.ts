import type { ErrorCode } from '../shared/errors.ts';
import type { ClientState, WaitReason } from '../shared/states.ts';
import type { Conditions } from './conditions.ts';
import type { DataSource } from './job-worker.ts';
import type { SecureDemands } from './secure-rounds.ts';
import type { Trainer } from './trainer.ts';

/** What a client is told, and what it tells. */

export interface FederatedClientOptions {
  /** The join link that the server printed, or `ws://host:port/v1`. */
  readonly url: string;
  /** Called when a task has arrived: this device's private examples. They never leave it. */
  readonly data: DataSource;
  /**
   * The data change while the client takes part (a sensor, a page that is drawn on): `data` is called before each round instead of
   * once for a task, and while there are too few of them every `checkEvery` ms. Default: false.
   */
  readonly liveData?: boolean;
  /** `required` (the default): nothing connects until `consent.grant()`. `given`: whoever starts this program consents. */
  readonly consent?: 'required' | 'given';
  readonly when?: Conditions;
  /** `auto`, or a backend by name. */
  readonly backend?: string;
  /** Custom training: an object, or the URL of a module with `train` that runs in the worker. */
  readonly trainer?: Trainer | string | URL;
  /** What this client demands of secure aggregation, whatever the server's plan says. */
  readonly secureAggregation?: SecureDemands;
  /**
   * For experiments: seeds the order of this client's batches, and the noise of rounding under secure aggregation, so that a run
   * can be repeated to the byte. By default the order follows from its identity, and the noise is nobody's to foretell.
   */
  readonly seed?: number | string;
  /** Shown to the operator. */
  readonly label?: string;
  /** Stay after a run is finished and take part in the next. Default: false. */
  readonly stay?: boolean;
  /**
   * After so many equal refusals in a row that may have been damage on the way (a server with another key, a handshake that cannot be
   * read) the client gives up; each is told as a `problem`. A refusal under the session's seal counts at once. Default: 5.
   */
  readonly maxDoubtfulRefusals?: number;
  /** How often the conditions of `when`, and data that are too few, are looked at, ms. Default: 30,000. */
  readonly checkEvery?: number;
}

export interface StateDetail {
  readonly state: ClientState;
  readonly reason: WaitReason | null;
  /** One plain sentence. */
  readonly message: string;
}

/** Why this client did not do its part in an attempt, or does not get in: its own refusal, or the server's. */
export interface ProblemDetail {
  readonly code: ErrorCode;
  readonly message: string;
}

import type { GeneratorName, Primitives } from '../../shared/crypto/primitives.ts';
import type { ErrorCode } from '../../shared/errors.ts';
import type { MessageOf, ServerMessage } from '../../shared/protocol/messages.ts';
import type { JobWorker } from '../../client/job-worker.ts';
import type { UpdateKeeper } from '../../client/kept-update.ts';
import type { ClientPlatform } from '../../client/platform.ts';
import type { Job, RoundOutcome } from '../../client/session/types.ts';
import type { SessionHandler } from '../../server/gateway/session.ts';
import type { VirtualClient } from './virtual-client.ts';
import type { VirtualWorld } from './world.ts';

/** How long a device takes for one training, and whether it gives up on the way (virtual ms), and how much of it it does. */
export interface DeviceTurn {
  readonly takes: number;
  /** When the device dies, or null. */
  readonly diesAfter: number | null;
  /** Part of the local epochs, above 0 to 1, rounded up to whole ones. */
  readonly work: number;
}

/** What a client has while it is given jobs. */
export interface ClientWork {
  readonly jobs: JobWorker;
  readonly keeper: UpdateKeeper;
}

/** What all virtual clients of a simulation share. */
export interface VirtualSurroundings {
  readonly world: VirtualWorld;
  readonly handler: SessionHandler;
  readonly primitives: Primitives;
  /** What the devices can mask with. */
  readonly generators: readonly GeneratorName[];
  readonly welcome: Omit<MessageOf<ServerMessage, 'welcome'>, 'client'>;
  /** Rounds of another server would be other rounds. */
  readonly serverPublicKey: Uint8Array;
  /** Seed of a client's batches, in every transport the same. */
  readonly clientSeed: (client: number) => string;
  /** Seed of a client's identity: 32 bytes. */
  readonly identitySeed: (client: number) => Uint8Array;
  readonly device: (client: number, job: Job) => DeviceTurn;
  /** Whether the device is at hand now. */
  readonly isAtHand: (client: number) => boolean;
  readonly workFor: (client: number) => ClientWork;
  /** A device of its own, for secure aggregation: with an empty store. */
  readonly platform: () => ClientPlatform;
  readonly problem: (client: number, code: ErrorCode, message: string) => void;
  /** A client hears that a round is over. */
  readonly settle: (client: number, outcome: RoundOutcome) => void;
  readonly died: (client: VirtualClient) => void;
  readonly sent: (direction: 'up' | 'down', bytes: number) => void;
}

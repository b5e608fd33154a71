import { Coordinator } from '../../../server/coordinator.ts';
import { EventLog } from '../../../server/event-log.ts';
import { Gateway } from '../../../server/gateway/gateway.ts';
import type { GatewaySocket } from '../../../server/gateway/socket.ts';
import type { Host, StepName } from '../../../server/host.ts';
import { MaskPool } from '../../../server/masking/mask-pool.ts';
import type { Metrics } from '../../../server/metrics.ts';
import type { BlobStore, Store } from '../../../server/store/store.ts';
import { identityFromSeed } from '../../../shared/crypto/identity.ts';
import type { Primitives } from '../../../shared/crypto/primitives.ts';
import type { Limits } from '../../../shared/protocol/limits.ts';
import type { Life } from './life.ts';

export const joinCode = '0123-4567-89AB-CDEF';

/** On the calling thread: it has no threads to start. */
const masks = new MaskPool({ threads: 0 });

const noMetrics: Metrics = {
  round() {},
  evaluation() {},
  secureAggregation() {},
  forget() {},
  clients() {},
  report() {},
  updateNorm() {},
  bytes() {},
  traffic: () => ({ up: 0, down: 0 }),
  refused() {},
  auditFailing() {},
  contentType: '',
  text: async () => '',
};

export interface ServerWorld {
  readonly life: Life;
  readonly primitives: Primitives;
  readonly seed: Uint8Array;
  readonly limits: Limits;
  readonly store: Store;
  readonly blobs: BlobStore;
  randomBytes(length: number): Uint8Array;
  step(name: StepName): void;
  /** What the server says to its operator. */
  log(text: string): void;
  readonly evaluate?: Host['evaluate'];
}

/** The server's own coordinator and gateway in a simulated process: what `createServer` makes, without sockets, HTTP and files. */
export class ServerProcess {
  readonly life: Life;
  readonly coordinator: Coordinator;
  readonly #gateway: Gateway;
  readonly blobs: BlobStore;

  constructor(world: ServerWorld) {
    const { life, primitives, limits, store, blobs } = world;
    this.life = life;
    this.blobs = blobs;
    const say = (level: string) => (data: object, message: string) =>
      world.log(`${level}: ${message} ${JSON.stringify({ ...data, stack: undefined })}`);
    const events = new EventLog(life.now());
    events.listen(({ message, data }) => world.log(`${message} ${JSON.stringify(data)}`));
    const host: Host = {
      clock: { now: () => life.now(), steady: () => life.steady(), after: (ms, run) => life.after(ms, run) },
      primitives,
      randomBytes: (length) => world.randomBytes(length),
      masks,
      store,
      blobs,
      log: { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') },
      limits,
      events,
      metrics: noMetrics,
      onStep: (name) => world.step(name),
      ...(world.evaluate === undefined ? {} : { evaluate: world.evaluate }),
    };
    this.coordinator = new Coordinator(host);
    this.#gateway = new Gateway({
      host,
      identity: identityFromSeed(primitives, world.seed),
      primitives,
      admission: { mode: 'code', joinCode },
      handler: this.coordinator,
      allowedOrigins: [],
    });
  }

  accept(socket: GatewaySocket, address: string): void {
    this.#gateway.accept(socket, address);
  }

  /** Entries of each thing that is held. */
  sizes(): Readonly<Record<string, number>> {
    return { ...this.#gateway.sizes(), ...this.coordinator.sizes(), timers: this.life.timers };
  }

  /** Whether this token of a session opens blobs. */
  admits(token: string): boolean {
    return this.#gateway.clientOfToken(token) !== undefined;
  }
}

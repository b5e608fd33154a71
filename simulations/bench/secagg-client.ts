import { fromHex, toHex } from '../../shared/bytes.ts';
import type { Identity } from '../../shared/crypto/identity.ts';
import {
  generatorNames,
  type ClientPrimitives,
  type Primitives,
  type RandomBytes,
} from '../../shared/crypto/primitives.ts';
import { FederatedError } from '../../shared/errors.ts';
import { seeded } from '../../shared/random.ts';
import { ClientHalf, type ApplyMasks } from '../../shared/secagg/client-half.ts';
import type { RoundContext } from '../../shared/secagg/context.ts';
import { AttemptLedger } from '../../shared/secagg/ledger.ts';
import type { ClientStep, ServerStep } from '../../shared/secagg/messages.ts';
import type { SecAggPlan } from '../../shared/secagg/plan.ts';
import type { SecAggPolicy } from '../../shared/secagg/policy.ts';
import { encodeUpdate } from '../../shared/updates/encode.ts';
import { pack } from '../../shared/updates/pack.ts';
import type { UpdatePlan } from '../../shared/updates/plan.ts';

/** One client of the benchmark of secure aggregation, the same in Node and in a browser: nothing of Node in here. */

export interface AttemptSetup {
  readonly plan: SecAggPlan;
  readonly update: UpdatePlan;
  readonly round: Omit<RoundContext, 'plan'>;
}

/** ms of one client's work in one attempt. */
export interface ClientTimes {
  /** Adding masks to the vector. */
  readonly masks: number;
  /** Clip, quantise and pack. */
  readonly encode: number;
  /** Everything else: keys, shares, signatures, checks. */
  readonly keys: number;
}
export const totalOf = ({ masks, encode, keys }: ClientTimes): number => masks + encode + keys;

/** What a client stands on. */
export interface ClientGround {
  readonly primitives: ClientPrimitives & Partial<Pick<Primitives, 'keystreams'>>;
  readonly randomBytes: RandomBytes;
  readonly applyMasks: ApplyMasks;
  readonly identity: Identity;
  /** ms from an arbitrary point: of the clock, or of CPU time */
  readonly now: () => number;
}

/** Any plan will do: what is measured may be weaker than what clients agree to by default. */
const policy: SecAggPolicy = {
  minCohort: 3,
  minThreshold: [1, 2],
  minCompleteUpTo: 0,
  minCorrupt: 0,
  minSigma: 0,
  minModulusBits: 8,
  maxClippingNorm: Infinity,
};

/** A `ClientHalf` with the encoding before it, and how long both take. */
export class MeasuredClient {
  readonly times = { masks: 0, encode: 0, keys: 0 };
  readonly #half: ClientHalf;
  readonly #setup: AttemptSetup;
  readonly #ground: ClientGround;

  constructor(setup: AttemptSetup, ground: ClientGround) {
    this.#setup = setup;
    this.#ground = ground;
    const start = ground.now();
    this.#half = new ClientHalf({
      ...ground,
      ...setup,
      applyMasks: (...masks) => this.#take('masks', () => ground.applyMasks(...masks)),
      generators: generatorNames,
      isEnrolled: () => true,
      ledger: new AttemptLedger(),
      policy,
    });
    this.times.keys += ground.now() - start;
  }

  advertise(): Promise<ClientStep<'advert'>> {
    return this.#take('keys', () => this.#half.advertise());
  }

  share(message: ServerStep<'roster'>): Promise<ClientStep<'shares'>> {
    return this.#take('keys', () => this.#half.share(message));
  }

  /** @param see - is shown the words before they are masked. @returns what is uploaded */
  async mask(
    message: ServerStep<'delivery'>,
    delta: Float32Array,
    see: (words: Uint32Array) => void = () => {},
  ): Promise<Uint8Array> {
    const { update } = this.#setup;
    const contribution = { delta, examples: 60, metrics: { loss: 0.5 } };
    const { randomBytes, primitives } = this.#ground;
    const noiseKey = randomBytes(32);
    const words = await this.#take('encode', () => encodeUpdate(update, contribution, noiseKey, primitives.keystreams));
    see(words);
    await this.#take('keys', () => this.#half.mask(message, words));
    return this.#take('encode', () => pack(words, update.modulusBits));
  }

  consent(message: ServerStep<'survivors'>): Promise<ClientStep<'consent'>> {
    return this.#take('keys', () => this.#half.consent(message));
  }

  reveal(message: ServerStep<'unmask'>): Promise<ClientStep<'reveal'>> {
    return this.#take('keys', () => this.#half.reveal(message));
  }

  /** Adds to one of the times; masks are applied within the work on keys, and do not count there. */
  async #take<T>(part: keyof ClientTimes, work: () => T | Promise<T>): Promise<T> {
    const { now } = this.#ground;
    const [start, masksBefore] = [now(), this.times.masks];
    const result = await work();
    this.times[part] += now() - start - (part === 'masks' ? 0 : this.times.masks - masksBefore);
    return result;
  }
}

/** Changes of weights such as training makes them: d values of either sign, some thousandths at most. */
export function benchDelta(dimension: number): Float32Array {
  const { u32 } = seeded('bench secagg', dimension);
  return Float32Array.from({ length: dimension }, () => (u32() / 2 ** 32 - 0.5) * 0.004);
}

/** Bytes in the fields of a message. */
export const bytesIn = (message: object): number =>
  Object.values(message).reduce((sum: number, field) => sum + (field instanceof Uint8Array ? field.length : 8), 0);

/** One client's part of an attempt that has been: with the same random bytes it can be done again, anywhere. */
export interface Transcript {
  readonly setup: AttemptSetup;
  /** Of the identity: 32 bytes. */
  readonly seed: Uint8Array;
  /** What the generator gave, in order. */
  readonly drawn: readonly Uint8Array[];
  readonly roster: ServerStep<'roster'>;
  readonly delivery: ServerStep<'delivery'>;
  readonly survivors: ServerStep<'survivors'>;
  readonly unmask: ServerStep<'unmask'>;
  /** SHA-256 of what was uploaded. */
  readonly upload: Uint8Array;
}

/**
 * Does the part once more, and checks that the same vector comes out.
 * @throws FederatedError INTERNAL
 */
export async function replay(
  transcript: Transcript,
  delta: Float32Array,
  ground: Omit<ClientGround, 'randomBytes'>,
): Promise<ClientTimes> {
  const drawn = transcript.drawn.map((bytes) => new Uint8Array(bytes)).values();
  const client = new MeasuredClient(transcript.setup, {
    ...ground,
    randomBytes: () => drawn.next().value!,
  });
  await client.advertise();
  await client.share(transcript.roster);
  const upload = await client.mask(transcript.delivery, delta);
  await client.consent(transcript.survivors);
  await client.reveal(transcript.unmask);
  if (toHex(ground.primitives.sha256(upload)) !== toHex(transcript.upload)) {
    throw new FederatedError('INTERNAL', 'bench secagg: the same part done again gives another vector');
  }
  return client.times;
}

/** JSON with bytes in it. */
export const toText = (value: unknown): string =>
  JSON.stringify(value, (_, each: unknown) => (each instanceof Uint8Array ? { hex: toHex(each) } : each));
export const fromText = (text: string): unknown =>
  JSON.parse(text, (_, each: unknown) =>
    each !== null && typeof each === 'object' && 'hex' in each ? fromHex(each.hex as string) : each,
  );

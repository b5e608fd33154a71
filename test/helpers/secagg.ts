import { sha256 } from '@noble/hashes/sha2.js';
import { equalBytes, toHex, utf8 } from '../../shared/bytes.ts';
import { identityFromSeed, type Identity } from '../../shared/crypto/identity.ts';
import { generatorNames, type Primitives, type RandomBytes } from '../../shared/crypto/primitives.ts';
import { Prg } from '../../shared/crypto/prg.ts';
import { FederatedError, type ErrorCode } from '../../shared/errors.ts';
import { runId } from '../../shared/ids.ts';
import { ClientHalf, type ClientHalfOptions } from '../../shared/secagg/client-half.ts';
import { AttemptLedger } from '../../shared/secagg/ledger.ts';
import type { ClientStep, ServerStep } from '../../shared/secagg/messages.ts';
import { generatorOf, makeSecAggPlan, type SecAggPlan } from '../../shared/secagg/plan.ts';
import type { SecAggPolicy } from '../../shared/secagg/policy.ts';
import { compareBytes } from '../../shared/secagg/roster.ts';
import { ServerHalf } from '../../shared/secagg/server-half.ts';
import { wordLayout } from '../../shared/updates/layout.ts';
import { makeUpdatePlan, updatePlanHash, type UpdatePlan, type UpdatePlanOptions } from '../../shared/updates/plan.ts';
import { MaskAdder } from '../../shared/vector/masking.ts';
import { native } from './primitives.ts';

/**
 * A whole secure aggregation in memory: n client halves, a server half, and a wire between them on which a test may lose or
 * change any message. All randomness is seeded, so that a failure replays.
 */

/** Bytes of ChaCha20 under a key made of the path: what a test draws in place of a cryptographic generator. */
export function seededBytes(...path: readonly (string | number)[]): RandomBytes {
  const prg = new Prg(sha256(utf8(JSON.stringify(path))));
  return (length) => {
    const words = new Uint32Array(Math.ceil(length / 4));
    prg.fill(words);
    return new Uint8Array(words.buffer, 0, length);
  };
}

const pool: Identity[] = [];

/** The first n of an endless row of identities, ascending by key: as long as all advertise, client i has position i. */
export function identities(count: number): Identity[] {
  while (pool.length < count) pool.push(identityFromSeed(native, seededBytes('identity', pool.length)(32)));
  return pool.slice(0, count).sort((a, b) => compareBytes(a.publicKey, b.publicKey));
}

/**
 * Primitives that do nothing twice. All clients of a test check the same signatures, and each pair agrees on the same secrets
 * from both ends, several times: with hundreds of clients in one process most of the time would go there.
 */
export function remembering(primitives: Primitives): Primitives {
  const remember = <T>(known: Map<string, T>, parts: readonly Uint8Array[], work: () => T): T => {
    const name = parts.map((part) => Buffer.from(part).toString('latin1')).join('|');
    let value = known.get(name);
    if (value === undefined) known.set(name, (value = work()));
    return value;
  };
  const verdicts = new Map<string, boolean>();
  const publicKeys = new Map<string, Uint8Array>();
  const agreements = new Map<string, Uint8Array>();
  const agreementPublicKey = (secret: Uint8Array): Uint8Array =>
    remember(publicKeys, [secret], () => primitives.agreementPublicKey(secret));
  return {
    ...primitives,
    agreementPublicKey,
    verify: (key, message, signature) =>
      remember(verdicts, [key, signature, message], () => primitives.verify(key, message, signature)),
    agree: (secret, theirs) => {
      const pair = [agreementPublicKey(secret), theirs].sort(compareBytes);
      return new Uint8Array(remember(agreements, pair, () => primitives.agree(secret, theirs))); // callers overwrite it
    },
  };
}

/** What a client sends, in this order. */
export const stages = ['advert', 'shares', 'vector', 'consent', 'reveal'] as const;
export type Stage = (typeof stages)[number];

/** The last that is heard of a client. */
export interface DropOut {
  /** What it does not send any more. */
  readonly at: Stage;
  /** Whether it has still done its part, which is then lost on the way. */
  readonly works: boolean;
}

type Change<T> = (message: T, client: TestClient) => T | undefined;

/** What happens to messages on their way; undefined loses one. */
export interface Hooks {
  /** From clients to the server. */
  readonly up?: {
    readonly [S in Exclude<Stage, 'vector'>]?: Change<ClientStep<S>>;
  } & { readonly vector?: Change<Uint32Array> };
  /** From the server to clients. */
  readonly down?: { readonly [S in 'roster' | 'delivery' | 'survivors' | 'unmask']?: Change<ServerStep<S>> };
}

export interface TestClient {
  /** Its position on the roster as long as all advertise. */
  readonly index: number;
  readonly identity: Identity;
  readonly half: ClientHalf;
  /** What the half was made of. */
  readonly options: ClientHalfOptions;
  /** The words that it adds to the sum. */
  readonly input: Uint32Array;
  /** All that its generator has given, as it is now. */
  readonly drawn: Uint8Array[];
  /** Why it takes part no more, by its own check. */
  refused?: ErrorCode;
  /** The last of its messages that the server has refused, and why. */
  refusedByServer?: { readonly at: Stage; readonly code: ErrorCode };
}

export interface AggregationOptions {
  readonly clients: number;
  /** Of the clients' secrets and inputs. */
  readonly seed?: string | number;
  readonly plan?: Partial<Omit<SecAggPlan, 'format' | 'words' | 'update' | 'modulusBits'>>;
  readonly update?: Partial<UpdatePlanOptions>;
  readonly policy?: Partial<SecAggPolicy>;
  readonly round?: Partial<Omit<ClientHalfOptions['round'], 'run'>>;
  readonly primitives?: Primitives;
  /** Default: random words. */
  readonly input?: (index: number, update: UpdatePlan) => Uint32Array;
  /** What one client is told, or has, otherwise than the others. */
  readonly client?: (index: number) => Partial<ClientHalfOptions>;
}

/** The policy of clients that agree to any plan: what is weak about a plan is not what most tests are about. */
export const anyPlan: SecAggPolicy = {
  minCohort: 3,
  minThreshold: [1, 2],
  minCompleteUpTo: 0,
  minCorrupt: 0,
  minSigma: 20,
  minModulusBits: 8,
  maxClippingNorm: Infinity,
};

export interface Outcome {
  /** The unmasked sum, or null when the attempt was given up. */
  readonly sum: Uint32Array | null;
  readonly givenUp: ErrorCode | null;
  /** Positions. */
  readonly blamed: readonly number[];
}

export class Aggregation {
  readonly plan: SecAggPlan;
  readonly update: UpdatePlan;
  readonly round: ClientHalfOptions['round'];
  readonly clients: readonly TestClient[];
  readonly server: ServerHalf;
  /** What the server has: masked until the end. */
  readonly sum: Uint32Array;
  /** As the server has sent it. */
  roster: ServerStep<'roster'> | undefined;

  constructor(options: AggregationOptions) {
    const { clients: count, seed = 0, policy, round, primitives = native } = options;
    this.update = makeUpdatePlan({
      dimension: 20,
      maxCohort: count,
      clippingNorm: 1,
      weighting: 'uniform',
      maxExamples: 100,
      ...options.update,
    });
    const { words } = wordLayout(this.update);
    this.plan = makeSecAggPlan({
      maxCohort: Math.max(3, count),
      ...options.plan,
      modulusBits: this.update.modulusBits,
      words,
      update: toHex(updatePlanHash(native, this.update)),
    });
    this.round = { run: runId('test-run'), round: 7, attempt: 1, model: new Uint8Array(32).fill(9), ...round };
    this.sum = new Uint32Array(words);
    this.server = new ServerHalf({ primitives, plan: this.plan, round: this.round, sum: this.sum });

    const everyone = identities(count);
    const enrolled = new Set(everyone.map(({ publicKey }) => toHex(publicKey)));
    const isEnrolled = (key: Uint8Array): boolean => enrolled.has(toHex(key));
    this.clients = everyone.map((identity, index) => {
      const drawn: Uint8Array[] = [];
      const draw = seededBytes('client', seed, index);
      const usual: ClientHalfOptions = {
        primitives,
        randomBytes: (length) => {
          drawn.push(draw(length));
          return drawn.at(-1)!;
        },
        applyMasks: (vector, plus, minus) => this.#adder(vector).apply(plus, minus),
        generators: generatorNames,
        identity,
        isEnrolled,
        ledger: new AttemptLedger(),
        policy: { ...anyPlan, ...policy },
        plan: this.plan,
        update: this.update,
        round: this.round,
      };
      const own = { ...usual, ...options.client?.(index) };
      const input = options.input?.(index, this.update) ?? randomWords(words, this.plan.modulusBits, seed, index);
      return { index, identity, half: new ClientHalf(own), options: own, input, drawn };
    });
  }

  /** By position on the roster, once there is one. */
  at(position: number): TestClient {
    const key = this.server.identityAt(position);
    return this.clients.find(({ identity }) => equalBytes(identity.publicKey, key))!;
  }

  /** Clients whose vectors are in the sum. */
  get survivors(): TestClient[] {
    return [...this.server.survivors].map((position) => this.at(position));
  }

  /** What the sum is to be: that of the survivors' inputs modulo 2^M, in arithmetic of its own. */
  expected(clients: readonly TestClient[] = this.survivors): Uint32Array {
    const modulus = 2 ** this.plan.modulusBits;
    return this.sum.map((_, i) => clients.reduce((sum, { input }) => (sum + input[i]!) % modulus, 0));
  }

  /** One attempt from the adverts to the sum. @param dropOuts - by index of the client */
  async run(hooks: Hooks = {}, dropOuts: ReadonlyMap<number, DropOut> = new Map()): Promise<Outcome> {
    try {
      await this.advertise(hooks, dropOuts);
      await this.share(hooks, dropOuts);
      await this.mask(hooks, dropOuts);
      await this.consent(hooks, dropOuts);
      await this.reveal(hooks, dropOuts);
      return await this.unmask();
    } catch (thrown) {
      if (!(thrown instanceof FederatedError)) throw thrown;
      return { sum: null, givenUp: thrown.code, blamed: [] };
    }
  }

  async advertise({ up }: Hooks = {}, dropOuts: ReadonlyMap<number, DropOut> = new Map()): Promise<void> {
    await this.#each('advert', this.clients, dropOuts, async (client) => {
      const message = await client.half.advertise();
      return () =>
        this.#send(up?.advert, message, client, (each) => this.server.advert(client.identity.publicKey, each));
    });
    this.roster = this.server.closeAdverts();
  }

  async share({ up, down }: Hooks = {}, dropOuts: ReadonlyMap<number, DropOut> = new Map()): Promise<void> {
    const roster = this.roster!;
    await this.#each('shares', this.#on(), dropOuts, async (client) => {
      const told = this.#tell(down?.roster, roster, client);
      if (told === undefined) return () => {};
      const message = await client.half.share(told);
      return () => this.#send(up?.shares, message, client, (each) => this.server.shares(this.#position(client), each));
    });
    this.server.closeShares();
  }

  async mask({ up, down }: Hooks = {}, dropOuts: ReadonlyMap<number, DropOut> = new Map()): Promise<void> {
    const sharers = this.#on().filter((client) => this.server.takesVectorOf(this.#position(client)));
    await this.#each('vector', sharers, dropOuts, async (client) => {
      const delivery = this.#tell(down?.delivery, this.server.deliveryFor(this.#position(client)), client);
      if (delivery === undefined) return () => {};
      const words = new Uint32Array(client.input);
      await client.half.mask(delivery, words);
      return () => this.#send(up?.vector, words, client, (each) => this.server.masked(this.#position(client), each));
    });
  }

  async consent({ up, down }: Hooks = {}, dropOuts: ReadonlyMap<number, DropOut> = new Map()): Promise<void> {
    const survivors = this.server.closeMasked();
    await this.#each('consent', this.survivors, dropOuts, async (client) => {
      const told = this.#tell(down?.survivors, survivors, client);
      if (told === undefined) return () => {};
      const message = await client.half.consent(told);
      return () =>
        this.#send(up?.consent, message, client, (each) => this.server.consent(this.#position(client), each));
    });
  }

  async reveal({ up, down }: Hooks = {}, dropOuts: ReadonlyMap<number, DropOut> = new Map()): Promise<void> {
    const asked = this.server.closeConsents().map((position) => this.at(position));
    await this.#each('reveal', asked, dropOuts, async (client) => {
      const told = this.#tell(down?.unmask, this.server.unmaskFor(this.#position(client)), client);
      if (told === undefined) return () => {};
      const message = await client.half.reveal(told);
      return () => this.#send(up?.reveal, message, client, (each) => this.server.reveal(this.#position(client), each));
    });
  }

  async unmask(): Promise<Outcome> {
    const { plus, minus, blamed } = await this.server.unmask();
    this.#adder(this.sum).apply(plus, minus);
    return { sum: this.sum, givenUp: null, blamed };
  }

  #adder(words: Uint32Array): MaskAdder {
    const { keystreams } = native;
    return new MaskAdder(words, this.plan.modulusBits, { generator: generatorOf(this.plan), keystreams });
  }

  /** Clients on the roster, in its order. */
  #on(): TestClient[] {
    return Array.from({ length: this.server.clients }, (_, position) => this.at(position));
  }

  #position({ identity }: TestClient): number {
    return this.server.positionOf(identity.publicKey)!;
  }

  #tell<T extends object>(change: Change<T> | undefined, message: T, client: TestClient): T | undefined {
    const copy = structuredClone(message); // as from a wire: nobody shares memory with anybody
    return change === undefined ? copy : change(copy, client);
  }

  #send<T extends object>(
    change: Change<T> | undefined,
    message: T,
    client: TestClient,
    take: (message: T) => unknown,
  ): void {
    const sent = this.#tell(change, message, client);
    if (sent !== undefined) take(sent);
  }

  /** Lets clients do one step, and then what they send arrive. A client that refuses, or is refused, is gone for the others. */
  async #each(
    at: Stage,
    clients: readonly TestClient[],
    dropOuts: ReadonlyMap<number, DropOut>,
    step: (client: TestClient) => Promise<() => void>,
  ): Promise<void> {
    for (const client of clients) {
      const dropOut = dropOuts.get(client.index);
      const isGone = dropOut !== undefined && stages.indexOf(dropOut.at) <= stages.indexOf(at);
      if (client.refused !== undefined || (isGone && !(dropOut.works && dropOut.at === at))) continue;
      let arrive: () => void;
      try {
        arrive = await step(client);
      } catch (thrown) {
        if (!(thrown instanceof FederatedError)) throw thrown;
        client.refused = thrown.code;
        continue;
      }
      if (isGone) continue;
      try {
        arrive();
      } catch (thrown) {
        if (!(thrown instanceof FederatedError)) throw thrown;
        client.refusedByServer = { at, code: thrown.code };
      }
    }
  }
}

/** Words of Z_2^M, the same for the same path. */
export function randomWords(length: number, modulusBits: number, ...path: readonly (string | number)[]): Uint32Array {
  const bytes = seededBytes('words', ...path)(4 * length);
  return new Uint32Array(bytes.buffer, 0, length).map((word) => word >>> (32 - modulusBits));
}

/** The code of the FederatedError that the promise is rejected with; undefined when it is none; anything else goes on. */
export async function codeFrom(promise: Promise<unknown>): Promise<ErrorCode | undefined> {
  try {
    await promise;
  } catch (thrown) {
    if (thrown instanceof FederatedError) return thrown.code;
    throw thrown;
  }
  return undefined;
}

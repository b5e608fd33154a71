import { equalBytes, fromHex, toHex, utf8 } from '../shared/bytes.ts';
import { clientIdOf, type Signer } from '../shared/crypto/identity.ts';
import { usualGenerator, type GeneratorName, type Primitives } from '../shared/crypto/primitives.ts';
import { asFederatedError, FederatedError } from '../shared/errors.ts';
import { runId } from '../shared/ids.ts';
import { pause } from '../shared/engine/pause.ts';
import { ClientHalf } from '../shared/secagg/client-half.ts';
import { modelHash, type RoundContext } from '../shared/secagg/context.ts';
import type { AttemptLedger } from '../shared/secagg/ledger.ts';
import { checkSecAggPlan, generatorOf, type SecAggPlan } from '../shared/secagg/plan.ts';
import { checkPolicy, defaultPolicy, type SecAggPolicy } from '../shared/secagg/policy.ts';
import { clipFactor } from '../shared/updates/clip.ts';
import { encodeUpdate, type Contribution } from '../shared/updates/encode.ts';
import { checkNamed } from '../shared/updates/metrics.ts';
import { checkUpdatePlan, type UpdatePlan } from '../shared/updates/plan.ts';
import { weightOf } from '../shared/updates/weigh.ts';
import { applyMasksInParts } from '../shared/vector/mask-parts.ts';
import { Conversation, type SecureStep } from './conversation.ts';
import type { ClientPlatform } from './platform.ts';
import { DeviceLedger } from './secure-ledger.ts';
import type { Job, SecureQuestion } from './session/types.ts';

/** What a client demands before it takes part; what the server's plan says beyond it is welcome. */
export interface SecureDemands extends Partial<SecAggPolicy> {
  /**
   * Refuse runs without secure aggregation. Default: take part in them, and let the server see the update; but never in one
   * that was secure before.
   */
  readonly required?: boolean;
  /**
   * Who may be in a sum beside this client: client ids (32 hex digits) or public keys (64), from somewhere that is not the
   * server's to edit. Default: whomever the server admits, so that a server could pretend to be all of them.
   */
  readonly peers?: readonly string[];
}

interface Plans {
  readonly secagg: SecAggPlan;
  readonly update: UpdatePlan;
}

/** Secure aggregation on this device: what it demands, the attempts it has taken part in, and the one in progress. */
export class SecureRounds {
  readonly #platform: ClientPlatform;
  readonly #isRequired: boolean;
  readonly #policy: SecAggPolicy;
  readonly #peers: ReadonlySet<string> | null;
  readonly #ledger: DeviceLedger;
  #conversation: Conversation | null = null;
  /** Of the attempt in progress. */
  #attemptLedger: AttemptLedger | null = null;
  /** Counts the attempts begun and ended here: what an earlier one still brings is of no use. */
  #turn = 0;
  /** What the noise of rounding comes from: with a seed the same every time, else nobody's to foretell. */
  readonly #rounding: Uint8Array;

  /** @throws FederatedError BAD_ARGUMENT for demands that are no numbers, and peers that are neither ids nor keys */
  constructor(platform: ClientPlatform, demands: SecureDemands = {}, seed?: number | string) {
    const { required = false, peers, ...stricter } = demands;
    this.#platform = platform;
    this.#rounding = seed === undefined ? platform.randomBytes(32) : platform.primitives.sha256(utf8(String(seed)));
    this.#isRequired = required;
    this.#policy = policyOf(stricter);
    this.#peers = peers === undefined ? null : peerIds(platform, peers);
    this.#ledger = new DeviceLedger(platform.store);
  }

  /**
   * Checks what the server says of a job before anything is fetched or trained for it.
   * @param server - the server's public key
   * @throws FederatedError SECAGG_REQUIRED; as checkPolicy does; SECAGG_REPLAY; BAD_FILE
   */
  async check(job: Job, server: Uint8Array): Promise<void> {
    const name = toHex(server);
    if (job.plans !== null) {
      const { secagg, update } = plansOf(job.plans);
      checkPolicy(this.#platform.primitives, secagg, this.#policy, update, this.#generators);
      return this.#ledger.expectNew(name, contextOf(this.#platform.primitives, job));
    }
    const wasSecure = await this.#ledger.knows(name, job.run);
    if (!this.#isRequired && !wasSecure) return;
    const why = this.#isRequired ? 'this client asks for it' : 'this run had it before';
    throw new FederatedError(
      'SECAGG_REQUIRED',
      `secagg: without secure aggregation the server would see this client's update, and ${why}; refused`,
    );
  }

  /**
   * Begins an attempt: its first answer, or null if it was given up meanwhile. It ends the one before.
   * @param server - the server's public key
   * @throws FederatedError as `check`; WRONG_SHAPE, NOT_FINITE or BAD_EXAMPLES for an update that does not fit the plan
   */
  async begin(job: Job, identity: Signer, server: Uint8Array, contribution: Contribution): Promise<SecureStep | null> {
    this.end();
    const turn = this.#turn;
    return this.#during(turn, async () => {
      const plans = plansOf(job.plans!);
      checkFit(plans.update, contribution);
      const ledger = await this.#ledger.of(toHex(server));
      if (this.#turn !== turn) return null;
      this.#attemptLedger = ledger;
      const renewals = ledger.renewals(contextOf(this.#platform.primitives, job));
      const { curves, randomBytes } = this.#platform;
      const primitives = { ...this.#platform.primitives, ...curves };
      const { publicKey } = identity;
      const half = new ClientHalf({
        primitives,
        randomBytes,
        applyMasks: (words, plus, minus) =>
          applyMasksInParts(words, plans.secagg.modulusBits, plus, minus, {
            generator: generatorOf(plans.secagg),
            keystreams: primitives.keystreams,
            pause: () => this.#pause(turn),
          }),
        generators: this.#generators,
        identity,
        isEnrolled: (key) =>
          this.#peers === null || this.#peers.has(clientIdOf(primitives, key)) || equalBytes(key, publicKey),
        ledger,
        policy: this.#policy,
        plan: plans.secagg,
        update: plans.update,
        round: contextOf(this.#platform.primitives, job),
      });
      const { modulusBits } = plans.update;
      const words = (): Uint32Array => this.#encode(`${job.key} ${renewals}`, plans.update, contribution);
      this.#conversation = new Conversation({ half, job, words, modulusBits, primitives, randomBytes });
      return this.#conversation.begin();
    });
  }

  /**
   * How often the update of this job's round was given up, so that it has to be trained anew with other draws.
   * @param server - the server's public key
   */
  async renewals(job: Job, server: Uint8Array): Promise<number> {
    if (job.plans === null) return 0;
    return (await this.#ledger.of(toHex(server))).renewals(contextOf(this.#platform.primitives, job));
  }

  /** Answers the server; null when it asks about another attempt. @throws FederatedError SECAGG_...: it goes on without this client */
  async answer(job: Job, question: SecureQuestion): Promise<SecureStep | null> {
    const conversation = this.#conversation;
    if (conversation?.isAbout(job) !== true) return null;
    const ledger = this.#attemptLedger;
    return this.#during(this.#turn, () =>
      conversation.answer(question).catch(async (thrown: unknown) => {
        if (asFederatedError(thrown).code === 'SECAGG_DIFFERENCE') await ledger?.renew(job.run);
        throw thrown;
      }),
    );
  }

  /** The last answer of this attempt once more, after the connection was lost. */
  async again(job: Job): Promise<SecureStep | null> {
    const conversation = this.#conversation;
    if (conversation?.isAbout(job) !== true) return null;
    return this.#during(this.#turn, async () => conversation.last);
  }

  get #generators(): readonly GeneratorName[] {
    return this.#platform.generators ?? [usualGenerator];
  }

  /** Gives the attempt up, if there is one, and overwrites its secrets. */
  end(): void {
    this.#turn++;
    this.#conversation?.end();
    this.#conversation = null;
  }

  /** Forgets everything, on the device too, as when consent is revoked. */
  forget(): Promise<void> {
    this.end();
    return this.#ledger.forget();
  }

  /** What an attempt brings, or fails with, once it is given up is of no use to anyone. */
  async #during(turn: number, work: () => Promise<SecureStep | null>): Promise<SecureStep | null> {
    try {
      const step = await work();
      return this.#turn === turn ? step : null;
    } catch (thrown) {
      if (this.#turn !== turn) return null;
      throw thrown;
    }
  }

  /** Lets other work go on while masks are made, and stops them if the attempt is given up. */
  async #pause(turn: number): Promise<void> {
    await pause(); // a timer would wait a millisecond or more, a hundred times
    if (this.#turn !== turn) throw new FederatedError('ABORTED', 'secagg: this attempt was given up');
  }

  #encode(name: string, plan: UpdatePlan, contribution: Contribution): Uint32Array {
    // By what was trained, not by the attempt: an update that is sent again is rounded as before.
    const info = utf8(`fedloom/1 rounding ${name}`);
    const noiseKey = this.#platform.primitives.hkdf(this.#rounding, new Uint8Array(0), info, 32);
    try {
      return encodeUpdate(plan, contribution, noiseKey, this.#platform.primitives.keystreams);
    } finally {
      noiseKey.fill(0);
    }
  }
}

const contextOf = (
  hashing: Pick<Primitives, 'sha256'>,
  { run, round, attempt, task, weights, control }: Job,
): Omit<RoundContext, 'plan'> => ({
  run: runId(run),
  round,
  attempt,
  model: modelHash(hashing, fromHex(task), fromHex(weights), control === null ? null : fromHex(control.sha256)),
});

/** @throws FederatedError BAD_ARGUMENT: compared with NaN every plan would do */
function policyOf(stricter: Partial<SecAggPolicy>): SecAggPolicy {
  const given = Object.entries(stricter).filter(([, value]) => value !== undefined);
  for (const [name, value] of given) {
    const numbers: readonly unknown[] = name === 'minThreshold' && Array.isArray(value) ? value : [value];
    const isKnown = Object.hasOwn(defaultPolicy, name);
    const isPair = numbers.length === (name === 'minThreshold' ? 2 : 1);
    if (isKnown && isPair && numbers.every((each) => typeof each === 'number' && each >= 0)) continue;
    const expected = !isKnown
      ? 'no such demand'
      : name === 'minThreshold'
        ? 'expected two numbers'
        : 'expected a number';
    throw new FederatedError('BAD_ARGUMENT', `secureAggregation.${name}: ${expected}, got ${String(value)}`);
  }
  return { ...defaultPolicy, ...Object.fromEntries(given) };
}

function peerIds({ primitives }: ClientPlatform, peers: readonly string[]): ReadonlySet<string> {
  return new Set(
    peers.map((peer) => {
      if (/^[0-9a-f]{32}$/.test(peer)) return peer;
      if (/^[0-9a-f]{64}$/.test(peer)) return clientIdOf(primitives, fromHex(peer));
      throw new FederatedError('BAD_ARGUMENT', `peers: expected 32 or 64 hex digits, got "${peer.slice(0, 70)}"`);
    }),
  );
}

/** @throws FederatedError BAD_PLAN, MODULUS_OVERFLOW */
function plansOf(texts: NonNullable<Job['plans']>): Plans {
  let values: unknown[];
  try {
    values = [JSON.parse(texts.secagg), JSON.parse(texts.update)];
  } catch (cause) {
    throw new FederatedError('BAD_PLAN', 'secagg: the plans of this attempt are no JSON', { cause });
  }
  return { secagg: checkSecAggPlan(values[0]), update: checkUpdatePlan(values[1]) };
}

/**
 * Finds out before the first answer what would stop this client at its masked update: by then it is missed by the others.
 * @throws FederatedError WRONG_SHAPE, NOT_FINITE, BAD_EXAMPLES, BAD_PLAN
 */
function checkFit(plan: UpdatePlan, { delta, examples, metrics }: Contribution): void {
  if (delta.length !== plan.dimension) {
    const message = `update: ${delta.length} values, but this round's plan has ${plan.dimension}; refused`;
    throw new FederatedError('WRONG_SHAPE', message);
  }
  clipFactor(delta, plan.clippingNorm);
  weightOf(plan, examples);
  checkNamed(plan, metrics);
}

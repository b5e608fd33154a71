import { toHex } from '../../shared/bytes.ts';
import { identityFromSeed } from '../../shared/crypto/identity.ts';
import type { GeneratorName } from '../../shared/crypto/primitives.ts';
import { asFederatedError, type ErrorCode } from '../../shared/errors.ts';
import type { ClientId } from '../../shared/ids.ts';
import { tagOf } from '../../shared/protocol/frames.ts';
import type { ClientMessage, ServerMessage } from '../../shared/protocol/messages.ts';
import { version } from '../../shared/version.ts';
import { bytesFloats } from '../../shared/weights.ts';
import type { SecureStep } from '../../client/conversation.ts';
import { SecureRounds } from '../../client/secure-rounds.ts';
import {
  newSession,
  type Job,
  type KeptUpdate,
  type Outgoing,
  type SessionEffect,
  type SessionEvent,
  type SessionState,
} from '../../client/session/types.ts';
import { step } from '../../client/session/step.ts';
import type { Session } from '../../server/gateway/session.ts';
import type { ClientWork, VirtualSurroundings } from './surroundings.ts';

type Told = Exclude<ClientMessage, { type: 'auth' | 'ping' }>;

/**
 * A client of a simulation: the session of a real one, over no socket. It has no engine and no data of its own, so that ten
 * thousand fit into little memory; what it needs for a job it makes when it is given one.
 */
export class VirtualClient implements Session {
  readonly id: ClientId;
  readonly label = '';
  readonly backend = '';
  readonly software = `fedloom/${version}`;
  readonly index: number;
  readonly #around: VirtualSurroundings;
  #state: SessionState = newSession;
  #isConnected = false;
  #work: ClientWork | null = null;
  #secure: SecureRounds | null = null;
  #masked: { readonly upload: string; readonly bytes: Uint8Array } | null = null;
  #abort: AbortController | null = null;
  #cancelTimer: () => void = () => {};

  constructor(index: number, id: ClientId, around: VirtualSurroundings) {
    this.index = index;
    this.id = id;
    this.#around = around;
  }

  get generators(): readonly GeneratorName[] {
    return this.#around.generators;
  }

  get lastSeen(): number {
    return this.#around.world.now;
  }

  join(): void {
    if (this.#state.link !== 'off') return;
    this.#dispatch({ type: 'join', unable: this.#around.isAtHand(this.index) ? null : 'not-idle' });
  }

  /** Its owner puts the device down, or takes it up again: what is in training then is lost. */
  lookAtHand(): void {
    const { unable } = this.#state;
    const isAtHand = this.#around.isAtHand(this.index);
    if (isAtHand && unable === 'not-idle') this.#dispatch({ type: 'able', examples: null });
    else if (!isAtHand && unable === null) this.#dispatch({ type: 'unable', reason: 'not-idle' });
  }

  /** The program dies: whatever it had in memory is gone, and its connection with it. */
  die(): void {
    this.#cancelTimer();
    this.#abort?.abort();
    this.#abort = null;
    this.#work = null;
    this.#secure = null;
    this.#masked = null;
    this.#state = newSession;
    this.#disconnect();
  }

  // The session, as the coordinator sees it.

  send(message: ServerMessage): void {
    if (!this.#isConnected) return;
    this.#around.world.post(() => {
      if (this.#isConnected) this.#dispatch({ type: 'message', message });
    });
  }

  end(code: ErrorCode, message: string): void {
    this.#isConnected = false;
    this.#around.world.post(() => {
      this.#around.handler.closed(this);
      this.#dispatch({ type: 'disconnected', code, message, isSure: true });
    });
  }

  // The client.

  #dispatch(event: SessionEvent): void {
    const [state, effects] = step(this.#state, event);
    this.#state = state;
    for (const effect of effects) this.#perform(effect);
  }

  #perform(effect: SessionEffect): void {
    const { world } = this.#around;
    switch (effect.do) {
      case 'connect':
        return this.#connect();
      case 'disconnect':
        return this.#disconnect();
      case 'send':
        return this.#tell(effect.message as Told);
      case 'retry-later':
        this.#cancelTimer = world.clock.after(1_000, () => this.#dispatch({ type: 'retry' }));
        return;
      case 'fetch':
        return this.#run(effect.job, (job, signal) => this.#fetch(job, signal));
      case 'train':
        return this.#train(effect.job);
      case 'cancel-work':
        this.#cancelTimer();
        this.#abort?.abort();
        this.#abort = null;
        return;
      case 'secure':
        return this.#secureStep(effect.job, () => this.#beginSecure(effect.job, effect.update));
      case 'answer':
        return this.#secureStep(effect.job, () => this.#secured().answer(effect.job, effect.question));
      case 'answer-again':
        return this.#secureStep(effect.job, () => this.#secured().again(effect.job));
      case 'end-secure':
        this.#secure?.end();
        this.#masked = null;
        return;
      case 'upload':
        return this.#upload(effect.outgoing, effect.from, effect.to);
      case 'forget':
        this.#work?.keeper.forget(effect.key);
        this.#work = null;
        return;
      case 'problem':
        return this.#around.problem(this.index, effect.code, effect.message);
      case 'fail':
        return world.fail(asFederatedError(effect));
      case 'outcome':
        return this.#around.settle(this.index, effect.outcome);
      case 'show':
      case 'finished':
        return;
      default:
        effect satisfies never;
    }
  }

  /** Shakes no hands: the session is open at once. */
  #connect(): void {
    const { handler, welcome } = this.#around;
    this.#isConnected = true;
    handler.opened(this);
    this.#dispatch({ type: 'message', message: { ...welcome, client: this.id } });
  }

  #disconnect(): void {
    if (!this.#isConnected) return;
    this.#isConnected = false;
    this.#around.handler.closed(this);
  }

  #tell(message: Told): void {
    const { world, handler } = this.#around;
    world.post(() => {
      if (this.#isConnected) handler.message(this, message);
    });
  }

  #working(): ClientWork {
    this.#work ??= this.#around.workFor(this.index);
    return this.#work;
  }

  #run(job: Job, action: (job: Job, signal: AbortSignal) => Promise<void>): void {
    this.#abort ??= new AbortController();
    const { signal } = this.#abort;
    const done = action(job, signal).catch((thrown: unknown) => {
      const current = this.#state.job;
      if (!signal.aborted && current?.key === job.key) this.#failed(current, thrown);
    });
    void this.#around.world.track(done);
  }

  async #fetch(job: Job, signal: AbortSignal): Promise<void> {
    if (job.plans !== null) await this.#secured().check(job, this.#around.serverPublicKey);
    const isEnough = await this.#working().jobs.fetch(job, signal);
    signal.throwIfAborted();
    this.#dispatch(isEnough ? { type: 'fetched', key: job.key } : { type: 'unable', reason: 'data-too-small' });
  }

  /** The pool begins at once; the update is there when this device would have it. */
  #train(job: Job): void {
    const { world, clientSeed, device } = this.#around;
    const { takes, diesAfter, work } = device(this.index, job);
    if (diesAfter !== null) {
      this.#cancelTimer = world.clock.after(diesAfter, () => this.#around.died(this));
      return;
    }
    this.#abort ??= new AbortController();
    const { signal } = this.#abort;
    const seed = `${job.run}/${clientSeed(this.index)}`;
    const epochsOf = (planned: number): number => Math.ceil(work * planned);
    const training = this.#working().jobs.train({ job, server: '', seed, signal, onProgress: () => {}, epochsOf });
    training.catch(() => {}); // looked at below
    this.#cancelTimer = world.clock.after(takes, () =>
      this.#run(job, async () => {
        const { update } = await training;
        this.#abort = null;
        this.#dispatch({ type: 'trained', update });
      }),
    );
  }

  #failed(job: Job, thrown: unknown): void {
    const { code, message } = asFederatedError(thrown, 'TRAINING_FAILED');
    const { key, attempt } = this.#state.job ?? {};
    if (key === job.key && attempt === job.attempt) this.#dispatch({ type: 'work-failed', key, code, message });
  }

  #upload(outgoing: Outgoing, from: number, to: number): void {
    const { kept } = this.#state;
    const { upload } = outgoing;
    const bytes =
      this.#masked?.upload === toHex(upload)
        ? this.#masked.bytes
        : kept === outgoing
          ? this.#working().keeper.bytesOf(kept.key)
          : null;
    if (bytes === null) return;
    const { world, handler } = this.#around;
    world.post(() => {
      if (!this.#isConnected || bytes.length === 0) return; // forgotten, and its memory given away
      const payload = bytes.subarray(from, to);
      if (handler.chunk(this, tagOf(upload), from, payload)) this.#around.sent('up', payload.length);
    });
  }

  // Secure aggregation.

  #secured(): SecureRounds {
    const { platform, clientSeed } = this.#around;
    this.#secure ??= new SecureRounds(platform(), {}, clientSeed(this.index));
    return this.#secure;
  }

  async #beginSecure(job: Job, { key, examples, metrics }: KeptUpdate): Promise<SecureStep | null> {
    const { serverPublicKey, identitySeed, primitives } = this.#around;
    const delta = bytesFloats(this.#working().keeper.bytesOf(key));
    const identity = identityFromSeed(primitives, identitySeed(this.index));
    return this.#secured().begin(job, identity, serverPublicKey, { delta, examples, metrics });
  }

  #secureStep(job: Job, next: () => Promise<SecureStep | null>): void {
    const done = next()
      .then((step) => {
        if (step === null) return;
        if ('send' in step) return this.#dispatch({ type: 'secured', job, message: step.send });
        const { upload, bytes } = step;
        this.#masked = { upload: toHex(upload), bytes };
        this.#dispatch({ type: 'masked', job, masked: { upload, bytes: bytes.length } });
      })
      .catch((thrown: unknown) => this.#failed(job, thrown));
    void this.#around.world.track(done);
  }
}

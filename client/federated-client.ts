import { toHex } from '../shared/bytes.ts';
import type { Examples } from '../shared/engine/engine.ts';
import type { Signer } from '../shared/crypto/identity.ts';
import { FederatedError } from '../shared/errors.ts';
import { parseLink } from '../shared/protocol/link.ts';
import type { ClientMessage, MessageOf, ServerMessage } from '../shared/protocol/messages.ts';
import type { ClientState, WaitReason } from '../shared/states.ts';
import { backoff } from './backoff.ts';
import { BlobFetcher } from './blob-fetcher.ts';
import type { FederatedClientOptions, ProblemDetail, StateDetail } from './client-options.ts';
import { watchConditions } from './condition-watch.ts';
import { judge } from './conditions.ts';
import { Consent, type ConsentRecord } from './consent.ts';
import { watchData } from './data-watch.ts';
import { seedKeys } from './device-identity.ts';
import { Entrance } from './entrance.ts';
import { Inspector, type Inspection, type UpdateFacts } from './inspection.ts';
import { JobRunner } from './job-runner.ts';
import { JobWorker } from './job-worker.ts';
import { UpdateKeeper } from './kept-update.ts';
import { ModelCache, type GlobalModel } from './model-cache.ts';
import type { ClientPlatform } from './platform.ts';
import { OwnState } from './own-state.ts';
import { Queue } from './queue.ts';
import { SecureRounds } from './secure-rounds.ts';
import { ServerLink } from './server-link.ts';
import {
  beginSession,
  type Job,
  type RoundOutcome,
  type SessionEffect,
  type SessionEvent,
  type SessionState,
} from './session/types.ts';
import { step } from './session/step.ts';
import { sentenceOf } from './state-sentences.ts';
import type { Trainer } from './trainer.ts';

export type { FederatedClientOptions, ProblemDetail, StateDetail } from './client-options.ts';

/**
 * A participant in a federation. Events: `state` (StateDetail), `round` (RoundOutcome), `problem` (ProblemDetail),
 * `consent` (ConsentRecord).
 *
 * This is where the parts meet: the session, which decides; and what does it: the connection, the jobs, secure aggregation,
 * consent, and the conditions of the device.
 */
export class FederatedClient extends EventTarget {
  readonly consent: Consent;
  readonly #options: FederatedClientOptions;
  readonly #platform: ClientPlatform;
  readonly #link: ServerLink;
  readonly #entrance: Entrance;
  readonly #trainer: Trainer;
  #state: SessionState;
  #shown: StateDetail = { state: 'off', reason: null, message: sentenceOf('off', null, false) };
  #identity: Signer | null = null;
  readonly #fetcher: BlobFetcher;
  readonly #worker: JobWorker;
  readonly #secure: SecureRounds;
  readonly #jobs: JobRunner;
  #rounds: Queue<RoundOutcome> | null = null;
  readonly #models: ModelCache;
  readonly #keeper: UpdateKeeper;
  /** What the run's algorithm keeps on this device. */
  readonly #own: OwnState;
  readonly #inspector = new Inspector();
  /** Of the kept update. */
  #facts: UpdateFacts | null = null;
  #saving: Promise<void> = Promise.resolve();
  #cancelRetry: () => void = () => {};
  #cancelCheck: () => void = () => {};
  /** Ends the wait for more examples. */
  #cancelDataCheck: () => void = () => {};
  #joining = false;

  /** @throws FederatedError BAD_LINK, BAD_ARGUMENT */
  constructor(options: FederatedClientOptions, platform: ClientPlatform) {
    super();
    this.#options = options;
    this.#platform = platform;
    const link = parseLink(options.url);
    this.#state = beginSession(options.maxDoubtfulRefusals);
    this.#fetcher = new BlobFetcher(platform, link.httpUrl);
    this.#models = new ModelCache(platform.store, platform.primitives);
    this.#keeper = new UpdateKeeper(platform.store);
    this.#own = new OwnState(platform.store);
    this.#secure = new SecureRounds(platform, options.secureAggregation, options.seed);
    const { trainer, backend = 'auto' } = options;
    const isModule = typeof trainer === 'string' || trainer instanceof URL;
    this.#trainer =
      trainer !== undefined && !isModule
        ? trainer
        : platform.createTrainer({ backend, ...(isModule ? { module: trainer } : {}) });
    this.#worker = new JobWorker({
      platform,
      fetcher: this.#fetcher,
      models: this.#models,
      keeper: this.#keeper,
      own: this.#own,
      trainer: this.#trainer,
      data: async (context) => {
        const given = await options.data(context);
        return platform.toExamples?.(given, context.task.data) ?? (given as Examples);
      },
      liveData: options.liveData ?? false,
    });
    this.#jobs = new JobRunner({
      worker: this.#worker,
      secure: this.#secure,
      keeper: this.#keeper,
      seed: options.seed,
      parties: () => ({ identity: this.#identity!, server: this.#link.server! }),
      current: () => this.#state.job,
      dispatch: (event) => this.#dispatch(event),
      tooFew: () => this.#tooFew(),
      trained: (facts) => {
        this.#facts = facts;
      },
    });
    const { store, primitives, clock } = platform;
    this.consent = new Consent({
      store,
      primitives,
      now: () => clock.now(),
      onChange: (record) => this.#consentChanged(record),
    });
    this.#entrance = new Entrance({
      consent: this.consent,
      isConsentGiven: options.consent === 'given',
      keys: platform.keys ?? seedKeys(platform),
      platform,
      show: (state, reason) => this.#show(state, reason),
    });
    this.#link = new ServerLink(
      { platform, link, label: options.label ?? '' },
      {
        sent: (name, bytes, message) => this.#inspector.sent(name, bytes, Object.keys(message ?? {})),
        welcomed: ({ token }, server) => {
          this.#fetcher.token = token;
          this.#restore(toHex(server));
        },
        message: (message) => this.#dispatch({ type: 'message', message }),
        closed: (code, message, isSure) => this.#dispatch({ type: 'disconnected', code, message, isSure }),
      },
    );
  }

  get state(): StateDetail {
    return this.#shown;
  }

  /** What computes: once training has begun the backend that was chosen, before that what was asked for. */
  get backend(): string {
    return this.#trainer.backend;
  }

  /**
   * Takes part until the run is finished (with `stay`: until aborted), giving the outcome of each round in which this
   * client was selected.
   * @throws FederatedError NOT_ADMITTED, EXCLUDED, WRONG_SERVER, SESSION_REPLACED, ... when the server refuses this client
   */
  async *join({ signal }: { readonly signal?: AbortSignal } = {}): AsyncGenerator<RoundOutcome, void, void> {
    if (this.#joining) throw new FederatedError('BAD_STATE', 'this client has joined already');
    this.#joining = true;
    const rounds = new Queue<RoundOutcome>();
    this.#rounds = rounds;
    const abort = (): void => this.#leave('user');
    signal?.addEventListener('abort', abort, { once: true });
    try {
      if (signal?.aborted === true) this.#leave('user');
      await this.#enter(rounds);
      yield* rounds;
      await this.#saving;
    } finally {
      signal?.removeEventListener('abort', abort);
      this.#leave('user');
      this.#joining = false;
      await this.#worker.close();
      await this.#models.persist().finally(() => this.#entrance.giveTurn());
    }
  }

  /** Leaves the federation; `join` ends. */
  leave(): void {
    this.#leave('user');
  }

  /**
   * The newest global model that this device has seen committed; from the device's own store when offline.
   * @param personal - in the form that this client's own layers or its own model give it, where the run's algorithm has such
   */
  async model({ personal = false }: { readonly personal?: boolean } = {}): Promise<GlobalModel> {
    await this.#saving;
    const model = await this.#models.newest();
    if (!personal) return model;
    return { ...model, weights: await this.#worker.personal(model.run, model.task, model.weights) };
  }

  /** What leaves this device, to the byte: messages by kind, and what is known of the update without its values. */
  async inspect(): Promise<Inspection> {
    return this.#inspector.read();
  }

  // Entering and leaving.

  /** @param rounds - of this joining: ended once this client has left, or its consent is revoked */
  async #enter(rounds: Queue<RoundOutcome>): Promise<void> {
    const identity = await this.#entrance.pass(() => rounds.ended);
    if (identity === null) return;
    this.#identity = identity;
    await this.#keeper.restore();
    const { when, checkEvery = 30_000 } = this.#options;
    const unable = judge(when ?? {}, await this.#platform.readings());
    if (rounds.ended) return;
    this.#dispatch({ type: 'join', unable });
    if (when === undefined) return;
    this.#cancelCheck = watchConditions(this.#platform, when, checkEvery, (reason) => this.#conditionsSeen(reason));
  }

  #leave(reason: 'user' | 'consent' | 'finished'): void {
    this.#cancelRetry();
    this.#cancelCheck();
    this.#cancelDataCheck();
    this.#entrance.leave();
    if (this.#state.link !== 'off' || reason === 'consent') this.#dispatch({ type: 'leave', reason });
    this.#rounds?.end();
  }

  async #consentChanged(record: ConsentRecord): Promise<void> {
    this.dispatchEvent(new CustomEvent<ConsentRecord>('consent', { detail: record }));
    if (record.state === 'granted') return this.#entrance.consented();
    this.#leave('consent');
    this.#identity = null;
    this.#link.forgetTicket();
    await this.#secure.forget();
    await this.#entrance.forgetKey();
    await this.#keeper.clear();
    await this.#saving;
    await this.#models.forget();
    await this.#own.forget();
    this.#show('needs-consent', null);
  }

  /** @param reason - why the device may not train now, or null */
  #conditionsSeen(reason: WaitReason | null): void {
    const { unable, examples } = this.#state;
    // Too few examples, or a plan that is refused, are nothing that the device's condition changes.
    const mayBeAble = unable !== null && unable !== 'data-too-small' && unable !== 'plan-refused';
    if (reason === null && mayBeAble) this.#dispatch({ type: 'able', examples });
    else if (reason !== null && unable === null) this.#dispatch({ type: 'unable', reason });
  }

  // The session.

  #dispatch(event: SessionEvent): void {
    const [state, effects] = step(this.#state, event);
    this.#state = state;
    for (const effect of effects) this.#perform(effect);
  }

  #perform(effect: SessionEffect): void {
    switch (effect.do) {
      case 'connect':
        return this.#link.open(this.#identity!, this.#trainer.backend);
      case 'disconnect':
        return this.#link.close();
      case 'send':
        return this.#send(effect.message);
      case 'retry-later': {
        const random = new DataView(this.#platform.randomBytes(4).buffer).getUint32(0) / 2 ** 32;
        const wait = backoff(effect.failures, random);
        this.#cancelRetry = this.#platform.clock.after(wait, () => this.#dispatch({ type: 'retry' }));
        return;
      }
      case 'fetch':
        return this.#jobs.fetch(effect.job);
      case 'train':
        return this.#jobs.train(effect.job);
      case 'cancel-work':
        return this.#jobs.cancel();
      case 'secure':
        this.#inspect(effect.job);
        return this.#jobs.mask(effect.job, effect.update);
      case 'answer':
        return this.#jobs.answer(effect.job, effect.question);
      case 'answer-again':
        return this.#jobs.answerAgain(effect.job);
      case 'end-secure':
        return this.#jobs.endSecure();
      case 'upload': {
        const { outgoing, from, to } = effect;
        const bytes = this.#jobs.bytesOf(outgoing, this.#state.kept);
        if (bytes !== null) this.#link.sendChunks(outgoing.upload, bytes, from, to);
        return;
      }
      case 'forget':
        return this.#keeper.forget(effect.key);
      case 'show':
        return this.#show(effect.state, effect.reason);
      case 'outcome':
        return this.#outcome(effect.outcome);
      case 'problem': {
        const { code, message } = effect;
        this.dispatchEvent(new CustomEvent<ProblemDetail>('problem', { detail: { code, message } }));
        return;
      }
      case 'finished':
        return this.#finished(effect.message);
      case 'fail':
        this.#rounds?.fail(new FederatedError(effect.code, effect.message));
        return;
      default:
        effect satisfies never;
    }
  }

  #send(message: ClientMessage): void {
    if (message.type === 'report') {
      if (message.encoding !== 'masked' && this.#state.job !== null) this.#inspect(this.#state.job);
      this.#inspector.offers(message);
    }
    this.#link.send(message);
  }

  #inspect(job: Job): void {
    if (this.#facts !== null) this.#inspector.contributes(job, this.#facts);
  }

  /** Brings back an update that an earlier start of this client has kept for this server. */
  #restore(server: string): void {
    const restored = this.#keeper.take(server, this.#options.secureAggregation?.required === true);
    if (restored === null) return;
    this.#facts = restored.facts;
    this.#dispatch({ type: 'restored', update: restored.update, secure: restored.secure });
  }

  /** With data that changes, there may be enough of it later. */
  #tooFew(): void {
    this.#dispatch({ type: 'unable', reason: 'data-too-small' });
    const { liveData, checkEvery = 30_000 } = this.#options;
    if (liveData !== true) return;
    this.#cancelDataCheck();
    this.#cancelDataCheck = watchData(
      this.#platform,
      checkEvery,
      (signal) => this.#worker.hasEnough(signal),
      () => this.#state.unable === 'data-too-small',
      () => this.#dispatch({ type: 'able', examples: this.#state.examples }),
    );
  }

  // What people see.

  #outcome(outcome: RoundOutcome): void {
    // At once, for the next training of this client; a disk that is full costs what the algorithm had kept.
    const settled = this.#own.settle(outcome).catch(() => {});
    this.#saving = this.#saving.then(() => settled);
    this.#rounds?.push(outcome);
    this.dispatchEvent(new CustomEvent('round', { detail: outcome }));
  }

  /** The run is over: keeps its model, then leaves or waits for the next run. */
  #finished(message: MessageOf<ServerMessage, 'finished'>): void {
    this.#saving = this.#saving
      .then(() => this.#worker.keepFinal(message))
      .catch(() => {}) // the model can be fetched again another time; leaving must not fail for it
      .then(() => {
        if (this.#options.stay !== true) this.#leave('finished');
      });
  }

  #show(state: ClientState, reason: WaitReason | null): void {
    this.#shown = { state, reason, message: sentenceOf(state, reason, this.#state.job?.plans === null) };
    this.dispatchEvent(new CustomEvent('state', { detail: this.#shown }));
  }
}

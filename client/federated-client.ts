import { toHex } from '../shared/bytes.ts';
import { identityFromSeed, type Identity } from '../shared/crypto/identity.ts';
import { asFederatedError, FederatedError } from '../shared/errors.ts';
import { sha256Id } from '../shared/ids.ts';
import { parseLink, type ParsedLink } from '../shared/protocol/link.ts';
import type { ServerMessage } from '../shared/protocol/messages.ts';
import { isWaitReason, waitReasons, type ClientState, type WaitReason } from '../shared/states.ts';
import { modelLayout } from '../shared/tasks/model.ts';
import { decodeTask, type Task } from '../shared/tasks/task.ts';
import { bytesFloats, floatBytes, layoutSize } from '../shared/weights.ts';
import { backoff } from './backoff.ts';
import { BlobFetcher } from './blob-fetcher.ts';
import { judge, type Conditions } from './conditions.ts';
import { ClientConnection } from './connection.ts';
import { ModelCache, type GlobalModel } from './model-cache.ts';
import { Consent } from './consent.ts';
import { toExamples, type ClientData } from './data.ts';
import type { ClientPlatform } from './platform.ts';
import { Queue } from './queue.ts';
import {
  newSession,
  step,
  type Job,
  type RoundOutcome,
  type SessionEffect,
  type SessionEvent,
  type SessionState,
} from './session.ts';
import type { Trainer } from './trainer.ts';

export interface FederatedClientOptions {
  /** The join link that the server printed, or `ws://host:port/v1`. */
  readonly url: string;
  /** Called when a task has arrived: this device's private examples. They never leave it. */
  readonly data: (context: { readonly task: Task; readonly signal: AbortSignal }) => Promise<ClientData> | ClientData;
  /** `required` (the default): nothing connects until `consent.grant()`. `given`: whoever starts this program consents. */
  readonly consent?: 'required' | 'given';
  readonly when?: Conditions;
  /** `auto`, or a backend by name. */
  readonly backend?: string;
  /** Custom training: an object, or the URL of a module with `train` that runs in the worker. */
  readonly trainer?: Trainer | string | URL;
  /** Seeds the order of this client's batches; by default it follows from its identity. */
  readonly seed?: number | string;
  /** Shown to the operator. */
  readonly label?: string;
  /** Stay after a run is finished and take part in the next. Default: false. */
  readonly stay?: boolean;
  /** How often the conditions of `when` are looked at, ms. Default: 30,000. */
  readonly checkEvery?: number;
}

export interface StateDetail {
  readonly state: ClientState;
  readonly reason: WaitReason | null;
  /** One plain sentence. */
  readonly message: string;
}

const identityKey = 'identity.seed';

/**
 * A participant in a federation. Events: `state` (StateDetail), `round` (RoundOutcome).
 *
 * The session's decisions are in `session.ts`; here are the socket, the clock, the trainer and the device's store.
 */
export class FederatedClient extends EventTarget {
  readonly consent: Consent;
  readonly #options: FederatedClientOptions;
  readonly #platform: ClientPlatform;
  readonly #link: ParsedLink;
  readonly #trainer: Trainer;
  #state: SessionState = newSession;
  #shown: StateDetail = { state: 'off', reason: null, message: sentences.off };
  #identity: Identity | null = null;
  #connection: ClientConnection | null = null;
  #ticket: Uint8Array | null = null;
  #fetcher: BlobFetcher;
  #task: { readonly sha256: string; readonly task: Task } | null = null;
  #loadedTask: string | null = null;
  #jobWeights: Float32Array | null = null;
  readonly #updates = new Map<string, Uint8Array>();
  #work: AbortController | null = null;
  #rounds: Queue<RoundOutcome> | null = null;
  readonly #models: ModelCache;
  #saving: Promise<void> = Promise.resolve();
  #cancelRetry: () => void = () => {};
  #cancelCheck: () => void = () => {};
  #joining = false;
  #onConsent: () => void = () => {};

  /** @throws FederatedError BAD_LINK */
  constructor(options: FederatedClientOptions, platform: ClientPlatform) {
    super();
    this.#options = options;
    this.#platform = platform;
    this.#link = parseLink(options.url);
    this.#fetcher = new BlobFetcher(platform, this.#link.httpUrl);
    this.#models = new ModelCache(platform.store, platform.primitives);
    const { trainer, backend = 'auto' } = options;
    const isModule = typeof trainer === 'string' || trainer instanceof URL;
    this.#trainer =
      trainer !== undefined && !isModule
        ? trainer
        : platform.createTrainer({ backend, ...(isModule ? { module: trainer } : {}) });
    const { store, primitives, clock } = platform;
    this.consent = new Consent({
      store,
      primitives,
      now: () => clock.now(),
      onChange: (granted) => this.#consentChanged(granted),
    });
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
      await this.#enter(signal);
      if (signal?.aborted === true) this.#leave('user');
      yield* rounds;
      await this.#saving;
    } finally {
      signal?.removeEventListener('abort', abort);
      this.#leave('user');
      this.#joining = false;
      await this.#trainer.close();
      this.#loadedTask = null;
      await this.#models.persist();
    }
  }

  /** Leaves the federation; `join` ends. */
  leave(): void {
    this.#leave('user');
  }

  /** The newest global model that this device has seen committed; from the device's own store when offline. */
  async model(): Promise<GlobalModel> {
    await this.#saving;
    return this.#models.newest();
  }

  // Entering and leaving.

  async #enter(signal: AbortSignal | undefined): Promise<void> {
    await this.consent.load();
    const given = this.#options.consent === 'given';
    while (!given && !this.consent.granted && signal?.aborted !== true) {
      this.#show('needs-consent', null);
      await new Promise<void>((resolve) => {
        this.#onConsent = resolve;
        signal?.addEventListener('abort', () => resolve(), { once: true });
      });
    }
    if (signal?.aborted === true) return;
    this.#identity = await this.#loadIdentity();
    const unable = judge(this.#options.when ?? {}, await this.#platform.readings());
    this.#dispatch({ type: 'join', unable });
    this.#watchConditions();
  }

  async #loadIdentity(): Promise<Identity> {
    const { store, primitives, randomBytes } = this.#platform;
    const stored = await store.load(identityKey);
    if (stored !== null && stored.length !== 32) {
      throw new FederatedError(
        'BAD_FILE',
        `the identity on this device has ${stored.length} bytes, expected 32; remove it to get a new one`,
      );
    }
    const seed = stored ?? randomBytes(32);
    if (stored === null) await store.save(identityKey, seed);
    return identityFromSeed(primitives, seed);
  }

  #leave(reason: 'user' | 'consent' | 'finished'): void {
    this.#cancelRetry();
    this.#cancelCheck();
    this.#onConsent();
    if (this.#state.link !== 'off') this.#dispatch({ type: 'leave', reason });
    this.#rounds?.end();
  }

  async #consentChanged(granted: boolean): Promise<void> {
    if (granted) return this.#onConsent();
    this.#leave('consent');
    this.#updates.clear();
    await this.#saving;
    await this.#platform.store.remove(identityKey);
    await this.#models.forget();
    this.#show('needs-consent', null);
  }

  #watchConditions(): void {
    const { when, checkEvery = 30_000 } = this.#options;
    if (when === undefined) return;
    this.#cancelCheck = this.#platform.clock.after(checkEvery, () => {
      void this.#platform.readings().then((readings) => {
        const reason = judge(when, readings);
        if (reason === null && this.#state.unable !== null && this.#state.unable !== 'data-too-small') {
          this.#dispatch({ type: 'able', examples: this.#state.examples });
        } else if (reason !== null && this.#state.unable === null) this.#dispatch({ type: 'unable', reason });
        this.#watchConditions();
      });
    });
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
        return this.#connect();
      case 'disconnect':
        this.#connection?.close();
        this.#connection = null;
        return;
      case 'send':
        return this.#connection?.send(effect.message);
      case 'retry-later': {
        const random = new DataView(this.#platform.randomBytes(4).buffer).getUint32(0) / 2 ** 32;
        const wait = backoff(effect.failures, random);
        this.#cancelRetry = this.#platform.clock.after(wait, () => this.#dispatch({ type: 'retry' }));
        return;
      }
      case 'fetch':
        return this.#run(effect.job, (signal) => this.#fetch(effect.job, signal));
      case 'train':
        return this.#run(effect.job, (signal) => this.#train(effect.job, signal));
      case 'cancel-work':
        this.#work?.abort();
        this.#work = null;
        return;
      case 'upload': {
        const bytes = this.#updates.get(effect.update.key);
        if (bytes !== undefined) this.#connection?.sendChunks(effect.update.upload, bytes, effect.from, effect.to);
        return;
      }
      case 'forget':
        this.#updates.delete(effect.key);
        return;
      case 'show':
        return this.#show(effect.state, effect.reason);
      case 'outcome':
        return this.#outcome(effect.outcome);
      case 'finished':
        return this.#finished(effect.message);
      case 'fail':
        this.#rounds?.fail(new FederatedError(effect.code, effect.message));
        return;
      default:
        effect satisfies never;
    }
  }

  #connect(): void {
    const { label = '' } = this.#options;
    const options = {
      platform: this.#platform,
      identity: this.#identity!,
      link: this.#link,
      label,
      backend: this.#trainer.backend,
      ticket: this.#ticket,
    };
    const connection: ClientConnection = new ClientConnection(options, {
      message: (message) => {
        if (this.#connection !== connection) return;
        if (message.type === 'welcome') {
          this.#ticket = message.ticket;
          this.#fetcher.token = message.token;
        }
        this.#dispatch({ type: 'message', message });
      },
      closed: (code, message) => {
        if (this.#connection !== connection) return;
        this.#connection = null;
        this.#dispatch({ type: 'disconnected', code, message });
      },
    });
    this.#connection = connection;
  }

  /** Does a part of a job; what goes wrong ends this job, not the client. */
  #run(job: Job, action: (signal: AbortSignal) => Promise<void>): void {
    this.#work ??= new AbortController();
    const { signal } = this.#work;
    action(signal).catch((thrown: unknown) => {
      if (signal.aborted) return;
      const { code, message } = asFederatedError(thrown, 'TRAINING_FAILED');
      this.#dispatch({ type: 'work-failed', key: job.key, code, message });
    });
  }

  async #fetch(job: Job, signal: AbortSignal): Promise<void> {
    const [taskBytes, weightBytes] = await Promise.all([
      this.#task?.sha256 === job.task ? null : this.#fetcher.fetch(job.task, job.taskBytes, signal),
      this.#fetcher.fetch(job.weights, job.weightsBytes, signal),
    ]);
    if (taskBytes !== null) this.#task = { sha256: job.task, task: decodeTask(taskBytes) };
    const { task } = this.#task!;
    this.#jobWeights = bytesFloats(weightBytes);
    const expected = layoutSize(modelLayout(task.model));
    if (this.#jobWeights.length !== expected) {
      throw new FederatedError(
        'BAD_MODEL',
        `the model has ${this.#jobWeights.length} weights, its task says ${expected}`,
      );
    }
    const { run, round, weights } = job;
    this.#models.remember({ run, round: round - 1, sha256: sha256Id(weights), task, weights: this.#jobWeights });
    if (this.#loadedTask !== job.task) {
      const examples = await toExamples(await this.#options.data({ task, signal }), task.data);
      if (signal.aborted) return;
      if (examples.count < task.training.minExamples) {
        this.#dispatch({ type: 'unable', reason: 'data-too-small' });
        return;
      }
      await this.#trainer.load(task, examples);
      this.#loadedTask = job.task;
    }
    if (!signal.aborted) this.#dispatch({ type: 'fetched', key: job.key });
  }

  async #train(job: Job, signal: AbortSignal): Promise<void> {
    const seed = `${job.run}/${this.#options.seed ?? toHex(this.#identity!.publicKey)}`;
    let lastProgress = this.#platform.clock.now();
    const { delta, examples, metrics } = await this.#trainer.train({
      task: this.#task!.task,
      weights: this.#jobWeights!,
      round: job.round,
      seed,
      signal,
      onProgress: (fraction) => {
        const now = this.#platform.clock.now();
        if (now - lastProgress < 1_000) return; // a message a second is enough
        lastProgress = now;
        this.#dispatch({ type: 'progress', key: job.key, fraction: Math.min(1, Math.max(0, fraction)) });
      },
    });
    if (signal.aborted) return;
    this.#work = null;
    const bytes = floatBytes(delta);
    this.#updates.set(job.key, bytes);
    const upload = this.#platform.randomBytes(16);
    const { key, run, round } = job;
    this.#dispatch({
      type: 'trained',
      update: {
        key,
        run,
        round,
        upload,
        bytes: bytes.length,
        examples,
        metrics,
        backend: this.#trainer.backend.slice(0, 64),
      },
    });
  }

  #outcome(outcome: RoundOutcome): void {
    this.#rounds?.push(outcome);
    this.dispatchEvent(new CustomEvent('round', { detail: outcome }));
  }

  /** The run is over: keeps its model, then leaves or waits for the next run. */
  #finished({
    run,
    rounds,
    weights,
    weightsBytes,
    task,
    taskBytes,
  }: Extract<ServerMessage, { type: 'finished' }>): void {
    this.#saving = this.#saving
      .then(async () => {
        if (weights === undefined || task === undefined) return;
        await this.#keepModel(
          run,
          rounds,
          { sha256: toHex(weights), bytes: weightsBytes ?? 0 },
          { sha256: toHex(task), bytes: taskBytes ?? 0 },
        );
      })
      .catch(() => {}) // the model can be fetched again another time; leaving must not fail for it
      .then(() => {
        if (this.#options.stay !== true) this.#leave('finished');
      });
  }

  async #keepModel(run: string, round: number, weights: Blob, task: Blob): Promise<void> {
    const { signal } = new AbortController();
    if (this.#task?.sha256 !== task.sha256) {
      const bytes = await this.#fetcher.fetch(task.sha256, task.bytes, signal);
      this.#task = { sha256: task.sha256, task: decodeTask(bytes) };
    }
    const floats = bytesFloats(await this.#fetcher.fetch(weights.sha256, weights.bytes, signal));
    this.#models.remember({ run, round, sha256: sha256Id(weights.sha256), task: this.#task.task, weights: floats });
  }

  #show(state: ClientState, reason: WaitReason | null): void {
    const message = reason !== null && isWaitReason(reason) ? waitReasons[reason] : sentences[state];
    this.#shown = { state, reason, message };
    this.dispatchEvent(new CustomEvent('state', { detail: this.#shown }));
  }
}

/** A blob as the server announces it. */
interface Blob {
  readonly sha256: string;
  readonly bytes: number;
}

const sentences: Record<ClientState, string> = {
  off: 'Not taking part.',
  'needs-consent': 'Waiting for your consent; nothing is sent before.',
  ineligible: 'Not taking part for now.',
  connecting: 'Connecting to the server.',
  waiting: 'Waiting.',
  selected: 'Selected for this round.',
  downloading: 'Fetching the model.',
  training: 'Training on the data of this device.',
  uploading: 'Sending the encrypted update.',
  reported: 'The update has arrived; waiting for the round to end.',
  paused: 'Paused.',
  rejected: 'The server refused this client.',
  left: 'Left the federation.',
  failed: 'Failed.',
};

import { toHex } from '../shared/bytes.ts';
import type { Signer } from '../shared/crypto/identity.ts';
import { asFederatedError } from '../shared/errors.ts';
import { bytesFloats } from '../shared/weights.ts';
import type { SecureStep } from './conversation.ts';
import type { UpdateFacts } from './inspection.ts';
import type { JobWorker } from './job-worker.ts';
import type { UpdateKeeper } from './kept-update.ts';
import type { SecureRounds } from './secure-rounds.ts';
import type { Job, KeptUpdate, Outgoing, SecureQuestion, SessionEvent } from './session/types.ts';

export interface JobRunnerOptions {
  readonly worker: Pick<JobWorker, 'fetch' | 'train'>;
  readonly secure: Pick<SecureRounds, 'check' | 'renewals' | 'begin' | 'answer' | 'again' | 'end'>;
  readonly keeper: Pick<UpdateKeeper, 'bytesOf'>;
  /** Of all randomness of training; without, the client's own key. */
  readonly seed: number | string | undefined;
  /** Who this client is, and the public key of the server that it has its session with. */
  readonly parties: () => { readonly identity: Signer; readonly server: Uint8Array };
  /** The job that the session is at. */
  readonly current: () => Job | null;
  readonly dispatch: (event: SessionEvent) => void;
  /** There are fewer examples than the task asks for. */
  readonly tooFew: () => void;
  /** What may be said of the update, where anybody can look at that. */
  readonly trained: (facts: UpdateFacts | null) => void;
}

/** Does what the session asks for its job, and tells it what came of it: fetching, training, steps of secure aggregation. */
export class JobRunner {
  readonly #options: JobRunnerOptions;
  /** Ends the fetching or training in progress. */
  #work: AbortController | null = null;
  /** The masked update of the attempt in progress. */
  #masked: { readonly upload: string; readonly bytes: Uint8Array } | null = null;

  constructor(options: JobRunnerOptions) {
    this.#options = options;
  }

  fetch(job: Job): void {
    this.#run(job, async (signal) => {
      const { worker, secure, parties, dispatch, tooFew } = this.#options;
      await secure.check(job, parties().server);
      signal.throwIfAborted();
      const isEnough = await worker.fetch(job, signal);
      signal.throwIfAborted();
      if (isEnough) dispatch({ type: 'fetched', key: job.key });
      else tooFew();
    });
  }

  train(job: Job): void {
    this.#run(job, async (signal) => {
      const { worker, secure, parties, dispatch, trained } = this.#options;
      const { identity, server } = parties();
      const renewals = await secure.renewals(job, server);
      const own = this.#options.seed ?? toHex(identity.publicKey);
      const seed = `${job.run}/${own}${renewals === 0 ? '' : `/${renewals}`}`;
      const onProgress = (fraction: number): void => dispatch({ type: 'progress', key: job.key, fraction });
      const { update, facts } = await worker.train({ job, server: toHex(server), seed, signal, onProgress });
      if (this.#work?.signal === signal) this.#work = null;
      else if (this.#options.current()?.key === job.key) this.cancel(); // given up when it was done already, and begun anew
      trained(facts);
      dispatch({ type: 'trained', update });
    });
  }

  /** Ends the fetching or training in progress. */
  cancel(): void {
    this.#work?.abort();
    this.#work = null;
  }

  /** Begins an attempt with secure aggregation. */
  mask(job: Job, { key, examples, metrics }: KeptUpdate): void {
    this.#secureStep(job, async () => {
      const { secure, keeper, parties } = this.#options;
      const { identity, server } = parties();
      return secure.begin(job, identity, server, { delta: bytesFloats(keeper.bytesOf(key)), examples, metrics });
    });
  }

  answer(job: Job, question: SecureQuestion): void {
    this.#secureStep(job, () => this.#options.secure.answer(job, question));
  }

  /** Gives the last answer once more. */
  answerAgain(job: Job): void {
    this.#secureStep(job, () => this.#options.secure.again(job));
  }

  endSecure(): void {
    this.#options.secure.end();
    this.#masked = null;
  }

  /** The bytes of what is on its way to the server; null when they are of no use any more. */
  bytesOf(outgoing: Outgoing, kept: KeptUpdate | null): Uint8Array | null {
    if (this.#masked?.upload === toHex(outgoing.upload)) return this.#masked.bytes;
    return kept === outgoing ? this.#options.keeper.bytesOf(kept.key) : null;
  }

  #run(job: Job, part: (signal: AbortSignal) => Promise<void>): void {
    this.#work ??= new AbortController();
    const { signal } = this.#work;
    part(signal).catch((thrown: unknown) => {
      const current = this.#options.current(); // of a later attempt perhaps, which has taken this work over
      if (!signal.aborted && current?.key === job.key) this.#failed(current, thrown);
    });
  }

  /** What is refused ends this client's part in the attempt. */
  #secureStep(job: Job, next: () => Promise<SecureStep | null>): void {
    const { dispatch } = this.#options;
    next()
      .then((step) => {
        if (step === null) return;
        if ('send' in step) return dispatch({ type: 'secured', job, message: step.send });
        const { upload, bytes } = step;
        this.#masked = { upload: toHex(upload), bytes };
        dispatch({ type: 'masked', job, masked: { upload, bytes: bytes.length } });
      })
      .catch((thrown: unknown) => this.#failed(job, thrown));
  }

  /** What goes wrong with a job ends this job, not the client. */
  #failed(job: Job, thrown: unknown): void {
    const { code, message } = asFederatedError(thrown, 'TRAINING_FAILED');
    const { key, attempt } = this.#options.current() ?? {};
    if (key === job.key && attempt === job.attempt) {
      this.#options.dispatch({ type: 'work-failed', key, code, message });
    }
  }
}

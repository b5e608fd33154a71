import type { Examples } from '../../shared/engine/engine.ts';
import { FederatedError } from '../../shared/errors.ts';
import { parseLink } from '../../shared/protocol/link.ts';
import type { FederatedClientOptions, StateDetail } from '../client-options.ts';
import { flattenData } from '../data.ts';
import type { Inspection } from '../inspection.ts';
import type { GlobalModel } from '../model-cache.ts';
import { Queue } from '../queue.ts';
import type { RoundOutcome } from '../session/types.ts';
import { sentenceOf } from '../state-sentences.ts';
import { HostLink, type HostEntry, type HostLinkOptions } from './host-link.ts';
import { PageConsent } from './page-consent.ts';
import { PageReadings } from './page-readings.ts';

export interface BrowserClientOptions extends Omit<FederatedClientOptions, 'trainer'> {
  /** Custom training: the URL of a module with `train`, which runs in the worker. See `TrainingModule`. */
  readonly trainer?: string | URL;
  /** Where the worker's file is, if not beside this one: of this page's origin. */
  readonly workerUrl?: string | URL;
  /**
   * Folder (ending in `/`) of the files `tfjs-backend-wasm*.wasm`, for browsers in which the fused path does not run (WebAssembly
   * without SIMD); without it those train in plain JavaScript.
   */
  readonly wasmPath?: string | URL;
  /** Name of the IndexedDB database, for pages with several clients that are to know nothing of each other. Default: `fedloom`. */
  readonly database?: string;
}

/**
 * A participant in a federation, as a page has it: the client itself (socket, keys, training) is in a worker, and this object
 * asks and hears it. Events as those of the client in Node: `state`, `round`, `problem`, `consent`.
 */
export class PageClient extends EventTarget {
  readonly consent: PageConsent;
  readonly #data: FederatedClientOptions['data'];
  readonly #link: HostLink;
  readonly #readings: PageReadings;
  #state: StateDetail = { state: 'off', reason: null, message: sentenceOf('off', null, false) };
  #backend: string;
  #rounds: Queue<RoundOutcome> | null = null;

  /** @throws FederatedError BAD_LINK; BAD_ARGUMENT for a trainer that is no URL */
  constructor(options: BrowserClientOptions, entry: HostEntry) {
    super();
    const { data, trainer, workerUrl: _, wasmPath, database = 'fedloom', ...rest } = options;
    parseLink(options.url);
    if (trainer !== undefined && typeof trainer !== 'string' && !(trainer instanceof URL)) {
      throw new FederatedError(
        'BAD_ARGUMENT',
        'trainer: in a browser it is the URL of a module, which runs in the worker',
      );
    }
    this.#data = data;
    this.#backend = trainer === undefined ? (options.backend ?? 'auto') : 'module';
    const absolute = (url: string | URL): string => new URL(url, document.baseURI).href;
    this.#link = new HostLink({
      entry,
      options: {
        ...rest,
        database,
        ...(trainer === undefined ? {} : { module: absolute(trainer) }),
        ...(wasmPath === undefined ? {} : { wasmPath: absolute(wasmPath) }),
      },
      event: (event) => this.#heard(event),
      answer: {
        examples: async (task, signal) => this.#examples(await this.#data({ task, signal }), task),
        readings: async () => ({ value: await this.#readings.read(), transfer: [] }),
      },
      died: ({ message }) => this.#show({ state: 'failed', reason: null, message }),
    });
    this.#readings = new PageReadings(options.when ?? {}, () => this.#link.tell({ type: 'changed' }));
    this.consent = new PageConsent(this.#link);
  }

  get state(): StateDetail {
    return this.#state;
  }

  /** What computes: once training has begun the backend that was chosen, before that what was asked for. */
  get backend(): string {
    return this.#backend;
  }

  /**
   * Takes part until the run is finished (with `stay`: until aborted), giving the outcome of each round in which this
   * client was selected.
   * @throws FederatedError NOT_ADMITTED, EXCLUDED, WRONG_SERVER, SESSION_REPLACED, ... when the server refuses this client;
   *   TRAINING_FAILED when the worker breaks down
   */
  async *join({ signal }: { readonly signal?: AbortSignal } = {}): AsyncGenerator<RoundOutcome, void, void> {
    if (this.#rounds !== null) throw new FederatedError('BAD_STATE', 'this client has joined already');
    const rounds = new Queue<RoundOutcome>();
    this.#rounds = rounds;
    const leave = (): void => this.leave();
    signal?.addEventListener('abort', leave, { once: true });
    const left = this.#link.call('join', undefined).then(
      () => rounds.end(),
      (error: unknown) => rounds.fail(error),
    );
    try {
      if (signal?.aborted === true) this.leave();
      yield* rounds;
    } finally {
      signal?.removeEventListener('abort', leave);
      this.leave();
      await left;
      this.#rounds = null;
    }
  }

  /** Leaves the federation; `join` ends. */
  leave(): void {
    if (this.#rounds !== null) this.#link.tell({ type: 'leave' });
  }

  /** The newest global model that this device has seen committed; from the device's own store when offline. */
  model(): Promise<GlobalModel> {
    return this.#link.call('model', undefined);
  }

  /** What leaves this device, to the byte: messages by kind, and what is known of the update without its values. */
  inspect(): Promise<Inspection> {
    return this.#link.call('inspect', undefined);
  }

  /** The app's data as the worker takes them: arrays of its own, which are moved there. */
  async #examples(
    data: Awaited<ReturnType<FederatedClientOptions['data']>>,
    { data: contract }: Parameters<HostLinkOptions['answer']['examples']>[0],
  ): Promise<{ value: Examples; transfer: Transferable[] }> {
    const { xs, ys, count } = await flattenData(data, contract);
    // The app may want its own array again.
    const isApps = 'xs' in data && (data.xs === xs || !(ArrayBuffer.isView(data.xs) || Array.isArray(data.xs)));
    const features = isApps ? xs.slice() : xs;
    return { value: { xs: features, ys, count }, transfer: [features.buffer as ArrayBuffer, ys.buffer as ArrayBuffer] };
  }

  #heard(event: Parameters<HostLinkOptions['event']>[0]): void {
    if (event.type === 'state') {
      this.#backend = event.backend;
      this.#show(event.detail);
      return;
    }
    if (event.type === 'round') this.#rounds?.push(event.detail);
    if (event.type === 'consent') this.consent.heard(event.detail);
    this.dispatchEvent(new CustomEvent(event.type, { detail: event.detail }));
  }

  #show(detail: StateDetail): void {
    this.#state = detail;
    this.dispatchEvent(new CustomEvent('state', { detail }));
  }
}

import { asFederatedError, FederatedError } from '../../shared/errors.ts';
import type { HostPort } from './host.ts';
import type {
  CallName,
  Calls,
  HostMessage,
  HostOptions,
  PageMessage,
  Port,
  QuestionName,
  Questions,
} from './messages.ts';
import { Pending } from './pending.ts';

/** How a page gets a host; given by the entry, since bundlers look for the worker's file there. */
export interface HostEntry {
  startWorker(): Worker;
  /** The same code for the page's own thread. */
  load(): Promise<{ startHost(port: HostPort, isInPage: boolean): void }>;
}

type Event = Exclude<HostMessage, { type: 'ready' | 'ask' | 'cancel' | 'answer' | 'refused' }>;

export interface HostLinkOptions {
  readonly entry: HostEntry;
  readonly options: HostOptions;
  /** What the client in the host says. */
  readonly event: (event: Event) => void;
  /** Answers the host, with what is to be moved there. */
  readonly answer: {
    readonly [N in QuestionName]: (
      ask: Questions[N]['ask'],
      signal: AbortSignal,
    ) => Promise<{ readonly value: Questions[N]['answer']; readonly transfer: Transferable[] }>;
  };
  /** The worker has broken down. Whoever waits for it is told; the next call starts another. */
  readonly died: (error: FederatedError) => void;
}

interface OpenPort extends Port<PageMessage> {
  onmessage: ((event: MessageEvent<HostMessage>) => void) | null;
}

/** A page's line to its client's host, opened with the first call. */
export class HostLink {
  readonly #options: HostLinkOptions;
  readonly #pending = new Pending();
  readonly #answering = new Map<number, AbortController>();
  #opening: Promise<OpenPort> | null = null;

  constructor(options: HostLinkOptions) {
    this.#options = options;
  }

  /** @throws FederatedError as the client in the host does; TRAINING_FAILED when the worker breaks down */
  async call<N extends CallName>(name: N, ask: Calls[N]['ask']): Promise<Calls[N]['answer']> {
    const port = await this.#open();
    return this.#pending.ask((id) => port.postMessage({ type: 'call', id, name, ask }, [])) as Promise<
      Calls[N]['answer']
    >;
  }

  /** Without an answer; nothing where no host was ever needed. */
  tell(message: Extract<PageMessage, { type: 'leave' | 'changed' }>): void {
    void this.#opening?.then((port) => port.postMessage(message, []));
  }

  #open(): Promise<OpenPort> {
    this.#opening ??= this.#openWorker()
      .catch(() => this.#openInPage())
      .then((port) => {
        port.onmessage = ({ data }) => this.#receive(port, data);
        port.postMessage({ type: 'start', options: this.#options.options }, []);
        return port;
      });
    return this.#opening;
  }

  /** Rejects where there are no workers, or this one cannot be loaded: by the page's policy, or for another origin's file. */
  async #openWorker(): Promise<OpenPort> {
    const worker = this.#options.entry.startWorker();
    await new Promise<void>((resolve, reject) => {
      worker.onmessage = () => resolve(); // it is ready
      worker.onerror = (event) => {
        event.preventDefault();
        worker.terminate();
        reject(new Error(event.message));
      };
    });
    worker.onerror = (event) => {
      worker.terminate();
      this.#died(`the client's worker broke down: ${event.message}`);
    };
    return worker;
  }

  async #openInPage(): Promise<OpenPort> {
    const { startHost } = await this.#options.entry.load();
    const { port1, port2 } = new MessageChannel();
    startHost(port2, true);
    return port1;
  }

  #died(why: string): void {
    this.#opening = null;
    const error = new FederatedError('TRAINING_FAILED', why);
    for (const abort of this.#answering.values()) abort.abort();
    this.#answering.clear();
    this.#pending.failAll(error);
    this.#options.died(error);
  }

  #receive(port: OpenPort, message: HostMessage): void {
    switch (message.type) {
      case 'ready':
        return;
      case 'answer':
      case 'refused':
        return this.#pending.settle(message);
      case 'ask':
        return void this.#answer(port, message);
      case 'cancel':
        return this.#answering.get(message.id)?.abort();
      default:
        return this.#options.event(message);
    }
  }

  async #answer(port: OpenPort, { id, name, ask }: Extract<HostMessage, { type: 'ask' }>): Promise<void> {
    const abort = new AbortController();
    this.#answering.set(id, abort);
    const answers = this.#options.answer as unknown as Record<
      QuestionName,
      (ask: unknown, signal: AbortSignal) => Promise<{ value: unknown; transfer: Transferable[] }>
    >;
    try {
      const { value, transfer } = await answers[name](ask, abort.signal);
      port.postMessage({ type: 'answer', id, value }, transfer);
    } catch (thrown) {
      const { code, message } = asFederatedError(thrown, 'BAD_DATA');
      port.postMessage({ type: 'refused', id, code, message }, []);
    } finally {
      this.#answering.delete(id);
    }
  }
}

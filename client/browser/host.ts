import type { Examples } from '../../shared/engine/engine.ts';
import { asFederatedError, FederatedError } from '../../shared/errors.ts';
import type { ProblemDetail, StateDetail } from '../client-options.ts';
import type { Readings } from '../conditions.ts';
import type { ConsentRecord } from '../consent.ts';
import { FederatedClient } from '../federated-client.ts';
import type { RoundOutcome } from '../session/types.ts';
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
import { browserPlatform } from './platform.ts';

/** One end of the line to a page: a worker's global scope, or a MessagePort. */
export interface HostPort extends Port<HostMessage> {
  onmessage: ((event: MessageEvent<PageMessage>) => void) | null;
}

type CallMessage = Extract<PageMessage, { type: 'call' }>;

/**
 * Runs a page's client here, as the page asks. A second host of the same origin hears of a revoked consent, and leaves too.
 * @param isInPage - whether this is the page's own thread
 */
export function startHost(port: HostPort, isInPage = false): void {
  const pending = new Pending();
  const changed = new Set<() => void>();
  let client: FederatedClient | null = null;
  let tabs: BroadcastChannel | null = null;
  let leave: AbortController | null = null;
  const post = (message: HostMessage, transfer: Transferable[] = []): void => port.postMessage(message, transfer);

  function ask<N extends QuestionName>(
    name: N,
    what: Questions[N]['ask'],
    signal?: AbortSignal,
  ): Promise<Questions[N]['answer']> {
    return pending.ask((id) => {
      post({ type: 'ask', id, name, ask: what });
      signal?.addEventListener('abort', () => {
        post({ type: 'cancel', id });
        pending.settle({ type: 'refused', id, code: 'ABORTED', message: 'the examples are not wanted any more' });
      });
    }) as Promise<Questions[N]['answer']>;
  }

  function start({ module, wasmPath, database, ...options }: HostOptions): FederatedClient {
    const platform = browserPlatform({
      database,
      wasmPath,
      isInPage,
      readings: (): Promise<Readings> => ask('readings', undefined),
      watchReadings(listener) {
        changed.add(listener);
        return () => void changed.delete(listener);
      },
    });
    const data = ({ task, signal }: { task: Questions['examples']['ask']; signal: AbortSignal }): Promise<Examples> =>
      ask('examples', task, signal);
    const fresh = new FederatedClient(
      { ...options, data, ...(module === undefined ? {} : { trainer: module }) },
      platform,
    );
    const detailOf = (event: Event): never => (event as CustomEvent<never>).detail;
    fresh.addEventListener('state', (event) =>
      post({ type: 'state', detail: detailOf(event) satisfies StateDetail, backend: fresh.backend }),
    );
    fresh.addEventListener('round', (event) => post({ type: 'round', detail: detailOf(event) satisfies RoundOutcome }));
    fresh.addEventListener('problem', (event) =>
      post({ type: 'problem', detail: detailOf(event) satisfies ProblemDetail }),
    );
    fresh.addEventListener('consent', (event) =>
      post({ type: 'consent', detail: detailOf(event) satisfies ConsentRecord }),
    );
    if ('BroadcastChannel' in globalThis) {
      tabs = new BroadcastChannel(`fedloom/${database}`);
      tabs.onmessage = ({ data: heard }) => {
        if (heard === 'revoked') fresh.consent.revoke().catch(() => {});
      };
    }
    return fresh;
  }

  const calls: {
    readonly [N in CallName]: (to: FederatedClient, ask: Calls[N]['ask']) => Promise<Calls[N]['answer']>;
  } = {
    async join(to) {
      leave = new AbortController();
      for await (const _ of to.join({ signal: leave.signal })); // the page hears of each by its event
      return undefined;
    },
    model: (to) => to.model(),
    inspect: (to) => to.inspect(),
    async consent({ consent }) {
      await consent.load();
      return consent.record;
    },
    async grant({ consent }, text) {
      await consent.grant(text);
      return consent.record;
    },
    async revoke({ consent }) {
      await consent.revoke();
      tabs?.postMessage('revoked');
      return consent.record;
    },
  };

  async function call({ id, name, ask: what }: CallMessage): Promise<void> {
    try {
      if (client === null) throw new FederatedError('BAD_STATE', 'the client was never started');
      const value = await (calls[name] as (to: FederatedClient, ask: unknown) => Promise<unknown>)(client, what);
      const weights = (value as { readonly weights?: Float32Array<ArrayBuffer> } | null | undefined)?.weights;
      post({ type: 'answer', id, value }, weights === undefined ? [] : [weights.buffer]);
    } catch (thrown) {
      const { code, message } = asFederatedError(thrown);
      post({ type: 'refused', id, code, message });
    }
  }

  port.onmessage = ({ data: message }) => {
    switch (message.type) {
      case 'start':
        client ??= start(message.options);
        return;
      case 'call':
        return void call(message);
      case 'leave':
        leave?.abort();
        return;
      case 'changed':
        for (const listener of changed) listener();
        return;
      case 'answer':
      case 'refused':
        return pending.settle(message);
      default:
        message satisfies never;
    }
  };
  post({ type: 'ready' });
}

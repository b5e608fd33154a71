import type { GeneratorName } from '../shared/crypto/primitives.ts';
import type { ClientId } from '../shared/ids.ts';
import type { ServerMessage } from '../shared/protocol/messages.ts';
import type { ClientState, WaitReason } from '../shared/states.ts';
import type { Session } from './gateway/session.ts';
import type { Population } from './host.ts';
import { keepNewest } from './keep-newest.ts';
import type { ClientView } from './operations.ts';
import type { StoredClient } from './store/store.ts';

/** A connected client. */
export interface Connected {
  readonly session: Session;
  /** Set by `Roster.setReady` alone, which counts. */
  readonly ready: boolean;
  state: ClientState;
  reason: WaitReason | null;
  examples: number | null;
  /** As the client said last. */
  backend: string;
  progress: number | null;
  bytesUp: number;
}

interface Remembered {
  bytesUp: number;
  lastSeen: number;
  roundsReported: number;
}

/** Clients that are remembered after they have gone, some 200 bytes each. */
const keptClients = 50_000;

/** Who is connected, and what is remembered of those who were. */
export class Roster implements Population {
  readonly #connected = new Map<ClientId, Connected & { ready: boolean }>();
  #readyCount = 0;
  readonly #remembered = new Map<ClientId, Remembered>();

  /** Entries of each thing that is held: where a leak would show. */
  sizes(): Record<'connected' | 'remembered', number> {
    return { connected: this.#connected.size, remembered: this.#remembered.size };
  }

  #remember(id: ClientId, about: Remembered): void {
    keepNewest(this.#remembered, id, about, keptClients);
  }

  get size(): number {
    return this.#connected.size;
  }

  connected(id: ClientId): Connected | undefined {
    return this.#connected.get(id);
  }

  /** How many connected clients are able to train. */
  get readyCount(): number {
    return this.#readyCount;
  }

  setReady(id: ClientId, ready: boolean): void {
    const client = this.#connected.get(id);
    if (client === undefined || client.ready === ready) return;
    client.ready = ready;
    this.#readyCount += ready ? 1 : -1;
  }

  open(session: Session): void {
    this.setReady(session.id, false); // a session that this one replaces
    this.#connected.set(session.id, {
      session,
      ready: false,
      state: 'connecting',
      reason: null,
      examples: null,
      backend: session.backend,
      progress: null,
      bytesUp: this.#remembered.get(session.id)?.bytesUp ?? 0,
    });
  }

  /** @param now - ms since 1970 */
  close(session: Session, now: number): void {
    const client = this.#connected.get(session.id);
    if (client?.session !== session) return;
    this.setReady(session.id, false);
    this.#connected.delete(session.id);
    const roundsReported = this.#remembered.get(session.id)?.roundsReported ?? 0;
    this.#remember(session.id, { bytesUp: client.bytesUp, lastSeen: now, roundsReported });
  }

  ready(): ClientId[] {
    const ids: ClientId[] = [];
    for (const [id, client] of this.#connected) if (client.ready) ids.push(id);
    return ids;
  }

  everyone(): ClientId[] {
    return [...this.#connected.keys()];
  }

  isReady(id: ClientId): boolean {
    return this.#connected.get(id)?.ready ?? false;
  }

  generators(id: ClientId): readonly GeneratorName[] {
    return this.#connected.get(id)?.session.generators ?? [];
  }

  send(id: ClientId, message: ServerMessage): void {
    const client = this.#connected.get(id);
    if (client === undefined) return;
    if (message.type === 'committed' && message.counted) {
      const past = this.#remembered.get(id) ?? { bytesUp: 0, lastSeen: 0, roundsReported: 0 };
      this.#remember(id, { ...past, roundsReported: past.roundsReported + 1 });
    }
    client.session.send(message);
  }

  /** Everyone on the stored roster, connected or not. */
  views(
    stored: readonly StoredClient[],
    stateOf: (id: ClientId) => { readonly state: ClientState; readonly waiting: WaitReason | null },
  ): ClientView[] {
    return stored.map(({ id, label, state }) => {
      const client = this.#connected.get(id);
      const past = this.#remembered.get(id);
      return {
        id,
        label: client?.session.label || label,
        ...stateOf(id),
        connected: client !== undefined,
        excluded: state === 'excluded',
        backend: client?.backend ?? '',
        software: client?.session.software ?? '',
        examples: client?.examples ?? null,
        progress: client?.progress ?? null,
        roundsReported: past?.roundsReported ?? 0,
        bytesUp: client?.bytesUp ?? past?.bytesUp ?? 0,
        lastSeen: client?.session.lastSeen ?? past?.lastSeen ?? null,
      };
    });
  }
}

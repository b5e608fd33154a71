import { FederatedError } from '../shared/errors.ts';
import type { ClientId, RunId } from '../shared/ids.ts';
import type { ClientMessage } from '../shared/protocol/messages.ts';
import { finalRunStates } from '../shared/states.ts';
import { modelLayout } from '../shared/tasks/model.ts';
import { layoutSize } from '../shared/weights.ts';
import type { MessageWhere } from './attempt/plan.ts';
import type { RunConfig } from './config.ts';
import type { Session, SessionHandler } from './gateway/session.ts';
import type { Host } from './host.ts';
import type { ClientRound, ClientView, RoundDetail, RoundSummary, RunView } from './operations.ts';
import { Roster } from './roster.ts';
import type { ActiveRun } from './run/active-run.ts';
import { newRun } from './run/new-run.ts';
import { RunQueue } from './run/run-queue.ts';
import type { StoredRound, StoredRun } from './store/store.ts';
import { stateOfClient } from './views/client-state.ts';
import { detailOfRecord, roundsOfClient, summaryOf } from './views/round-detail.ts';
import { viewOfActiveRun, viewOfStoredRun } from './views/run-view.ts';

/**
 * Owns the connected clients and the queue of runs, of which one is active at a time. What
 * arrives from the gateway goes to the active run; what operators ask for goes through the methods below.
 */
export class Coordinator implements SessionHandler {
  readonly #host: Host;
  readonly #roster = new Roster();
  readonly #runs: RunQueue;
  #cancelTick: () => void = () => {};
  #closed = false;

  constructor(host: Host) {
    this.#host = host;
    this.#runs = new RunQueue(host, this.#roster, () => this.#countClients());
  }

  get #active(): ActiveRun | null {
    return this.#runs.active;
  }

  /** Goes on with what the store holds. */
  async start(): Promise<void> {
    this.#tick();
    await this.#runs.advance();
  }

  /** Stops the clocks. The round in progress is left as a crash would leave it: a later start goes on with it. */
  close(): void {
    this.#closed = true;
    this.#cancelTick();
    this.#runs.close();
  }

  // What the gateway tells.

  opened(session: Session): void {
    this.#roster.open(session);
    const data = { client: session.id, label: session.label, backend: session.backend };
    this.#event('client', `Client ${name(session)} connected.`, data);
    this.#countClients();
  }

  message(session: Session, message: Exclude<ClientMessage, { type: 'auth' | 'ping' }>): void {
    const client = this.#roster.connected(session.id);
    if (client === undefined || client.session !== session) return;
    const run = this.#active;
    switch (message.type) {
      case 'ready':
        this.#roster.setReady(session.id, true);
        client.reason = null;
        if (message.examples !== undefined) client.examples = message.examples;
        this.#clientReady(session);
        break;
      case 'unready':
        this.#roster.setReady(session.id, false);
        client.reason = message.reason;
        client.state = 'ineligible';
        run?.attempt?.clientAway(session.id);
        break;
      case 'progress':
        client.state = message.phase;
        client.progress = message.fraction;
        if (message.phase === 'training') run?.attempt?.downloaded(session.id, message);
        break;
      case 'report':
        client.state = 'uploading';
        client.backend = message.backend ?? client.backend;
        if (run === null) refuseWithoutRun(session, message);
        else run.report(session.id, message);
        break;
      case 'advert':
      case 'shares':
      case 'consent':
      case 'reveal':
        if (run === null) refuseWithoutRun(session, message);
        else run.answer(session.id, message);
        break;
      case 'failed':
        client.state = 'failed';
        run?.attempt?.failed(session.id, message);
        break;
      case 'leave':
        this.#roster.setReady(session.id, false);
        client.state = 'left';
        run?.clientLeft(session.id);
        this.#event('client', `Client ${name(session)} left (${message.reason}).`, {
          client: session.id,
          reason: message.reason,
        });
        break;
      default:
        message satisfies never;
    }
    this.#countClients();
  }

  chunk(session: Session, tag: number, offset: number, payload: Uint8Array): boolean {
    const client = this.#roster.connected(session.id);
    if (client === undefined || client.session !== session) return false;
    const wanted = this.#active?.attempt?.chunk(session.id, tag, offset, payload) ?? false;
    if (wanted) client.bytesUp += payload.length;
    return wanted;
  }

  closed(session: Session): void {
    const client = this.#roster.connected(session.id);
    if (client === undefined || client.session !== session) return; // another session of this client has taken over
    const left = client.state === 'left';
    this.#roster.close(session, this.#host.clock.now());
    if (!left) {
      this.#event('client', `Client ${name(session)} disconnected.`, { client: session.id });
      this.#active?.attempt?.clientAway(session.id);
    }
    this.#countClients();
  }

  // What operators ask for.

  async runs(): Promise<RunView[]> {
    const stored = await this.#host.store.runs();
    return Promise.all(stored.map((run) => this.#view(run)));
  }

  async run(id: RunId): Promise<RunView> {
    return this.#view(await this.#host.store.run(id));
  }

  async config(id: RunId): Promise<RunConfig> {
    return (await this.#host.store.run(id)).config;
  }

  async rounds(id: RunId, after?: number): Promise<StoredRound[]> {
    await this.#host.store.run(id);
    return this.#host.store.rounds(id, after);
  }

  async history(id: RunId, after?: number): Promise<RoundSummary[]> {
    return (await this.rounds(id, after)).map(summaryOf);
  }

  /** All attempts at a round, oldest first: from memory where they are still there, else from the log. */
  async round(id: RunId, round: number): Promise<RoundDetail[]> {
    const { config } = await this.#host.store.run(id);
    const held = this.#active?.stored.id === id ? this.#active.details.filter((each) => each.round === round) : [];
    // All of them, and its end: a page that follows a round asks every second. An attempt that trouble has ended is in the log alone.
    const isWhole = held.at(-1)?.result !== 'abandoned' || round > (this.#active?.stored.round ?? 0);
    if (held[0]?.attempt === 1 && isWhole) return held;
    const parameters = layoutSize(modelLayout(config.task.model));
    const logged = (await this.#host.store.rounds(id))
      .filter(({ record }) => record.round === round)
      .map((each) => detailOfRecord(each, parameters));
    const attempts = new Map([...logged, ...held].map((each) => [each.attempt, each]));
    if (attempts.size > 0) return [...attempts.values()].toSorted((a, b) => a.attempt - b.attempt);
    throw new FederatedError('NOT_FOUND', `run ${id} has no round ${round}`);
  }

  async clientRounds(id: RunId, client: ClientId): Promise<ClientRound[]> {
    return roundsOfClient(client, await this.rounds(id));
  }

  /** A new run: checks its config, draws the initial weights, stores everything, and starts it when none is active. */
  async create(input: unknown, id?: RunId): Promise<RunView> {
    const stored = await newRun(input, id, this.#host);
    try {
      await this.#host.store.createRun(stored);
    } catch (thrown) {
      this.#runs.behind(); // it may be there all the same
      throw thrown;
    }
    await this.#runs.advanceOrRetry(); // the run is there, whatever becomes of the first try to take it up
    return this.run(stored.id);
  }

  async pause(id: RunId): Promise<RunView> {
    await (await this.#expectActive(id, 'pause')).pause();
    return this.run(id);
  }

  async resume(id: RunId): Promise<RunView> {
    await (await this.#expectActive(id, 'resume')).resume();
    return this.run(id);
  }

  async stop(id: RunId, now = false): Promise<RunView> {
    const stored = await this.#host.store.run(id);
    if (this.#active?.stored.id !== id && stored.state === 'created') {
      await this.#host.store.setRunState(id, 'stopped', null);
    } else await (await this.#expectActive(id, 'stop')).stop(now);
    return this.run(id);
  }

  async remove(id: RunId): Promise<void> {
    const { state } = await this.#host.store.run(id);
    if (!finalRunStates.includes(state)) throw new FederatedError('BAD_STATE', `run ${id} is ${state}: stop it first`);
    await this.#host.store.removeRun(id);
    this.#host.metrics.forget(id);
    if (this.#active?.stored.id === id) this.#runs.removed();
  }

  async clients(): Promise<ClientView[]> {
    return this.#roster.views(await this.#host.store.clients(), (id) =>
      stateOfClient(id, this.#roster.connected(id), this.#active),
    );
  }

  sizes(): ReturnType<Roster['sizes']> {
    return this.#roster.sizes();
  }

  get connections(): number {
    return this.#roster.size;
  }

  /** The session of a connected client. */
  sessionOf(id: ClientId): Session | undefined {
    return this.#roster.connected(id)?.session;
  }

  // Inside.

  #clientReady(session: Session): void {
    const run = this.#active;
    if (run === null) session.send({ type: 'wait', reason: 'run-not-started' });
    else run.clientReady(session.id);
  }

  async #expectActive(id: RunId, action: string): Promise<ActiveRun> {
    const stored = await this.#host.store.run(id);
    if (this.#active?.stored.id === id) return this.#active;
    throw new FederatedError('BAD_STATE', `cannot ${action} run ${id}: it is ${stored.state}`);
  }

  async #view(stored: StoredRun): Promise<RunView> {
    if (this.#active?.stored.id === stored.id) return viewOfActiveRun(this.#active, this.#roster.readyCount);
    const rounds = await this.#host.store.rounds(stored.id);
    return viewOfStoredRun(stored, rounds);
  }

  #countClients(): void {
    this.#host.metrics.clients(this.#roster.size, this.#roster.readyCount);
  }

  #event(type: 'client', message: string, data: Record<string, unknown>): void {
    this.#host.events.add({ at: this.#host.clock.now(), run: this.#active?.stored.id ?? null, type, message, data });
  }

  #tick(): void {
    this.#cancelTick = this.#host.clock.after(1_000, () => {
      this.#runs.tick();
      if (!this.#closed) this.#tick();
    });
  }
}

const name = (session: Session): string => session.label || session.id.slice(0, 8);

function refuseWithoutRun(session: Session, { run, round, attempt }: MessageWhere): void {
  session.send({ type: 'refused', run, round, attempt, code: 'WRONG_RUN', message: 'no run is in progress' });
}

import { asFederatedError, FederatedError } from '../shared/errors.ts';
import { runId, type ClientId, type RunId } from '../shared/ids.ts';
import type { ClientMessage } from '../shared/protocol/messages.ts';
import { finalRunStates, type WaitReason } from '../shared/states.ts';
import { checkTaskFits } from '../shared/tasks/fit.ts';
import { initialWeights } from '../shared/tasks/initial.ts';
import { modelLayout } from '../shared/tasks/model.ts';
import { encodeTask } from '../shared/tasks/task.ts';
import { floatBytes, layoutSize } from '../shared/weights.ts';
import type { MessageWhere } from './attempt/plan.ts';
import { checkRunConfig, isSecure, type RunConfig } from './config.ts';
import type { Session, SessionHandler } from './gateway/session.ts';
import type { Host } from './host.ts';
import type { ClientRound, ClientView, RoundDetail, RoundSummary, RunView } from './operations.ts';
import { Roster } from './roster.ts';
import { hasGiven } from './round.ts';
import { ActiveRun } from './run/active-run.ts';
import type { StoredRound, StoredRun } from './store/store.ts';
import { detailOfRecord, roundsOfClient, summaryOf } from './views/round-detail.ts';
import { viewOfActiveRun, viewOfStoredRun } from './views/run-view.ts';

/**
 * Owns the runs and the connected clients. One run is active at a time; others wait as `created` until it is over. What
 * arrives from the gateway goes to the active run; what operators ask for goes through the methods below.
 */
export class Coordinator implements SessionHandler {
  readonly #host: Host;
  readonly #roster = new Roster();
  #active: ActiveRun | null = null;
  #activating: Promise<void> = Promise.resolve();
  /** Whether the last try to take a run up has failed: it is tried again. */
  #isBehind = false;
  #cancelTick: () => void = () => {};
  #closed = false;

  constructor(host: Host) {
    this.#host = host;
  }

  /** Goes on with what the store holds. */
  async start(): Promise<void> {
    this.#tick();
    await this.#activate();
  }

  /** Stops the clocks. The round in progress is left as a crash would leave it: a later start goes on with it. */
  close(): void {
    this.#closed = true;
    this.#cancelTick();
    this.#active?.close();
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
    if (held[0]?.attempt === 1) return held; // all of them: a page that follows a round asks every second
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
    const config = checkRunConfig(input);
    // Throws BAD_MODEL before anything is stored.
    checkTaskFits(config.task);
    const bytes = 4 * layoutSize(modelLayout(config.task.model));
    const { maxUpdateBytes } = this.#host.limits;
    if (bytes > maxUpdateBytes) {
      throw new FederatedError(
        'BAD_MODEL',
        `the model has ${bytes} bytes; this server takes at most ${maxUpdateBytes}`,
      );
    }
    const taken = await this.#host.store.takenNames();
    if (id !== undefined && taken.has(id)) {
      throw new FederatedError('BAD_STATE', `run ${id} is there already, or was: a name is used once; choose another`);
    }
    const task = await this.#host.blobs.put(encodeTask(config.task));
    const weights = await this.#host.blobs.put(floatBytes(initialWeights(config.task.model, config.seed)));
    const stored: StoredRun = {
      id: id ?? freeName(config.task.name, taken),
      config,
      task,
      state: 'created',
      round: 0,
      weights,
      strategyState: null,
      reason: null,
      createdAt: this.#host.clock.now(),
    };
    try {
      await this.#host.store.createRun(stored);
    } catch (thrown) {
      this.#isBehind = true; // it may be there all the same
      throw thrown;
    }
    await this.#activateOrRetry(); // the run is there, whatever becomes of the first try to take it up
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
    if (this.#active?.stored.id === id) this.#active = null;
  }

  async clients(): Promise<ClientView[]> {
    return this.#roster.views(await this.#host.store.clients(), (id) => this.#stateOf(id));
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
    else if (run.isFinal) session.send(run.idle.farewell());
    else run.clientReady(session.id);
  }

  /** Makes the oldest run that is not over the active one. Calls queue up, so that two never become active. */
  #activate(): Promise<void> {
    const next = async (): Promise<void> => {
      if (this.#closed || (this.#active !== null && !finalRunStates.includes(this.#active.stored.state))) return;
      const runs = await this.#host.store.runs();
      const isLeft = ({ state }: StoredRun): boolean => !finalRunStates.includes(state);
      // One that has begun goes on before another begins, whatever the clock said when they were made.
      const begun = runs.find((run) => isLeft(run) && run.state !== 'created');
      const stored = begun ?? runs.find(isLeft) ?? (this.#active === null ? runs.at(-1) : undefined);
      if (stored === undefined) return;
      this.#active?.close();
      const run = await ActiveRun.open(stored, this.#host, this.#roster, (changed) => this.#changed(changed));
      this.#active = run;
      this.#host.metrics.secureAggregation(stored.id, isSecure(stored.config));
      try {
        if (!finalRunStates.includes(stored.state)) await run.start();
      } catch (thrown) {
        run.close(); // not half begun
        this.#active = null;
        throw thrown;
      }
      for (const id of this.#roster.ready()) if (!run.isMember(id)) run.clientReady(id);
    };
    const attempt = async (): Promise<void> => {
      this.#isBehind = false;
      try {
        await next();
      } catch (thrown) {
        this.#isBehind = true;
        throw thrown;
      }
    };
    this.#activating = this.#activating.then(attempt, attempt);
    return this.#activating;
  }

  /** What the store refuses now it may give a second later. */
  async #activateOrRetry(): Promise<void> {
    await this.#activate().catch((thrown: unknown) => {
      const { code, message } = asFederatedError(thrown);
      this.#host.log.error({ code }, `no run can be taken up, which is tried again: ${message}`);
    });
  }

  #changed(run: ActiveRun): void {
    if (run !== this.#active) return;
    this.#countClients();
    if (finalRunStates.includes(run.stored.state)) void this.#activateOrRetry();
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

  #stateOf(id: ClientId): { state: ClientView['state']; waiting: WaitReason | null } {
    const client = this.#roster.connected(id);
    if (client === undefined) return { state: 'off', waiting: null };
    if (!client.ready) return { state: client.state, waiting: client.reason };
    const run = this.#active;
    if (run === null) return { state: 'waiting', waiting: 'run-not-started' };
    const { attempt } = run;
    if (attempt !== null && attempt.isMember(id)) {
      const member = attempt.state.members.get(id)!;
      if (hasGiven(attempt.state, member, 'report')) return { state: 'reported', waiting: 'round-in-progress' };
      if (attempt.isUploading(id)) return { state: 'uploading', waiting: null };
      if (attempt.waitsToUpload(id)) return { state: 'waiting', waiting: 'server-busy' };
      if (member.answered > 0 && member.state === 'training') return { state: 'uploading', waiting: null };
      if (member.state === 'training') return { state: 'training', waiting: null };
      if (member.state === 'sent') {
        return { state: client.state === 'downloading' ? 'downloading' : 'selected', waiting: null };
      }
    }
    return { state: 'waiting', waiting: run.idle.reasonFor(id) };
  }

  #countClients(): void {
    this.#host.metrics.clients(this.#roster.size, this.#roster.readyCount);
  }

  #event(type: 'client', message: string, data: Record<string, unknown>): void {
    this.#host.events.add({ at: this.#host.clock.now(), run: this.#active?.stored.id ?? null, type, message, data });
  }

  #tick(): void {
    this.#cancelTick = this.#host.clock.after(1_000, () => {
      this.#active?.attempt?.tick();
      if (this.#isBehind) void this.#activateOrRetry();
      if (!this.#closed) this.#tick();
    });
  }
}

const name = (session: Session): string => session.label || session.id.slice(0, 8);

function refuseWithoutRun(session: Session, { run, round, attempt }: MessageWhere): void {
  session.send({ type: 'refused', run, round, attempt, code: 'WRONG_RUN', message: 'no run is in progress' });
}

/** `mnist-2nn-1`, `mnist-2nn-2`, ... */
function freeName(task: string, taken: ReadonlySet<RunId>): RunId {
  for (let number = 1; ; number++) {
    const id = runId(`${task.slice(0, 56)}-${number}`);
    if (!taken.has(id)) return id;
  }
}

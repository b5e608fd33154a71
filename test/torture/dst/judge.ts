import { toHex } from '../../../shared/bytes.ts';
import type { ClientId } from '../../../shared/ids.ts';
import type { ServerMessage } from '../../../shared/protocol/messages.ts';
import { findBreak, firstPrevious, sealRecord, type RoundRecord } from '../../../shared/round-log.ts';
import { bytesFloats, floatBytes } from '../../../shared/weights.ts';
import { checkRunConfig, type RunConfig } from '../../../server/config.ts';
import { minReportsOf } from '../../../server/selection.ts';
import type { BlobStore, Store, StoredAttempt, StoredRound } from '../../../server/store/store.ts';
import { gridSteps, referenceModel, type Contribution } from './reference.ts';

/** A rule that the simulated system has broken. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

/** What a run has come to, as the judge has seen it written. */
interface Ledger {
  readonly records: RoundRecord[];
  round: number;
  weights: string | null;
  attempt: StoredAttempt | null;
}

/** Equal but for the last digits of a float32, where a factor has been rounded. */
function isNear(a: Uint8Array, b: Uint8Array): boolean {
  const [x, y] = [a, b].map((bytes) => bytesFloats(new Uint8Array(bytes)));
  return x!.every((value, i) => Math.abs(value - y![i]!) <= 1e-6 * (1 + Math.abs(value)));
}

const nameOf = (...parts: readonly (string | number)[]): string => parts.join('/');

/** Watches everything that is written and said, and keeps an account of its own, by which it finds what must not be. */
export class Judge {
  readonly #config: RunConfig;
  readonly #blobs: BlobStore;
  readonly #runs = new Map<string, Ledger>();
  /** What clients have trained, or pretend to have: by client, run and round. */
  readonly #contributions = new Map<string, Contribution[]>();
  /** Whatever liars have ever offered: it may be said to be of any round, and of any number of examples. */
  readonly #lies = new Map<ClientId, Float32Array[]>();
  /** Trainings that one process has finished. */
  readonly #trained = new Set<string>();
  /** Who was told that a report is held: by life of the server and attempt. */
  readonly #received = new Map<string, Set<ClientId>>();
  /** Reports that some round of an asynchronous run has counted. */
  readonly #used = new Set<string>();
  /** By life of the server and run: up to this round an attempt that has ended early may have lost what was held. */
  readonly #excused = new Map<string, number>();
  /** Bytes that must stay with their client. */
  readonly #secrets: { readonly bytes: Buffer; readonly what: string }[] = [];
  /** Clients whose masked vectors are not what they have trained. */
  readonly poisoned = new Set<ClientId>();
  violation: Violation | null = null;
  commits = 0;
  checked = 0;

  constructor(config: unknown, blobs: BlobStore) {
    this.#config = checkRunConfig(config);
    this.#blobs = blobs;
  }

  fail(what: string): void {
    this.violation ??= new Violation(what);
  }

  // What is written.

  created(run: string, weights: string): void {
    this.#runs.set(run, { records: [], round: 0, weights, attempt: null });
  }

  attemptSaved(attempt: StoredAttempt): void {
    const ledger = this.#runs.get(attempt.run)!;
    if (attempt.round !== ledger.round + 1) this.fail(`attempt at round ${attempt.round} after round ${ledger.round}`);
    if (ledger.attempt?.round === attempt.round && attempt.attempt < ledger.attempt.attempt) {
      this.fail(`attempt ${attempt.attempt} at round ${attempt.round} after attempt ${ledger.attempt.attempt}`);
    }
    ledger.attempt = attempt;
  }

  /** @param life - of the server that wrote it */
  async roundCommitted(run: string, { record }: StoredRound, life: string): Promise<void> {
    this.commits++;
    const ledger = this.#runs.get(run)!;
    const { records } = ledger;
    const last = records.at(-1);
    records.push(record);
    const { hash, ...content } = record;
    const where = `record ${record.sequence} (round ${record.round}, attempt ${record.attempt}, ${record.result})`;
    const isNext = record.sequence === records.length && record.previous === (last?.hash ?? firstPrevious);
    if (!isNext || sealRecord(content).hash !== hash) this.fail(`${where}: the chain is broken`);
    if (record.round !== ledger.round + 1) this.fail(`${where}: follows round ${ledger.round}`);
    if (record.round > this.#config.rounds) this.fail(`${where}: the run has ${this.#config.rounds} rounds`);
    if (last?.round === record.round && last.attempt >= record.attempt) this.fail(`${where}: the attempt is not new`);
    if (ledger.attempt === null || ledger.attempt.attempt !== record.attempt || ledger.attempt.round !== record.round) {
      this.fail(`${where}: its attempt was not saved`);
    }
    if (record.weightsBefore !== ledger.weights) this.fail(`${where}: does not start from the model before it`);
    const { wanted = 0, cohort = [] } = ledger.attempt ?? {};
    const saved = this.#isBuffered ? record.cohort.filter((id) => cohort.includes(id)) : record.cohort; // others join
    if (saved.join() !== [...cohort].toSorted().join()) this.fail(`${where}: has another cohort than was saved`);
    if (record.result === 'abandoned') {
      if (record.weightsAfter !== record.weightsBefore) this.fail(`${where}: an abandoned round has changed the model`);
      if (record.reports.length > 0) this.fail(`${where}: an abandoned round counts reports`);
      return;
    }
    const counted = new Set(record.reports.map(({ client }) => client));
    if (counted.size !== record.reports.length) this.fail(`${where}: counts a client twice`);
    if ([...counted].some((id) => !record.cohort.includes(id)))
      this.fail(`${where}: counts a client outside the cohort`);
    const least = minReportsOf(this.#config, wanted);
    if (counted.size < least) this.fail(`${where}: ${counted.size} reports, at least ${least} needed`);
    if (counted.size >= wanted !== (record.result === 'done'))
      this.fail(`${where}: ${counted.size} of ${wanted} reports`);
    if (this.#isBuffered) this.#checkBuffer(where, record, life);
    for (const id of this.#received.get(nameOf(life, run, record.round, record.attempt)) ?? []) {
      if (!counted.has(id)) this.fail(`${where}: leaves out client ${id}, which was told that its report is held`);
    }
    ledger.round = record.round;
    ledger.weights = record.weightsAfter;
    await this.#checkModel(where, record);
  }

  get #isBuffered(): boolean {
    return this.#config.strategy.name === 'fedbuff';
  }

  /** Each report counts once, is not too old, and none is lost that was said to be held. */
  #checkBuffer(where: string, { run, round, attempt, reports }: RoundRecord, life: string): void {
    const { maxStaleness = Infinity } = this.#config.strategy as { maxStaleness?: number };
    for (const { client, basedOn } of reports) {
      if (basedOn === undefined || basedOn > round || round - basedOn > maxStaleness)
        return this.fail(`${where}: counts a report that starts from round ${basedOn}`);
      const name = nameOf(client, run, basedOn);
      if (this.#used.has(name)) this.fail(`${where}: counts the report of ${client} that starts from ${basedOn} again`);
      this.#used.add(name);
    }
    // What an attempt held that was abandoned, or that a full disk has ended, is offered again by those who are picked again.
    if (attempt > 1) this.#excused.set(nameOf(life, run), round);
    const excused = this.#excused.get(nameOf(life, run)) ?? 0;
    for (const [name, clients] of this.#received) {
      const [told, ofRun, base = 0] = name.split('/');
      if (told !== life || ofRun !== run || Number(base) <= excused || Number(base) === round) continue;
      const lost = [...clients].find((id) => !this.#used.has(nameOf(id, run, base)));
      if (lost !== undefined)
        this.fail(`${where}: leaves out client ${lost}, whose report of ${base} was said to be held`);
    }
  }

  async #checkModel(where: string, record: RoundRecord): Promise<void> {
    const blobs = await Promise.all(
      [record.weightsBefore, record.weightsAfter].map((id) => this.#blobs.get(id).catch(() => null)),
    );
    const [before, after] = blobs;
    if (before === null || before === undefined) return this.fail(`${where}: the model before it is not on the disk`);
    if (after === null || after === undefined) return this.fail(`${where}: its model is not on the disk`);
    if (record.reports.some(({ client }) => this.poisoned.has(client))) return;
    const choices = record.reports.map(({ client, examples, basedOn = record.round }): Contribution[] => {
      const known = this.#contributions.get(nameOf(client, record.run, basedOn)) ?? [];
      const lies = examples === null ? [] : (this.#lies.get(client) ?? []).map((delta) => ({ delta, examples }));
      const all = [...known.filter((each) => examples === null || each.examples === examples), ...lies];
      const isScaled = this.#isBuffered && (this.#config.strategy as { staleness?: string }).staleness !== 'constant';
      // 1 / sqrt(1 + staleness): Nguyen et al. 2022, section 5
      return isScaled ? all.map((each) => ({ ...each, factor: (1 + record.round - basedOn) ** -0.5 })) : all;
    });
    const none = choices.findIndex((each) => each.length === 0);
    if (none !== -1) return this.fail(`${where}: counts a report of ${record.reports[none]!.client} that nobody made`);
    const { weighting, strategy } = this.#config;
    const rate = (strategy as { serverLearningRate?: number }).serverLearningRate ?? 1;
    // One choice nearly always; more where a client has trained a round anew, or lies.
    let left = 512;
    const matches = (chosen: Contribution[]): boolean => {
      if (chosen.length === choices.length) {
        if (left-- <= 0) return false;
        const expected = referenceModel(before, chosen, { weighting, rate });
        return chosen.some(({ factor = 1 }) => factor !== 1)
          ? isNear(after, expected)
          : Buffer.from(after).equals(expected);
      }
      return choices[chosen.length]!.some((each) => matches([...chosen, each]));
    };
    this.checked++;
    if (!matches([]) && left > 0) this.fail(`${where}: its model is not the mean of the reports in its ledger`);
  }

  /** Compares what the store holds with what was ever written to it. */
  async compare(store: Store): Promise<void> {
    for (const [run, { records, round, weights }] of this.#runs) {
      const [stored, rounds] = await Promise.all([store.run(run as never), store.rounds(run as never)]);
      const found = rounds.map(({ record }) => record);
      if (findBreak(found) !== -1) this.fail(`run ${run}: the log's chain is broken`);
      const isWhole = found.length === records.length && found.every(({ hash }, i) => hash === records[i]!.hash);
      if (!isWhole) this.fail(`run ${run}: the log has lost or changed what was committed`);
      await this.#checkKept(run, records, await store.pruned(run as never));
      if (stored.round !== round || stored.weights !== weights) this.fail(`run ${run}: is not at its last round`);
      if (stored.state === 'finished' && round !== this.#config.rounds)
        this.fail(`run ${run}: finished after round ${round}`);
    }
  }

  /** Of the models the first, and the newest that are to be kept, are there; any other is, or was removed with a word. */
  async #checkKept(run: string, records: readonly RoundRecord[], pruned: ReadonlySet<string>): Promise<void> {
    const { keepModels = 100 } = this.#config;
    const done = records.filter(({ result }) => result !== 'abandoned').map(({ weightsAfter }) => weightsAfter);
    const newest = keepModels === 'all' ? done : done.slice(-keepModels);
    const first = records.slice(0, 1).map(({ weightsBefore }) => weightsBefore);
    for (const id of [...first, ...newest, ...done.filter((each) => !pruned.has(each))]) {
      if ((await this.#blobs.size(id)) === null) this.fail(`run ${run}: the model ${id.slice(0, 8)} is lost`);
    }
  }

  // What is held.

  /**
   * The runs are over and nobody is connected: what a server holds then does not grow with the rounds it has done, nor with the
   * connections it has had.
   * @param sizes - entries of each kind of thing
   * @param identities - that have ever connected: some are remembered, up to a fixed number of them
   */
  atRest(sizes: Readonly<Record<string, number>>, identities: number): void {
    // Its own beat and tick.
    const most: Readonly<Record<string, number>> = { tickets: identities, remembered: identities, timers: 2 };
    for (const [name, size] of Object.entries(sizes)) {
      if (size > (most[name] ?? 0)) this.fail(`a server at rest holds ${size} ${name}, at most ${most[name] ?? 0}`);
    }
  }

  // What is said.

  /** A client has heard something. @param life - of the server that said it */
  heard(client: ClientId, message: ServerMessage, life: string): void {
    if (!('run' in message) || message.run === undefined) return;
    const ledger = this.#runs.get(message.run);
    if (ledger === undefined) return;
    switch (message.type) {
      case 'train': {
        const { attempt } = ledger;
        const isSaved = attempt?.round === message.round && attempt.attempt === message.attempt;
        const isPast = message.round <= ledger.round || (attempt !== null && attempt.attempt > message.attempt);
        if (!isSaved && !isPast)
          this.fail(`client ${client} was told of attempt ${message.attempt} before it was saved`);
        return;
      }
      case 'received': {
        const name = nameOf(life, message.run, message.round, message.attempt);
        const told = this.#received.get(name) ?? new Set();
        this.#received.set(name, told.add(client));
        return;
      }
      case 'committed': {
        const record = ledger.records.find((each) => each.round === message.round && each.result !== 'abandoned');
        const text = `client ${client} was told that round ${message.round} is committed`;
        if (record === undefined) return this.fail(`${text}, which it is not`);
        if (toHex(message.weights) !== record.weightsAfter) this.fail(`${text} with another model`);
        if (message.counted !== record.reports.some((each) => each.client === client)) {
          this.fail(`${text} and counted: ${message.counted}, which is not so`);
        }
        return;
      }
      case 'abandoned': {
        const { round, attempt } = message;
        const isLogged = ledger.records.some(
          (each) => each.round === round && each.attempt === attempt && each.result === 'abandoned',
        );
        if (!isLogged)
          this.fail(`client ${client} was told that attempt ${attempt} is abandoned, which is not in the log`);
        return;
      }
      case 'finished':
        if (message.state === 'finished' && ledger.round !== this.#config.rounds) {
          this.fail(`client ${client} was told that the run is finished, after round ${ledger.round}`);
        }
        return;
      default:
    }
  }

  /** A training is done. @param life - of the process that has trained */
  trained(
    client: ClientId,
    life: string,
    about: { readonly run: string; readonly round: number; readonly seed: string; readonly weights: Float32Array },
    contribution: Contribution,
  ): void {
    const { run, round, seed } = about;
    const name = nameOf(life, round, seed, toHex(floatBytes(about.weights)).slice(0, 64));
    if (this.#trained.has(name)) this.fail(`client ${client} has trained round ${round} twice (${seed})`);
    this.#trained.add(name);
    this.claims(client, run, round, contribution);
    if (this.#config.secureAggregation === true) this.#keepSecret(client, contribution);
  }

  /** What a client brings to a round, whether it has trained it or not. */
  claims(client: ClientId, run: string, round: number, contribution: Contribution): void {
    const name = nameOf(client, run, round);
    const known = this.#contributions.get(name) ?? [];
    const isKnown = known.some(
      ({ delta, examples }) =>
        examples === contribution.examples && delta.every((v, i) => Object.is(v, contribution.delta[i])),
    );
    if (!isKnown) known.push(contribution);
    this.#contributions.set(name, known);
  }

  /** A liar has an update to offer. */
  lies(client: ClientId, delta: Float32Array): void {
    this.#lies.set(client, [...(this.#lies.get(client) ?? []), delta]);
  }

  #keepSecret(client: ClientId, { delta, examples }: Contribution): void {
    const weight = this.#config.weighting === 'examples' ? examples : 1;
    const words = Int32Array.from(delta, (value) => value * gridSteps * weight);
    const what = `the update of client ${client}`;
    for (const { buffer } of [floatBytes(delta), words]) {
      for (let at = 0; at + 12 <= buffer.byteLength; at += 12) {
        this.#secrets.push({ bytes: Buffer.from(new Uint8Array(buffer as ArrayBuffer, at, 12)), what });
      }
    }
  }

  /** Looks for updates in clear in what has left its client. */
  scan(bytes: Uint8Array, where: string): void {
    if (this.#secrets.length === 0) return;
    const hay = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    for (const { bytes: secret, what } of this.#secrets) {
      if (hay.includes(secret)) return this.fail(`${what} is in clear in ${where}`);
    }
  }
}

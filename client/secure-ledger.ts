import { FederatedError } from '../shared/errors.ts';
import type { RoundContext } from '../shared/secagg/context.ts';
import { AttemptLedger, type LedgerEntry } from '../shared/secagg/ledger.ts';
import type { ClientStore } from './platform.ts';

const ledgerKey = 'secagg.json';
/** Runs remembered; beyond, the oldest are forgotten. */
const maxRuns = 4_096;
/** Names of clients in sums remembered, of all runs together: about 1 MB. */
const maxNames = 32_768;
/** More than any attempt has: the whole round is over. */
const lastAttempt = 0xffff_ffff;

type Line = readonly [
  server: string,
  run: string,
  round: number,
  attempt: number,
  revealed: readonly (readonly string[])[],
  renewed: number,
];

/** The newest attempt of each run, by the server's public key in hex. */
class Lines {
  readonly #lines = new Map<string, Line>();

  constructor(lines: readonly Line[]) {
    for (const line of lines) this.#lines.set(`${line[0]}/${line[1]}`, line);
  }

  has(server: string, run: string): boolean {
    return this.#lines.has(`${server}/${run}`);
  }

  of(server: string): [string, LedgerEntry][] {
    return [...this.#lines.values()]
      .filter(([each]) => each === server)
      .map(([, run, round, attempt, revealed, renewed]) => [run, { round, attempt, revealed, renewed }]);
  }

  set(server: string, run: string, { round, attempt, revealed = [], renewed = 0 }: LedgerEntry): void {
    const key = `${server}/${run}`;
    this.#lines.delete(key); // to the end: the newest
    this.#lines.set(key, [server, run, round, attempt, revealed, renewed]);
    if (this.#lines.size > maxRuns) this.#lines.delete(this.#leastMissed());
  }

  /**
   * All lines, to be stored. Where the sums of older runs take too much room, they are left out: then nothing of that round is
   * unmasked any more, whatever the attempt.
   */
  compact(): Line[] {
    let names = 0;
    return [...this.#lines.values()]
      .reverse()
      .map((line): Line => {
        const [server, run, round, , revealed, renewed] = line;
        names += revealed.reduce((sum, each) => sum + each.length, 0);
        return names <= maxNames || revealed.length === 0 ? line : [server, run, round, lastAttempt, [], renewed];
      })
      .reverse();
  }

  /** The oldest of the server with the most runs: no server can make this device forget what it did for another. */
  #leastMissed(): string {
    const counts = new Map<string, number>();
    for (const [server] of this.#lines.values()) counts.set(server, (counts.get(server) ?? 0) + 1);
    const most = Math.max(...counts.values());
    for (const [key, [server]] of this.#lines) if (counts.get(server) === most) return key;
    return '';
  }
}

/**
 * Which attempts this device has taken part in, so that it takes part in none twice; by server and run, in one file. What
 * cannot be kept is not done: every attempt waits for its line to be durable.
 */
export class DeviceLedger {
  readonly #store: ClientStore;
  #lines: Promise<Lines> | null = null;
  readonly #ledgers = new Map<string, AttemptLedger>();
  /** One write after the other, as they all replace the same file. */
  #writing: Promise<void> = Promise.resolve();

  constructor(store: ClientStore) {
    this.#store = store;
  }

  /** Whether this device has taken part in an attempt of a run. @throws FederatedError BAD_FILE */
  async knows(server: string, run: string): Promise<boolean> {
    return (await this.#load()).has(server, run);
  }

  /** @throws FederatedError SECAGG_REPLAY for an attempt that `of(server)` would refuse to begin; BAD_FILE */
  async expectNew(server: string, where: Pick<RoundContext, 'run' | 'round' | 'attempt'>): Promise<void> {
    await new AttemptLedger((await this.#load()).of(server)).begin(where); // one that nobody keeps
  }

  /** The ledger for one server's attempts. @throws FederatedError BAD_FILE, as do its own methods */
  async of(server: string): Promise<AttemptLedger> {
    const loading = this.#load();
    const lines = await loading;
    const known = this.#ledgers.get(server);
    if (known !== undefined) return known;
    const ledger = new AttemptLedger(lines.of(server), (run, entry) => {
      lines.set(server, run, entry);
      return this.#write(async () => {
        if (this.#lines !== loading) throw new FederatedError('ABORTED', 'the consent to take part has been revoked');
        await save(this.#store, lines.compact());
      });
    });
    this.#ledgers.set(server, ledger);
    return ledger;
  }

  /** Removes everything; what is still being written is removed too. */
  forget(): Promise<void> {
    this.#lines = null;
    this.#ledgers.clear();
    return this.#write(() => this.#store.remove(ledgerKey));
  }

  #load(): Promise<Lines> {
    if (this.#lines !== null) return this.#lines;
    const loading = this.#writing.then(() => load(this.#store));
    this.#lines = loading;
    loading.catch(() => {
      if (this.#lines === loading) this.#lines = null; // someone may mend it
    });
    return loading;
  }

  #write(action: () => Promise<void>): Promise<void> {
    const written = this.#writing.then(action);
    this.#writing = written.catch(() => {}); // whoever asked for it hears of it
    return written;
  }
}

const isLine = (line: unknown): line is Line =>
  Array.isArray(line) &&
  line.length === 6 &&
  line.slice(0, 2).every((part) => typeof part === 'string') &&
  line.slice(2, 4).every((part) => Number.isSafeInteger(part)) &&
  isSets(line[4]) &&
  Number.isSafeInteger(line[5]);
const isSets = (value: unknown): boolean =>
  Array.isArray(value) && value.every((set) => Array.isArray(set) && set.every((name) => typeof name === 'string'));

const badFile = (what: string, cause?: unknown): FederatedError =>
  new FederatedError(
    'BAD_FILE',
    `the file ${ledgerKey} on this device ${what}: it says which rounds this client has taken part in, so that none is ` +
      'replayed; nothing is sent without it',
    { cause },
  );

/** Why a store failed, without the paths of this device: the server hears of it too. */
function nameOf(thrown: unknown): string {
  const { code, name } = (thrown ?? {}) as { readonly code?: unknown; readonly name?: unknown };
  return [code, name].find((each) => typeof each === 'string') ?? 'unknown error';
}

/** @throws FederatedError BAD_FILE for a damaged file, too: guessing would allow a replay */
async function load(store: ClientStore): Promise<Lines> {
  let bytes: Uint8Array | null;
  try {
    bytes = await store.load(ledgerKey);
  } catch (thrown) {
    throw badFile(`cannot be read (${nameOf(thrown)})`, thrown);
  }
  if (bytes === null) return new Lines([]);
  try {
    const lines: unknown = JSON.parse(new TextDecoder().decode(bytes));
    if (Array.isArray(lines) && lines.every(isLine)) return new Lines(lines);
  } catch {
    // the same as other damage
  }
  throw badFile('is damaged (remove it to begin anew)');
}

async function save(store: ClientStore, lines: readonly Line[]): Promise<void> {
  try {
    await store.save(ledgerKey, new TextEncoder().encode(JSON.stringify(lines)));
  } catch (thrown) {
    throw badFile(`cannot be written (${nameOf(thrown)})`, thrown);
  }
}

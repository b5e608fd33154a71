import Database from 'libsql';
import type { ClientId, RunId, Sha256 } from '../../shared/ids.ts';
import type { RunState } from '../../shared/states.ts';
import { checkFollows, emptyChain, noRound, noRun, runExists, type ChainEnd } from './chain.ts';
import { inTransaction, prepareFile, storeError } from './sqlite-file.ts';
import type { Store, StoredClient, StoredRound, StoredRun } from './store.ts';

interface RunRow {
  readonly id: RunId;
  readonly config: string;
  readonly task: Sha256;
  readonly state: RunState;
  readonly round: number;
  readonly weights: Sha256;
  readonly strategy_state: Sha256 | null;
  readonly reason: string | null;
  readonly created_at: number;
}
interface RoundRow {
  readonly record: string;
  readonly metrics: string;
  readonly evaluation: string | null;
}
interface AttemptRow {
  readonly round: number;
  readonly attempt: number;
  readonly cohort: string;
  readonly wanted: number;
}
interface ClientRow {
  readonly id: ClientId;
  readonly public_key: ArrayBuffer;
  readonly label: string;
  readonly state: StoredClient['state'];
  readonly admitted_at: number;
}

/**
 * The store of a real server: one SQLite file. WAL with synchronous FULL, so that what a method resolved with is on the
 * disk. Every call is one short transaction (well under a millisecond beside its fsync).
 * @throws FederatedError STORE_NEWER, STORE_CORRUPT, STORE_LOCKED, STORE_FULL or BAD_FILE
 */
export function openSqliteStore(path: string): Store {
  const db = prepareFile(path);
  const sql = prepareStatements(db);

  /** Runs a call; what SQLite throws becomes one of our errors. */
  const guard = async <T>(call: () => T): Promise<T> => {
    try {
      return call();
    } catch (error) {
      throw storeError(path, error);
    }
  };
  const transaction = <T>(call: () => T): Promise<T> => guard(() => inTransaction(db, call));

  const runRow = (id: RunId): RunRow => {
    const row = sql.run.get(id) as RunRow | undefined;
    if (row === undefined) throw noRun(id);
    return row;
  };
  return {
    createRun: (run) =>
      transaction(() => {
        if (sql.run.get(run.id) !== undefined) throw runExists(run.id);
        const { id, task, state, round, weights, strategyState, reason, createdAt } = run;
        sql.insertRun.run(
          id,
          JSON.stringify(run.config),
          task,
          state,
          round,
          weights,
          strategyState,
          reason,
          createdAt,
        );
      }),
    run: (id) => guard(() => runOf(runRow(id))),
    runs: () => guard(() => (sql.runs.all() as RunRow[]).map(runOf)),
    setRunState: (id, state, reason) =>
      transaction(() => {
        runRow(id);
        sql.setRunState.run(state, reason, id);
      }),
    removeRun: (id) =>
      transaction(() => {
        runRow(id);
        sql.removeRun.run(id); // rounds, evaluations and the attempt go with it
        sql.keepName.run(id);
      }),
    takenNames: () => guard(() => new Set((sql.names.all() as { id: RunId }[]).map(({ id }) => id))),

    saveAttempt: ({ run, round, attempt, cohort, wanted }) =>
      transaction(() => {
        runRow(run);
        sql.saveAttempt.run(run, round, attempt, JSON.stringify(cohort), wanted);
      }),
    attempt: (run) =>
      guard(() => {
        const row = sql.attempt.get(run) as AttemptRow | undefined;
        if (row === undefined) return null;
        const { round, attempt, wanted } = row;
        return { run, round, attempt, cohort: JSON.parse(row.cohort) as ClientId[], wanted };
      }),

    commitRound: (run, { record, evaluation, metrics }, after) =>
      transaction(() => {
        runRow(run);
        checkFollows(run, (sql.chainEnd.get(run) as ChainEnd | undefined) ?? emptyChain, record);
        const { sequence, round, result, hash } = record;
        sql.insertRound.run(run, sequence, round, result, hash, JSON.stringify(record), JSON.stringify(metrics));
        if (evaluation !== null) sql.setEvaluation.run(run, sequence, JSON.stringify(evaluation));
        if (result !== 'abandoned') sql.advanceRun.run(round, after.weights, after.strategyState, run);
        sql.clearAttempt.run(run);
      }),
    setEvaluation: (run, round, evaluation) =>
      transaction(() => {
        const row = sql.committed.get(run, round) as { sequence: number } | undefined;
        if (row === undefined) throw noRound(run, round);
        sql.setEvaluation.run(run, row.sequence, JSON.stringify(evaluation));
      }),
    rounds: (run, after = 0) => guard(() => (sql.rounds.all(run, after) as RoundRow[]).map(roundOf)),

    saveClient: ({ id, publicKey, label, state, admittedAt }) =>
      transaction(() => void sql.saveClient.run(id, publicKey, label, state, admittedAt)),
    client: (id) =>
      guard(() => {
        const row = sql.client.get(id) as ClientRow | undefined;
        return row === undefined ? null : clientOf(row);
      }),
    clients: () => guard(() => (sql.clients.all() as ClientRow[]).map(clientOf)),

    close: () =>
      guard(() => {
        if (!db.open) return;
        db.exec('PRAGMA wal_checkpoint(TRUNCATE)'); // one file is left, easy to copy
        db.close();
      }),
  };
}

function prepareStatements(db: Database.Database) {
  return {
    insertRun: db.prepare('INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)'),
    run: db.prepare('SELECT * FROM runs WHERE id = ?'),
    runs: db.prepare('SELECT * FROM runs ORDER BY created_at, rowid'),
    setRunState: db.prepare('UPDATE runs SET state = ?, reason = ? WHERE id = ?'),
    advanceRun: db.prepare('UPDATE runs SET round = ?, weights = ?, strategy_state = ? WHERE id = ?'),
    removeRun: db.prepare('DELETE FROM runs WHERE id = ?'),
    keepName: db.prepare('INSERT OR IGNORE INTO removed_runs VALUES (?)'),
    names: db.prepare('SELECT id FROM runs UNION SELECT id FROM removed_runs'),
    saveAttempt: db.prepare('INSERT OR REPLACE INTO attempts VALUES (?, ?, ?, ?, ?)'),
    attempt: db.prepare('SELECT round, attempt, cohort, wanted FROM attempts WHERE run = ?'),
    clearAttempt: db.prepare('DELETE FROM attempts WHERE run = ?'),
    chainEnd: db.prepare('SELECT sequence, hash FROM rounds WHERE run = ? ORDER BY sequence DESC LIMIT 1'),
    insertRound: db.prepare('INSERT INTO rounds VALUES (?, ?, ?, ?, ?, ?, ?)'),
    committed: db.prepare("SELECT sequence FROM rounds WHERE run = ? AND round = ? AND result <> 'abandoned'"),
    setEvaluation: db.prepare('INSERT OR REPLACE INTO evaluations VALUES (?, ?, ?)'),
    rounds: db.prepare(
      'SELECT record, metrics, evaluation FROM rounds LEFT JOIN evaluations USING (run, sequence) ' +
        'WHERE run = ? AND sequence > ? ORDER BY sequence',
    ),
    saveClient: db.prepare('INSERT OR REPLACE INTO clients VALUES (?, ?, ?, ?, ?)'),
    client: db.prepare('SELECT * FROM clients WHERE id = ?'),
    clients: db.prepare('SELECT * FROM clients ORDER BY id'),
  };
}

const runOf = (row: RunRow): StoredRun => ({
  id: row.id,
  config: JSON.parse(row.config) as StoredRun['config'],
  task: row.task,
  state: row.state,
  round: row.round,
  weights: row.weights,
  strategyState: row.strategy_state,
  reason: row.reason,
  createdAt: row.created_at,
});

const roundOf = (row: RoundRow): StoredRound => ({
  record: JSON.parse(row.record) as StoredRound['record'],
  evaluation: row.evaluation === null ? null : (JSON.parse(row.evaluation) as StoredRound['evaluation']),
  metrics: JSON.parse(row.metrics) as StoredRound['metrics'],
});

const clientOf = (row: ClientRow): StoredClient => ({
  id: row.id,
  publicKey: new Uint8Array(row.public_key),
  label: row.label,
  state: row.state,
  admittedAt: row.admitted_at,
});

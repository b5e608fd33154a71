import Database from 'libsql';
import type { ClientId, RunId, Sha256 } from '../../shared/ids.ts';
import type { RunState } from '../../shared/states.ts';
import { attemptZero, checkFollows, emptyChain, noRound, noRun, runExists, type ChainEnd } from './chain.ts';
import { GroupCommit } from './group-commit.ts';
import { holdsSeal, sealOf } from './row-seal.ts';
import { rowReader, type Row } from './rows.ts';
import { sealedTables, type SealedTable } from './schema.ts';
import { corrupt, inTransaction, prepareFile, storeError } from './sqlite-file.ts';
import type { Store, StoredAttempt, StoredClient, StoredRound, StoredRun } from './store.ts';

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
interface RoundRow extends ChainEnd {
  readonly record: string;
  readonly metrics: string;
}
interface EvaluationRow {
  readonly sequence: number;
  readonly evaluation: string;
}
interface AttemptRow {
  readonly round: number;
  readonly attempt: number;
  readonly cohort: string;
  readonly wanted: number;
  readonly bases: string | null;
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
 * disk. Every call is one short transaction (well under a millisecond beside its fsync); clients saved at once share one.
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

  /** Rows as they were written: a changed byte in any of them is found here. */
  const checked = <T>(table: SealedTable, rows: unknown): T[] =>
    (rows as Row[]).map((raw) => {
      const row = decoded(table, raw);
      if (row === null || !holdsSeal(table, row)) throw corrupt(path, `a row of ${table} was changed outside Fedloom`);
      return row as T;
    });
  const decoded = (table: SealedTable, row: Row): Row | null => {
    try {
      return sql.readers[table].decode(row);
    } catch {
      return null;
    }
  };
  const one = <T>(table: SealedTable, row: unknown): T | undefined =>
    row === undefined ? row : checked<T>(table, [row])[0];
  const runRow = (id: RunId): RunRow => {
    const row = one<RunRow>('runs', sql.run.get(id));
    if (row === undefined) throw noRun(id);
    return row;
  };
  const changeRun = (id: RunId, changes: Partial<RunRow>): void => {
    const row = { ...runRow(id), ...changes };
    const { state, reason, round, weights, strategy_state } = row;
    sql.changeRun.run(state, reason, round, weights, strategy_state, sealOf('runs', { ...row }), id);
  };
  const writeAttempt = ({ run, round, attempt, cohort, wanted, bases }: StoredAttempt): void => {
    const texts = { cohort: JSON.stringify(cohort), bases: bases === undefined ? null : JSON.stringify(bases) };
    sql.saveAttempt({ run, round, attempt, wanted, ...texts });
  };
  const saved = new GroupCommit<StoredClient>((clients) =>
    transaction(() => {
      for (const { id, publicKey, label, state, admittedAt } of clients) {
        sql.saveClient({ id, public_key: publicKey, label, state, admitted_at: admittedAt });
      }
    }),
  );
  return {
    createRun: (run) =>
      transaction(() => {
        if (sql.run.get(run.id) !== undefined) throw runExists(run.id);
        sql.insertRun({
          id: run.id,
          config: JSON.stringify(run.config),
          task: run.task,
          state: run.state,
          round: run.round,
          weights: run.weights,
          strategy_state: run.strategyState,
          reason: run.reason,
          created_at: run.createdAt,
        });
      }),
    run: (id) => guard(() => runOf(runRow(id))),
    runs: () => guard(() => checked<RunRow>('runs', sql.runs.all()).map(runOf)),
    setRunState: (id, state, reason) => transaction(() => changeRun(id, { state, reason })),
    removeRun: (id) =>
      transaction(() => {
        runRow(id);
        sql.removeRun.run(id); // rounds, evaluations and the attempt go with it
        sql.keepName({ id });
      }),
    takenNames: () =>
      guard(() => {
        const runs = checked<{ id: RunId }>('runs', sql.runs.all());
        const removed = checked<{ id: RunId }>('removed_runs', sql.removed.all());
        return new Set([...runs, ...removed].map(({ id }) => id));
      }),

    saveAttempt: (attempt) =>
      transaction(() => {
        runRow(attempt.run);
        writeAttempt(attempt);
      }),
    attempt: (run) =>
      guard(() => {
        const row = one<AttemptRow>('attempts', sql.attempt.get(run));
        if (row === undefined) return null;
        const { round, attempt, wanted } = row;
        const cohort = JSON.parse(row.cohort) as ClientId[];
        const bases = row.bases === null ? {} : { bases: JSON.parse(row.bases) as NonNullable<StoredAttempt['bases']> };
        return { run, round, attempt, cohort, wanted, ...bases };
      }),

    commitRound: (run, { record, evaluation, metrics }, after) =>
      transaction(() => {
        runRow(run);
        checkFollows(run, one<ChainEnd>('rounds', sql.lastRound.get(run)) ?? emptyChain, record);
        const { sequence, round, result, hash } = record;
        const texts = { record: JSON.stringify(record), metrics: JSON.stringify(metrics) };
        sql.insertRound({ run, sequence, round, result, hash, ...texts });
        if (evaluation !== null) sql.setEvaluation({ run, sequence, evaluation: JSON.stringify(evaluation) });
        if (result !== 'abandoned') {
          changeRun(run, { round, weights: after.weights, strategy_state: after.strategyState });
        }
        sql.clearAttempt.run(run);
        if (after.bases !== undefined) writeAttempt(attemptZero(record, after.bases));
      }),
    setEvaluation: (run, round, evaluation) =>
      transaction(() => {
        const row = sql.committed.get(run, round) as { sequence: number } | undefined;
        if (row === undefined) throw noRound(run, round);
        sql.setEvaluation({ run, sequence: row.sequence, evaluation: JSON.stringify(evaluation) });
      }),
    rounds: (run, after = 0) =>
      guard(() => {
        const measured = checked<EvaluationRow>('evaluations', sql.evaluations.all(run, after));
        const evaluations = new Map(measured.map(({ sequence, evaluation }) => [sequence, evaluation]));
        const rounds = checked<RoundRow>('rounds', sql.rounds.all(run, after));
        return rounds.map((row) => roundOf(row, evaluations.get(row.sequence)));
      }),

    newest: (run) =>
      guard(() => {
        const last = one<RoundRow>('rounds', sql.lastRound.get(run));
        const measured = one<EvaluationRow>('evaluations', sql.lastEvaluation.get(run));
        const of = measured && one<RoundRow>('rounds', sql.roundAt.get(run, measured.sequence));
        const evaluated = of === undefined ? undefined : roundOf(of, measured!.evaluation);
        return {
          record: last === undefined ? null : roundOf(last, undefined).record,
          evaluated:
            evaluated === undefined ? null : { round: evaluated.record.round, evaluation: evaluated.evaluation! },
        };
      }),

    markPruned: (run, ids) =>
      transaction(() => {
        runRow(run);
        for (const id of ids) sql.markPruned({ run, id });
      }),
    pruned: (run) =>
      guard(() => new Set(checked<{ id: Sha256 }>('pruned_models', sql.pruned.all(run)).map(({ id }) => id))),

    saveClient: (client) => saved.add(client),
    client: (id) =>
      guard(() => {
        saved.flush(); // else what is gathered would not be seen
        const row = one<ClientRow>('clients', sql.client.get(id));
        return row === undefined ? null : clientOf(row);
      }),
    clients: () =>
      guard(() => {
        saved.flush();
        return checked<ClientRow>('clients', sql.clients.all()).map(clientOf);
      }),

    close: () => {
      saved.flush();
      return guard(() => {
        if (!db.open) return;
        try {
          db.exec('PRAGMA wal_checkpoint(TRUNCATE)'); // one file is left, easy to copy
        } finally {
          db.close(); // also on a disk that takes nothing more
        }
      });
    },
  };
}

function prepareStatements(db: Database.Database) {
  /** Writes whole rows of a table, each with its checksum. */
  const writer = <const C extends string>(verb: string, table: SealedTable, columns: readonly C[]) => {
    const marks = columns.map(() => '?').join(', ');
    const statement = db.prepare(`${verb} INTO ${table} (${columns.join(', ')}, seal) VALUES (${marks}, ?)`);
    return (row: Readonly<Record<C, unknown>>): void =>
      void statement.run(...columns.map((column) => row[column]), sealOf(table, row));
  };
  const readers = Object.fromEntries(sealedTables.map((table) => [table, rowReader(db, table)])) as Record<
    SealedTable,
    ReturnType<typeof rowReader>
  >;
  const select = (table: SealedTable, rest: string) =>
    db.prepare(`SELECT ${readers[table].columns} FROM ${table} ${rest}`);
  const runColumns = [
    'id',
    'config',
    'task',
    'state',
    'round',
    'weights',
    'strategy_state',
    'reason',
    'created_at',
  ] as const;
  const roundColumns = ['run', 'sequence', 'round', 'result', 'hash', 'record', 'metrics'] as const;
  const attemptColumns = ['run', 'round', 'attempt', 'cohort', 'wanted', 'bases'] as const;
  const clientColumns = ['id', 'public_key', 'label', 'state', 'admitted_at'] as const;
  return {
    readers,
    insertRun: writer('INSERT', 'runs', runColumns),
    run: select('runs', 'WHERE id = ?'),
    runs: select('runs', 'ORDER BY created_at, rowid'),
    changeRun: db.prepare(
      'UPDATE runs SET state = ?, reason = ?, round = ?, weights = ?, strategy_state = ?, seal = ? WHERE id = ?',
    ),
    removeRun: db.prepare('DELETE FROM runs WHERE id = ?'),
    keepName: writer('INSERT OR IGNORE', 'removed_runs', ['id']),
    removed: select('removed_runs', ''),
    saveAttempt: writer('INSERT OR REPLACE', 'attempts', attemptColumns),
    attempt: select('attempts', 'WHERE run = ?'),
    clearAttempt: db.prepare('DELETE FROM attempts WHERE run = ?'),
    lastRound: select('rounds', 'WHERE run = ? ORDER BY sequence DESC LIMIT 1'),
    roundAt: select('rounds', 'WHERE run = ? AND sequence = ?'),
    lastEvaluation: select('evaluations', 'WHERE run = ? ORDER BY sequence DESC LIMIT 1'),
    insertRound: writer('INSERT', 'rounds', roundColumns),
    committed: db.prepare("SELECT sequence FROM rounds WHERE run = ? AND round = ? AND result <> 'abandoned'"),
    setEvaluation: writer('INSERT OR REPLACE', 'evaluations', ['run', 'sequence', 'evaluation']),
    evaluations: select('evaluations', 'WHERE run = ? AND sequence > ?'),
    rounds: select('rounds', 'WHERE run = ? AND sequence > ? ORDER BY sequence'),
    markPruned: writer('INSERT OR IGNORE', 'pruned_models', ['run', 'id']),
    pruned: select('pruned_models', 'WHERE run = ?'),
    saveClient: writer('INSERT OR REPLACE', 'clients', clientColumns),
    client: select('clients', 'WHERE id = ?'),
    clients: select('clients', 'ORDER BY id'),
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

const roundOf = (row: RoundRow, evaluation: string | undefined): StoredRound => ({
  record: JSON.parse(row.record) as StoredRound['record'],
  evaluation: evaluation === undefined ? null : (JSON.parse(evaluation) as StoredRound['evaluation']),
  metrics: JSON.parse(row.metrics) as StoredRound['metrics'],
});

const clientOf = (row: ClientRow): StoredClient => ({
  id: row.id,
  publicKey: new Uint8Array(row.public_key),
  label: row.label,
  state: row.state,
  admittedAt: row.admitted_at,
});

import Database from 'libsql';
import type { Sha256 } from '../../shared/ids.ts';
import type { RoundRecord } from '../../shared/round-log.ts';
import type { RunConfig } from '../config.ts';
import { holdsSeal } from '../store/row-seal.ts';
import { rowReader, type Row } from '../store/rows.ts';
import { createTables, schemaVersion, sealedTables } from '../store/schema.ts';
import { applicationId, newerStore, storeError } from '../store/sqlite-file.ts';
import type { StoredRound, StoredRun } from '../store/store.ts';
import type { Finding } from './finding.ts';

/** What a store says, as far as it can be read, and what is wrong with it. */
export interface Contents {
  /** The file's format. */
  readonly format: number;
  readonly runs: readonly Pick<StoredRun, 'id' | 'config' | 'task' | 'state' | 'round' | 'weights' | 'strategyState'>[];
  readonly rounds: ReadonlyMap<string, readonly StoredRound[]>;
  /** Of each run: the models that were removed on purpose. */
  readonly pruned: ReadonlyMap<string, ReadonlySet<Sha256>>;
  readonly findings: readonly Finding[];
  /** Whether only indexes are damaged, which can be made again from their tables. */
  readonly reindexHelps: boolean;
}

/**
 * Reads a store's file, all of it at one moment; a server may be at work on it. Where none is, closing it takes the write-ahead log
 * into the file, as SQLite does when the last one leaves.
 * @throws FederatedError STORE_NEWER, or BAD_FILE when it is another program's
 */
export function readContents(path: string): Contents {
  const findings: Finding[] = [];
  const lost = (message: string): void => void findings.push({ kind: 'lost', where: 'database', message });
  let db: Database.Database | undefined;
  try {
    db = new Database(path, { timeout: 5_000 });
    db.exec('PRAGMA query_only = ON');
    db.exec('BEGIN');
    const format = pragma(db, 'user_version');
    if (pragma(db, 'application_id') !== applicationId) {
      lost('fedloom.db does not say that it is a store of Fedloom: its header is damaged, or it is another program’s');
      return { format, runs: [], rounds: new Map(), pruned: new Map(), findings, reindexHelps: false };
    }
    if (format > schemaVersion) throw newerStore(path, format);
    const { problems, reindexHelps } = integrity(db);
    for (const problem of problems) {
      if (reindexHelps)
        findings.push({ kind: 'repairable', where: 'database', message: `an index is damaged: ${problem}` });
      else lost(problem);
    }
    const sealed = format === schemaVersion;
    if (sealed && shapeOf(db) !== expectedShape()) lost('the definitions of its tables were changed');
    if (!sealed) {
      const message = `fedloom.db is of format ${format}; a server, or --repair, brings it to format ${schemaVersion}`;
      findings.push({ kind: 'note', where: 'database', message });
    }
    const tables = new Map(
      sealedTables.map((table) => {
        const { rows, problem } = rowsOf(db!, table, sealed);
        if (problem !== null && !(problem.missing && !sealed)) lost(problem.message);
        return [table, rows];
      }),
    );
    const { runs, rounds } = parsed(tables, lost);
    return { format, runs, rounds, pruned: prunedIn(tables), findings, reindexHelps };
  } catch (error) {
    const ours = storeError(path, error);
    if (ours.code === 'STORE_NEWER' || ours.code === 'STORE_LOCKED') throw ours;
    lost(ours.message);
    return { format: 0, runs: [], rounds: new Map(), pruned: new Map(), findings, reindexHelps: false };
  } finally {
    // Closing does not end a transaction before everything made of the connection is collected, and a server waits for it.
    if (db?.inTransaction === true) db.exec('ROLLBACK');
    db?.close();
  }
}

const pragma = (db: Database.Database, name: string): number =>
  (db.prepare(`PRAGMA ${name}`).get() as Record<string, number>)[name]!;

/** What SQLite itself finds. */
function integrity(db: Database.Database): { problems: string[]; reindexHelps: boolean } {
  const rows = db.prepare('PRAGMA integrity_check(20)').all() as { integrity_check: string }[];
  const problems = rows.map((row) => row.integrity_check).filter((text) => text !== 'ok');
  const ofIndex = /^(row \d+ missing from index|wrong # of entries in index|non-unique entry in index)/;
  const orphans = db.prepare('PRAGMA foreign_key_check').all() as { table: string }[];
  return {
    problems: [...problems, ...orphans.map(({ table }) => `a row of ${table} belongs to nothing that is there`)],
    reindexHelps: problems.length > 0 && orphans.length === 0 && problems.every((text) => ofIndex.test(text)),
  };
}

/** The tables' definitions, without the spaces that an older version wrote in another way. */
function shapeOf(db: Database.Database): string {
  const { columns, decode } = rowReader(db, 'sqlite_schema');
  const rows = (db.prepare(`SELECT ${columns} FROM sqlite_schema ORDER BY name`).all() as Row[]).map(decode);
  return JSON.stringify(rows.map((row) => [row['type'], row['name'], row['tbl_name'], withoutSpace(row['sql'])]));
}
const withoutSpace = (sql: unknown): string =>
  typeof sql === 'string' ? sql.replaceAll(/--[^\n]*\n/g, '').replaceAll(/\s+/g, '') : '';

function expectedShape(): string {
  const db = new Database(':memory:');
  try {
    createTables(db);
    return shapeOf(db);
  } finally {
    db.close();
  }
}

interface TableRows {
  readonly rows: readonly Row[];
  readonly problem: { readonly message: string; readonly missing: boolean } | null;
}

function rowsOf(db: Database.Database, table: string, sealed: boolean): TableRows {
  try {
    const { columns, decode } = rowReader(db, table);
    if (columns === '') return { rows: [], problem: { message: `the table ${table} is gone`, missing: true } };
    const raw = db.prepare(`SELECT ${columns} FROM ${table}`).all() as Row[];
    const rows = raw.flatMap((row) => {
      try {
        return [decode(row)];
      } catch {
        return []; // a text that is not text any more
      }
    });
    const broken = raw.length - (sealed ? rows.filter((row) => holdsSeal(table, row)) : rows).length;
    const message = `${broken} of ${raw.length} rows of ${table} are not as they were written`;
    return { rows, problem: broken === 0 ? null : { message, missing: false } };
  } catch (error) {
    const { message } = error as Error;
    return {
      rows: [],
      problem: { message: `${table} cannot be read: ${message}`, missing: message.includes('no such table') },
    };
  }
}

function parsed(
  tables: ReadonlyMap<string, readonly Row[]>,
  lost: (message: string) => void,
): Pick<Contents, 'runs' | 'rounds'> {
  const json = <T>(text: unknown, what: string): T | undefined => {
    try {
      return JSON.parse(String(text)) as T;
    } catch {
      lost(`${what} cannot be read`);
      return undefined;
    }
  };
  const runs = (tables.get('runs') ?? []).flatMap((row) => {
    const config = json<RunConfig>(row['config'], `the settings of run ${String(row['id'])}`);
    if (config === undefined) return [];
    const { id, task, state, round, weights, strategy_state: strategyState } = row;
    return [{ id, config, task, state, round, weights, strategyState } as Contents['runs'][number]];
  });
  const rounds = new Map<string, StoredRound[]>(runs.map(({ id }) => [id, []]));
  const measured = new Map(
    (tables.get('evaluations') ?? []).map((row) => [`${String(row['run'])}/${String(row['sequence'])}`, row]),
  );
  for (const row of [...(tables.get('rounds') ?? [])].toSorted(
    (a, b) => Number(a['sequence']) - Number(b['sequence']),
  )) {
    const where = `record ${String(row['sequence'])} of run ${String(row['run'])}`;
    const record = json<RoundRecord>(row['record'], where);
    if (record === undefined) continue;
    for (const column of ['run', 'sequence', 'round', 'result', 'hash'] as const) {
      if (record[column] !== row[column]) lost(`${where} and its row differ in ${column}`);
    }
    const evaluation = measured.get(`${String(row['run'])}/${String(row['sequence'])}`);
    rounds.get(String(row['run']))?.push({
      record,
      metrics: json<StoredRound['metrics']>(row['metrics'], `the measurements of ${where}`) ?? {},
      evaluation:
        evaluation === undefined ? null : (json(evaluation['evaluation'], `the evaluation of ${where}`) ?? null),
    });
  }
  return { runs, rounds };
}

function prunedIn(tables: ReadonlyMap<string, readonly Row[]>): Contents['pruned'] {
  const pruned = new Map<string, Set<Sha256>>();
  for (const { run, id } of tables.get('pruned_models') ?? []) {
    pruned.set(String(run), (pruned.get(String(run)) ?? new Set()).add(id as Sha256));
  }
  return pruned;
}

/** Every blob that the store names and that must be there, with what it is: models that were removed on purpose need not. */
export function namedBlobs({
  runs,
  rounds,
  pruned,
}: Pick<Contents, 'runs' | 'rounds' | 'pruned'>): Map<Sha256, string> {
  const named = new Map<Sha256, string>();
  const name = (id: Sha256 | null, what: string): void => {
    if (id !== null && !named.has(id)) named.set(id, what);
  };
  for (const run of runs) {
    name(run.task, `the task of run ${run.id}`);
    for (const { record } of rounds.get(run.id) ?? []) {
      const isGone = (id: Sha256): boolean => pruned.get(run.id)?.has(id) === true;
      if (!isGone(record.weightsBefore))
        name(record.weightsBefore, `the model before round ${record.round} of run ${run.id}`);
      if (!isGone(record.weightsAfter))
        name(record.weightsAfter, `the model after round ${record.round} of run ${run.id}`);
    }
    name(run.weights, `the model of run ${run.id}`);
    name(run.strategyState, `the state of the strategy of run ${run.id}`);
  }
  return named;
}

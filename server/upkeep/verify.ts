import Database from 'libsql';
import { existsSync } from 'node:fs';
import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { asFederatedError, FederatedError } from '../../shared/errors.ts';
import { isLocked, lockFolder } from '../store/lock.ts';
import { prepareFile } from '../store/sqlite-file.ts';
import { checkBlobs } from './check-blobs.ts';
import { checkRunFolders, checkSecrets } from './check-folder.ts';
import { checkRuns } from './check-runs.ts';
import { namedBlobs, readContents, type Contents } from './contents.ts';
import { isWhole, type Finding } from './finding.ts';
import { readWal } from './wal.ts';

export interface Verification {
  /** Absolute. */
  readonly dataDir: string;
  /** Nothing is lost, doubtful or left to repair. */
  readonly whole: boolean;
  /** A server was at work on the folder meanwhile. */
  readonly inUse: boolean;
  readonly runs: number;
  /** Records of all logs. */
  readonly records: number;
  readonly blobs: number;
  readonly bytes: number;
  readonly findings: readonly Finding[];
}

/**
 * Checks a data folder, or a backup: the database page by page and row by row, the write-ahead log, each run's chain, every
 * blob against its hash, that every blob that is named is there, and the files beside them. Without `repair` it changes
 * nothing, and may look at the folder of a running server.
 * @param options.repair - makes again what can be derived: indexes, task and first model of a run, the run folders
 * @throws FederatedError NOT_FOUND, STORE_NEWER, and with `repair` STORE_LOCKED while a server is at work on it
 */
export async function verifyFolder(
  folder: string,
  { repair = false }: { readonly repair?: boolean } = {},
): Promise<Verification> {
  const dataDir = resolve(folder);
  const path = join(dataDir, 'fedloom.db');
  if (!existsSync(path)) {
    const rest = existsSync(join(dataDir, 'blobs')) ? ', but blobs: restore it from a backup' : '';
    throw new FederatedError('NOT_FOUND', `there is no fedloom.db in ${folder}${rest}`);
  }
  const inUse = isLocked(dataDir);
  const unlock = repair ? lockFolder(dataDir) : () => {};
  try {
    // A log that grows meanwhile would look torn.
    const findings: Finding[] = inUse ? [] : await checkWal(`${path}-wal`);
    if (repair && isWhole(findings)) findings.push(...repairDatabase(path));
    const contents = inUse || repair ? readContents(path) : await readCopy(path);
    findings.push(...contents.findings);
    const runs = checkRuns(contents);
    findings.push(...runs.findings);
    const blobs = await checkBlobs(join(dataDir, 'blobs'), namedBlobs(contents), runs.derived, repair);
    findings.push(...blobs.findings, ...(await checkSecrets(dataDir)));
    if (!inUse) findings.push(...(await checkRunFolders(dataDir, contents, repair)));
    return {
      dataDir,
      whole: isWhole(findings),
      inUse,
      runs: contents.runs.length,
      records: [...contents.rounds.values()].reduce((sum, rounds) => sum + rounds.length, 0),
      blobs: blobs.count,
      bytes: blobs.bytes,
      findings,
    };
  } finally {
    unlock();
  }
}

/** Reads a copy of the file and its log, since whoever opens and leaves them changes them. */
async function readCopy(path: string): Promise<Contents> {
  const folder = await mkdtemp(join(tmpdir(), 'fedloom-verify-'));
  try {
    for (const suffix of ['', '-wal']) {
      if (existsSync(path + suffix)) await copyFile(path + suffix, join(folder, `fedloom.db${suffix}`));
    }
    return readContents(join(folder, 'fedloom.db'));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function checkWal(path: string): Promise<Finding[]> {
  const { unreadable, unreadableCommits } = readWal(await readFile(path).catch(() => new Uint8Array()));
  if (unreadable === 0) return [];
  const where = 'write-ahead log';
  if (unreadableCommits > 1) {
    const message = `it is damaged: at least ${unreadableCommits - 1} committed transactions cannot be read`;
    return [{ kind: 'lost', where, message }];
  }
  const message = 'its last transaction cannot be read: it was never finished, as after a power cut, or it is damaged';
  return [{ kind: 'unsure', where, message }];
}

/** Makes damaged indexes again; brings a store of an older format up to date. */
function repairDatabase(path: string): Finding[] {
  const before = readContents(path);
  if (before.reindexHelps) {
    const db = new Database(path, { timeout: 5_000 });
    try {
      db.exec('REINDEX');
    } finally {
      db.close();
    }
  }
  try {
    prepareFile(path).close();
  } catch (error) {
    return [{ kind: 'lost', where: 'database', message: asFederatedError(error).message }];
  }
  if (!before.reindexHelps) return [];
  return [
    { kind: 'repaired', where: 'database', message: 'its indexes were damaged, and were made again from their tables' },
  ];
}

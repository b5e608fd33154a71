import Database from 'libsql';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';
import { asFederatedError, FederatedError } from '../../shared/errors.ts';
import { version } from '../../shared/version.ts';
import { blobFiles, syncFolder } from '../store/blob-files.ts';
import { lockFolder } from '../store/lock.ts';
import { storeError } from '../store/sqlite-file.ts';
import { secretFiles } from './check-folder.ts';
import { namedBlobs, readContents, type Contents } from './contents.ts';
import { isWhole } from './finding.ts';
import { verifyFolder, type Verification } from './verify.ts';
import { makeFolder } from '../store/make-folder.ts';

/** What a backup says about itself, in `backup.json`: written last, so that a folder with it is whole. */
export interface BackupNote {
  readonly format: 'fedloom-backup-1';
  readonly fedloom: string;
  /** ms since 1970 */
  readonly madeAt: number;
  /** Of its fedloom.db, hex. */
  readonly sha256: string;
  /** Whether the server's key, the tokens and the join code are in it. */
  readonly keys: boolean;
  readonly runs: readonly { readonly id: string; readonly round: number; readonly lastRecord: string | null }[];
}

export interface BackupResult extends BackupNote {
  /** Absolute. */
  readonly out: string;
  readonly blobs: number;
  /** Blobs that an earlier backup in the same folder had already. */
  readonly kept: number;
}

const noteFile = 'backup.json';

/**
 * Copies a data folder, also while a server is at work on it: the database as it is at one moment, then every blob that it
 * names (they never change, and are durable before a row names them). A folder that has an earlier backup is brought up to date,
 * and stays a whole backup if this is cut short. The layout is that of a data folder, so that `verifyFolder` can check it.
 * @param options.keys - also the server's key, the tokens and the join code: without them a restored server has a new
 *   identity, and its clients need the new join link
 * @param options.now - ms since 1970
 * @throws FederatedError NOT_FOUND, STORE_CORRUPT, STORE_FULL, BAD_ARGUMENT (folder), BAD_FILE
 */
export async function backUp(
  folder: string,
  out: string,
  { keys, now }: { readonly keys: boolean; readonly now: number },
): Promise<BackupResult> {
  const [from, to] = [resolve(folder), resolve(out)];
  const source = join(from, 'fedloom.db');
  if (!existsSync(source)) throw new FederatedError('NOT_FOUND', `there is no fedloom.db in ${folder}`);
  if (`${to}${sep}`.startsWith(`${from}${sep}`)) {
    throw new FederatedError(
      'BAD_ARGUMENT',
      '--out: a backup inside the data folder would be lost with it; choose another folder',
    );
  }
  await makeFolder(to, 0o700);
  const there = await readdir(to);
  if (there.length > 0 && !there.includes(noteFile) && !there.every((name) => name === 'blobs' || name === draftName)) {
    throw new FederatedError(
      'BAD_ARGUMENT',
      `--out: ${out} holds other files; name an empty folder or an earlier backup`,
    );
  }
  const draft = join(to, draftName);
  try {
    const { contents, blobs, kept } = await copyMoment(from, to);
    for (const name of keys ? secretFiles : []) await copySecret(from, to, name);
    const note: BackupNote = {
      format: 'fedloom-backup-1',
      fedloom: version,
      madeAt: now,
      sha256: createHash('sha256')
        .update(await readFile(draft))
        .digest('hex'),
      keys,
      runs: contents.runs.map(({ id, round }) => ({
        id,
        round,
        lastRecord: contents.rounds.get(id)?.at(-1)?.record.hash ?? null,
      })),
    };
    await syncFile(draft);
    await rename(draft, join(to, 'fedloom.db'));
    await writeFile(join(to, `${noteFile}.new`), `${JSON.stringify(note, null, 2)}\n`, { flush: true });
    await rename(join(to, `${noteFile}.new`), join(to, noteFile));
    await syncFolder(to);
    return { ...note, out: to, blobs, kept };
  } catch (error) {
    throw fileError(out, error);
  }
}

/**
 * Makes a data folder of a backup, on which a server goes on at the backup's round.
 * @param dataDir - must have no data yet
 * @returns what verifying the new folder found
 * @throws FederatedError NOT_FOUND, BAD_FILE (no backup), STORE_CORRUPT (a damaged one), BAD_STATE (data is there), STORE_FULL
 */
export async function restore(
  backup: string,
  dataDir: string,
): Promise<{ readonly note: BackupNote; readonly verification: Verification }> {
  const [from, to] = [resolve(backup), resolve(dataDir)];
  const note = await readNote(from, backup);
  if (existsSync(join(to, 'fedloom.db'))) {
    throw new FederatedError(
      'BAD_STATE',
      `${dataDir} holds data already; name another folder, or move that one away first`,
    );
  }
  const checked = await verifyFolder(from);
  if (!checked.whole) {
    const why = checked.findings.filter((finding) => !isWhole([finding])).map(({ message }) => message);
    throw new FederatedError('STORE_CORRUPT', `the backup ${backup} is damaged: ${why.join('; ')}`);
  }
  try {
    await makeFolder(to, 0o700);
    const unlock = lockFolder(to);
    try {
      const blobs = blobFiles(join(from, 'blobs'), { owner: false });
      const copies = blobFiles(join(to, 'blobs'));
      for (const id of namedBlobs(readContents(join(from, 'fedloom.db'))).keys()) await copies.put(await blobs.get(id));
      for (const name of note.keys ? secretFiles : []) await copySecret(from, to, name);
      // The database comes last: a folder without it can be restored into again.
      const draft = join(to, draftName);
      await copyFile(join(from, 'fedloom.db'), draft);
      await syncFile(draft);
      await rename(draft, join(to, 'fedloom.db'));
      await syncFolder(to);
    } finally {
      unlock();
    }
  } catch (error) {
    throw fileError(dataDir, error);
  }
  return { note, verification: await verifyFolder(to) };
}

const draftName = 'fedloom.db.new';
/** A server may remove an old model between the look at its database and the copy: then the next moment is taken. */
const moments = 5;

/** Copies the database as it is at one moment, and the blobs that it names. */
async function copyMoment(from: string, to: string): Promise<{ contents: Contents; blobs: number; kept: number }> {
  const source = join(from, 'fedloom.db');
  const draft = join(to, draftName);
  const blobs = blobFiles(join(from, 'blobs'), { owner: false });
  const copies = blobFiles(join(to, 'blobs'));
  for (let moment = 1; ; moment++) {
    await rm(draft, { force: true });
    copyDatabase(source, draft);
    const contents = readContents(draft);
    if (!isWhole(contents.findings)) {
      const why = contents.findings.map(({ message }) => message).join('; ');
      throw new FederatedError('STORE_CORRUPT', `${source} is damaged (${why}): 'fedloom verify' says what is lost`);
    }
    const named = namedBlobs(contents);
    let kept = 0;
    try {
      for (const id of named.keys()) {
        const size = await copies.size(id);
        if (size !== null && size === (await blobs.size(id))) kept++;
        // Both hash what they read: a damaged blob is no backup.
        else await copies.put(await blobs.get(id));
      }
      return { contents, blobs: named.size, kept };
    } catch (error) {
      if (!(error instanceof FederatedError && error.code === 'NOT_FOUND') || moment === moments) throw error;
    }
  }
}

function copyDatabase(source: string, draft: string): void {
  let db: Database.Database | undefined;
  try {
    db = new Database(source, { timeout: 5_000 });
    db.prepare('VACUUM INTO ?').run(draft);
  } catch (error) {
    throw storeError(source, error);
  } finally {
    db?.close();
  }
}

async function copySecret(from: string, to: string, name: string): Promise<void> {
  const bytes = await readFile(join(from, name)).catch(() => null);
  if (bytes !== null) await writeFile(join(to, name), bytes, { mode: 0o600, flush: true });
}

async function readNote(from: string, shown: string): Promise<BackupNote> {
  let note: BackupNote;
  try {
    note = JSON.parse(await readFile(join(from, noteFile), 'utf8')) as BackupNote;
  } catch (cause) {
    const message = `${shown} is no backup: it has no readable ${noteFile}, which 'fedloom backup' writes last`;
    throw new FederatedError('BAD_FILE', message, { cause });
  }
  const database = await readFile(join(from, 'fedloom.db')).catch(() => new Uint8Array());
  if (createHash('sha256').update(database).digest('hex') !== note.sha256) {
    throw new FederatedError(
      'STORE_CORRUPT',
      `the backup ${shown} is damaged: its fedloom.db is not the one that was written`,
    );
  }
  return note;
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

function fileError(folder: string, error: unknown): FederatedError {
  if (error instanceof FederatedError) return error;
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new FederatedError('STORE_FULL', `${folder} cannot be written: the disk is full; free some space`, {
      cause: error,
    });
  }
  return new FederatedError('BAD_FILE', `${folder}: ${asFederatedError(error).message}`, { cause: error });
}

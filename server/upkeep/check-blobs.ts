import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Sha256 } from '../../shared/ids.ts';
import { blobFiles } from '../store/blob-files.ts';
import type { Derived } from './check-runs.ts';
import type { Finding } from './finding.ts';

export interface BlobCheck {
  readonly findings: readonly Finding[];
  readonly count: number;
  readonly bytes: number;
}

/**
 * Reads every blob and checks it against its name; those that the store names must be there.
 * @param named - what each blob is
 * @param derived - those that can be made again
 * @param repair - makes them again. Nobody else may have the folder open then
 */
export async function checkBlobs(
  folder: string,
  named: ReadonlyMap<Sha256, string>,
  derived: Derived,
  repair: boolean,
): Promise<BlobCheck> {
  const findings: Finding[] = [];
  const bad = new Map<Sha256, string>(); // why
  const found = new Set<Sha256>();
  let bytes = 0;
  let unnamed = 0;
  for (const path of await filesIn(folder)) {
    const id = path.slice(-64) as Sha256;
    const read = await hashOf(join(folder, path));
    bytes += read.bytes;
    found.add(id);
    if (!named.has(id)) unnamed++;
    if (read.hash === id) continue;
    if (named.has(id)) bad.set(id, read.error ?? 'is damaged');
    else {
      const message = `${short(id)} is damaged, but no run names it`;
      if (repair) await rm(join(folder, path));
      findings.push({ kind: repair ? 'repaired' : 'note', where: 'blobs', message });
    }
  }
  for (const id of named.keys()) if (!found.has(id)) bad.set(id, 'is missing');
  for (const [id, why] of bad) {
    const message = `${named.get(id)} (${short(id)}) ${why}`;
    const make = derived.get(id);
    if (make === undefined) findings.push({ kind: 'lost', where: 'blobs', message });
    else if (!repair) findings.push({ kind: 'repairable', where: 'blobs', message });
    else {
      await rm(join(folder, id.slice(0, 2), id), { force: true });
      await blobFiles(folder).put(make());
      findings.push({
        kind: 'repaired',
        where: 'blobs',
        message: `${message}, and was made again from the run's settings`,
      });
    }
  }
  if (unnamed > 0) {
    const message = `${unnamed} blobs belong to no run that is there: of runs that were removed, of a round that was not committed, or old models that are to go`;
    findings.push({ kind: 'note', where: 'blobs', message });
  }
  return { findings, count: found.size, bytes };
}

const short = (id: Sha256): string => `${id.slice(0, 12)}…`;

/** `ab/<sha256>` of every blob. */
async function filesIn(folder: string): Promise<string[]> {
  const paths: string[] = [];
  for (const sub of await readdir(folder).catch(() => [])) {
    if (!/^[0-9a-f]{2}$/.test(sub)) continue;
    for (const name of await readdir(join(folder, sub))) {
      if (/^[0-9a-f]{64}$/.test(name) && name.startsWith(sub)) paths.push(join(sub, name));
    }
  }
  return paths.toSorted();
}

/** By pieces: a blob may be larger than what memory should hold. */
async function hashOf(path: string): Promise<{ hash: string; bytes: number; error?: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    await pipeline(createReadStream(path), async (pieces: AsyncIterable<Buffer>) => {
      for await (const piece of pieces) {
        hash.update(piece);
        bytes += piece.length;
      }
    });
  } catch (error) {
    return { hash: '', bytes, error: `cannot be read: ${(error as Error).message}` };
  }
  return { hash: hash.digest('hex'), bytes };
}

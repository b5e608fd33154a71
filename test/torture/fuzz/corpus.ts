import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Target } from './target.ts';

/** What a reader has said so far that no other input had made it say, by target: `{ "kind": "base64" }`. Kept in the repository. */
export const corpusFolder = join('test', 'vectors', 'fuzz-corpus');

const fileOf = (target: Target): string => join(corpusFolder, `${target.name}.json`);

/** A corpus is to stay small. */
const maxEntries = 24;
const maxEntryBytes = 400;

export function keptInputs(target: Target): Uint8Array[] {
  if (!existsSync(fileOf(target))) return [];
  const entries = JSON.parse(readFileSync(fileOf(target), 'utf8')) as Record<string, string>;
  return Object.values(entries).map((text) => new Uint8Array(Buffer.from(text, 'base64')));
}

/** Adds inputs of new kinds to the file. @returns how many */
export function keepInputs(target: Target, found: ReadonlyMap<string, Uint8Array>): number {
  const path = fileOf(target);
  const entries: Record<string, string> = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : {};
  let added = 0;
  for (const [kind, input] of found) {
    const isNew =
      !Object.hasOwn(entries, kind) && Object.keys(entries).length < maxEntries && input.length <= maxEntryBytes;
    if (!isNew) continue;
    entries[kind] = Buffer.from(input).toString('base64');
    added++;
  }
  mkdirSync(corpusFolder, { recursive: true });
  const sorted = Object.fromEntries(Object.entries(entries).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  writeFileSync(path, `${JSON.stringify(sorted, null, 2)}\n`);
  return added;
}

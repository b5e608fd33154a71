import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { normaliseJoinCode } from '../../shared/protocol/join-code.ts';
import { canonicalJson } from '../../shared/tasks/task.ts';
import { lineOf } from '../run-folder/round-lines.ts';
import type { Contents } from './contents.ts';
import type { Finding } from './finding.ts';

/** The secrets of a server's folder: the key that its clients know it by, and what lets people and clients in. */
export const secretFiles = ['server.key', 'admin.token', 'viewer.token', 'join.code', 'token.key'] as const;

/** Checks the files beside the store. */
export async function checkSecrets(dataDir: string): Promise<Finding[]> {
  const findings: Finding[] = [];
  const add = (kind: Finding['kind'], message: string): void => void findings.push({ kind, where: 'keys', message });
  const read = async (name: string): Promise<Buffer | null> => readFile(join(dataDir, name)).catch(() => null);
  const key = await read('server.key');
  if (key === null)
    add('note', 'there is no server.key: the next start makes a new identity, and clients need its new join link');
  else if (key.length !== 32) add('lost', `server.key has ${key.length} bytes, expected 32; restore it from a backup`);
  for (const name of ['admin.token', 'viewer.token']) {
    const token = await read(name);
    if (token !== null && !/^[\w-]{32}$/.test(token.toString().trim())) {
      add('unsure', `${name} does not look like a token; remove it to get a new one`);
    }
  }
  const code = await read('join.code');
  try {
    if (code !== null) normaliseJoinCode(code.toString().trim());
  } catch {
    add('lost', 'join.code is damaged; remove it to get a new code');
  }
  for (const name of secretFiles) {
    const mode = (await stat(join(dataDir, name)).catch(() => null))?.mode ?? 0;
    if ((mode & 0o077) !== 0) add('note', `${name} may be read by other users of this machine; chmod 600 it`);
  }
  return findings;
}

/**
 * Compares the folders that are written for people with the store, from which they can be made again.
 * @param repair - writes them again
 */
export async function checkRunFolders(dataDir: string, contents: Contents, repair: boolean): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const { id, config } of contents.runs) {
    const path = join(dataDir, 'runs', id);
    const differs = async (name: string, isAsItShould: (text: string) => boolean, make: (text: string) => string) => {
      const text = await readFile(join(path, name), 'utf8').catch(() => null);
      if (text === null || isAsItShould(text)) return; // not every server writes them
      const message = `${name} is not what the store says${repair ? ', and was written again' : ''}`;
      if (repair) await writeFile(join(path, name), make(text));
      findings.push({ kind: repair ? 'repaired' : 'repairable', where: `run ${id}`, message });
    };
    const lines = (contents.rounds.get(id) ?? []).map((round) => `${JSON.stringify(lineOf(round))}\n`);
    await differs(
      'config.json',
      (text) => holds(text, config),
      () => `${JSON.stringify(config, null, 2)}\n`,
    );
    await differs(
      'metrics.jsonl',
      // The line of the last round may wait for its evaluation.
      (text) => text === lines.join('') || text === lines.slice(0, -1).join(''),
      () => lines.join(''),
    );
    await differs('events.jsonl', (text) => wholeLines(text) === text, wholeLines);
  }
  return findings;
}

/** Whether a config.json says what the store says; it may say more. */
function holds(text: string, config: object): boolean {
  try {
    const found = JSON.parse(text) as Record<string, unknown>;
    return Object.entries(config).every(([name, value]) => canonicalJson(found[name] ?? null) === canonicalJson(value));
  } catch {
    return false;
  }
}

const wholeLines = (text: string): string =>
  text
    .split('\n')
    .filter((line) => {
      try {
        return JSON.parse(line) !== null;
      } catch {
        return false;
      }
    })
    .map((line) => `${line}\n`)
    .join('');

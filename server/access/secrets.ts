import * as crypto from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { toBase64Url, utf8 } from '../../shared/bytes.ts';
import { FederatedError } from '../../shared/errors.ts';
import { newJoinCode, normaliseJoinCode } from '../../shared/protocol/join-code.ts';
import { syncFolder } from '../store/blob-files.ts';

/** What a data folder keeps secret, each in a file of its own that only its owner can read. */
export interface Secrets {
  /** Of the server's identity, 32 bytes. */
  readonly seed: Uint8Array;
  readonly adminToken: string;
  readonly viewerToken: string;
  readonly joinCode: string;
  /** Signs tokens that expire, 32 bytes. */
  readonly tokenKey: Uint8Array;
}

/** What can be made anew: everything that was given out from it counts no more. The identity cannot, see SECURITY.md. */
export const rotatable = ['admin', 'viewer', 'join-code', 'signed'] as const;
export type Rotatable = (typeof rotatable)[number];

const fileOf = { admin: 'admin.token', viewer: 'viewer.token', 'join-code': 'join.code', signed: 'token.key' } as const;

const randomBytes = (length: number): Uint8Array => new Uint8Array(crypto.randomBytes(length));
const make: Record<Rotatable, () => Uint8Array> = {
  admin: () => utf8(toBase64Url(randomBytes(24))),
  viewer: () => utf8(toBase64Url(randomBytes(24))),
  'join-code': () => utf8(newJoinCode(randomBytes(16))),
  signed: () => randomBytes(32),
};

/** The secrets of a folder; those that it has not are made. @throws FederatedError BAD_FILE */
export async function loadSecrets(dataDir: string): Promise<Secrets> {
  const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes).trim();
  const load = (what: Rotatable): Promise<Uint8Array> => loadSecret(join(dataDir, fileOf[what]), make[what]);
  return {
    seed: checkLength('server.key', await loadSecret(join(dataDir, 'server.key'), () => randomBytes(32))),
    adminToken: text(await load('admin')),
    viewerToken: text(await load('viewer')),
    joinCode: checkJoinCode(text(await load('join-code'))),
    tokenKey: checkLength('token.key', await load('signed')),
  };
}

/** Makes one anew, on the disk. */
export async function rotateSecret(dataDir: string, what: Rotatable): Promise<void> {
  await write(join(dataDir, fileOf[what]), make[what]());
}

/** The key of a folder that signs tokens; made if there is none. @throws FederatedError BAD_FILE */
export const loadTokenKey = async (dataDir: string): Promise<Uint8Array> =>
  checkLength('token.key', await loadSecret(join(dataDir, fileOf.signed), make.signed));

/** @throws FederatedError BAD_FILE */
function checkLength(name: string, bytes: Uint8Array): Uint8Array {
  if (bytes.length === 32) return bytes;
  const message = `the file ${name} in the data folder has ${bytes.length} bytes, expected 32; restore it from a backup`;
  throw new FederatedError('BAD_FILE', message);
}

/** @throws FederatedError BAD_FILE */
function checkJoinCode(code: string): string {
  try {
    normaliseJoinCode(code);
    return code;
  } catch (cause) {
    throw new FederatedError(
      'BAD_FILE',
      'the file join.code in the data folder is damaged; remove it to get a new code',
      { cause },
    );
  }
}

/** A secret from its file, or a new one. */
async function loadSecret(path: string, makeNew: () => Uint8Array): Promise<Uint8Array> {
  try {
    return new Uint8Array(await readFile(path));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const bytes = makeNew();
  await write(path, bytes);
  return bytes;
}

/** Whole or not at all, for the owner only: a crash must not leave half a key. */
async function write(path: string, bytes: Uint8Array): Promise<void> {
  const draft = `${path}.${process.pid}`;
  await writeFile(draft, bytes, { mode: 0o600, flush: true });
  await rename(draft, path);
  await syncFolder(dirname(path)); // a key that a power cut takes back would make this another server to its clients
}

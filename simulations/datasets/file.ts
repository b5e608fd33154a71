import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { FederatedError } from '../../shared/errors.ts';

/** Reading the files of data sets: everything about them may be wrong. */

export const badFile = (name: string, what: string, cause?: unknown): FederatedError =>
  new FederatedError('BAD_FILE', `${name}: ${what}`, cause === undefined ? undefined : { cause });

/** @throws FederatedError NOT_FOUND or BAD_FILE */
export async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') {
      throw new FederatedError('NOT_FOUND', `${path}: no such file`, { cause });
    }
    throw badFile(path, (cause as Error).message, cause);
  }
}

export const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

export const isGzip = (bytes: Uint8Array): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b;

/**
 * @param maxBytes - the unpacked data may not be longer
 * @throws FederatedError BAD_FILE
 */
export function unzip(bytes: Uint8Array, name: string, maxBytes: number): Uint8Array {
  try {
    return gunzipSync(bytes, { maxOutputLength: maxBytes });
  } catch (cause) {
    const tooLong = (cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
    throw badFile(name, tooLong ? `holds more than ${maxBytes} bytes` : 'is not a whole gzip file', cause);
  }
}

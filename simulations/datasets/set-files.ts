import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { FederatedError } from '../../shared/errors.ts';
import { badFile, readBytes, sha256Of, unzip } from './file.ts';
import { cacheFolder, dataFolders } from './folders.ts';
import type { Source } from './loaded.ts';

export type Split = 'train' | 'test';

/** A data set that is known by name. */
export interface DataSet {
  readonly name: string;
  readonly title: string;
  readonly examples: { readonly train: number; readonly test: number };
  /** Natural clients: what they are, and how many have examples for training and for tests; null where there are none. */
  readonly clients: { readonly what: string; readonly train: number; readonly test: number } | null;
  /** Names of further groups. */
  readonly groups: readonly string[];
  readonly licence: string;
  readonly source: string;
  /** SHA-256 of each file, by name; empty for a set that comes as an npm package. */
  readonly files: Readonly<Record<string, string>>;
  /** Where it lies on this machine, or null. */
  readonly locate: () => Promise<string | null>;
  /** What to do when it is not there. */
  readonly advice: string;
  /** @throws FederatedError NOT_FOUND, BAD_FILE */
  read(split: Split): Promise<Source>;
}

/** The files of a set in a folder of its own, checked against their SHA-256 whenever they are read. */
export interface SetFiles extends Pick<DataSet, 'files' | 'locate' | 'advice'> {
  /** @throws FederatedError NOT_FOUND, BAD_FILE */
  bytes(file: string): Promise<Uint8Array>;
  /** The text in a gzip file. @throws FederatedError NOT_FOUND, BAD_FILE */
  text(file: string): Promise<string>;
  /** The text of a file that the set can do without, or null where it is missing. @throws FederatedError BAD_FILE */
  optionalText(file: string): Promise<string | null>;
}

const maxTextBytes = 2 ** 28;

/**
 * @param name - of the set, for messages
 * @param optional - SHA-256 of files that the set can do without
 */
export function setFiles(
  name: string,
  folder: string,
  files: Readonly<Record<string, string>>,
  optional: Readonly<Record<string, string>> = {},
): SetFiles {
  const names = Object.keys(files);
  const shown = names.length <= 4 ? names.join(', ') : `${names[0]!} and the ${names.length - 1} other files`;
  const advice = `put ${shown} into $FEDLOOM_DATA/${folder} or ${join(cacheFolder(), folder)}`;
  const locate = async (): Promise<string | null> => {
    for (const path of dataFolders(folder)) {
      const there = await Promise.all(names.map((file) => exists(join(path, file))));
      if (!there.includes(false)) return path;
    }
    return null;
  };
  const pathOf = async (file: string): Promise<string> => {
    const path = await locate();
    if (path !== null) return join(path, file);
    const where = dataFolders(folder).join(', ');
    throw new FederatedError(
      'NOT_FOUND',
      `data set ${name} is not on this machine; it was looked for in ${where}: ${advice}`,
    );
  };
  const checked = async (path: string, hash: string | undefined): Promise<Uint8Array> => {
    const found = await readBytes(path);
    if (sha256Of(found) !== hash) throw badFile(path, 'its SHA-256 is not that of the data set; replace the file');
    return found;
  };
  const textIn = async (path: string, hash: string | undefined): Promise<string> =>
    new TextDecoder().decode(unzip(await checked(path, hash), path, maxTextBytes));
  return {
    files,
    locate,
    advice,
    bytes: async (file) => checked(await pathOf(file), files[file]),
    text: async (file) => textIn(await pathOf(file), files[file]),
    async optionalText(file) {
      const path = await pathOf(file);
      return (await exists(path)) ? textIn(path, optional[file]) : null;
    },
  };
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** The lines of a text, cut at `\n` alone, without carriage returns and without empty lines. */
export const linesOf = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line))
    .filter((line) => line !== '');

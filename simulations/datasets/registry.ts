import { FederatedError } from '../../shared/errors.ts';
import type { DataContract } from '../../shared/tasks/task.ts';
import { parseCsv, type CsvOptions } from './csv.ts';
import { badFile, isGzip, readBytes, unzip } from './file.ts';
import { parseIdx } from './idx.ts';
import { pairImages } from './images.ts';
import { byteSource, floatSource, reconstructing, select, type LoadedData, type Slice, type Source } from './loaded.ts';
import { find, isKnown } from './known-sets.ts';

export { find, list } from './known-sets.ts';
export type { DataSet } from './set-files.ts';

/** A spec taken apart: `NAME[:SLICE][@test]`, where the name may also be files. */
interface DataSpec {
  readonly name: string;
  readonly slice: Slice | null;
  readonly test: boolean;
}

const badSpec = (message: string): FederatedError => new FederatedError('BAD_ARGUMENT', `data: ${message}`);

/** @throws FederatedError BAD_ARGUMENT */
export function parseSpec(spec: string): DataSpec {
  const match = /^(.+?)(?::(?:(clients=)?(\d{1,9})\/(\d{1,9})|([a-z][a-z-]*)=(.+?)))?(@test)?$/s.exec(spec);
  if (match === null) throw badSpec('expected NAME[:SLICE][@test], got nothing');
  const [, name, ofClients, part, parts, group, member, test] = match;
  const rest = { name: name!, test: test !== undefined };
  if (group === 'clients') throw badSpec(`expected clients=PART/PARTS or client=NAME, got clients=${member}`);
  if (group !== undefined) return { ...rest, slice: { group, member: member! } };
  if (part === undefined) return { ...rest, slice: null };
  const slice = { part: Number(part), parts: Number(parts) };
  if (slice.parts === 0) throw badSpec(`expected PART/PARTS such as 0/10, got ${part}/${parts}`);
  if (slice.part >= slice.parts) {
    throw badSpec(`there is no part ${slice.part} of ${slice.parts}; the parts are 0 to ${slice.parts - 1}`);
  }
  return { ...rest, slice: ofClients === undefined ? slice : { clients: slice } };
}

const maxCsvBytes = 2 ** 29;

/**
 * Loads examples by a spec `NAME[:SLICE][@test]`. Nothing is downloaded.
 *
 * | name | examples |
 * | --- | --- |
 * | `mnist`, `shakespeare` ... | a known set (`fedloom data ls`) |
 * | `mnist?target=features` | the same with its features as targets, for an autoencoder |
 * | `house.csv?label=kind` | a CSV file with a column of classes |
 * | `house.csv?label=kind&classes=flat|house|villa` | the same with the order of the classes: a file need not have all of them |
 * | `house.csv?target=price&missing=drop` | a column of real numbers; lines with a missing value are left out |
 * | `house.csv?label=kind&client=city` | a column that says whose each line is; it is no feature |
 * | `images-idx3.gz,labels-idx1.gz` | a pair of IDX files |
 *
 * | slice | of these |
 * | --- | --- |
 * | `mnist:0/10` | the first of ten equal, disjoint parts in a fixed random order |
 * | `shakespeare:client=ROMEO` | all of one natural client |
 * | `mnist:clients=0/10` | all of the first of ten equal parts of the natural clients, in a fixed random order |
 * | `adult:sex=Female` | one group of a set that knows groups |
 *
 * `@test` takes the test examples: `mnist@test`, `adult:sex=Female@test`. Files may be gzip'd.
 * @throws FederatedError BAD_ARGUMENT (the spec), NOT_FOUND, BAD_FILE
 */
export async function loadData(spec: string): Promise<LoadedData> {
  const { name, slice, test } = parseSpec(spec);
  const [base, query] = splitQuery(name);
  if (isKnown(base)) {
    if (query !== null && query !== 'target=features') {
      throw badSpec(`${base} takes the option target=features alone, got ${JSON.stringify(query)}`);
    }
    const set = await find(base);
    const data = select(await set.read(test ? 'test' : 'train'), slice);
    return query === null ? data : reconstructing(data);
  }
  const before = base.slice(0, Math.max(0, base.indexOf(':')));
  if (query !== null && isKnown(before)) {
    throw badSpec(`the option comes before the slice: ${before}?${query}${base.slice(before.length)}`);
  }
  const isFile = query !== null || name.includes(',') || /\.csv(\.gz)?$/.test(name);
  if (!isFile) await find(name); // refuses it, with the names that are known
  if (test) throw badSpec(`${name} has no test examples of its own (@test)`);
  return select(name.includes(',') ? await idxPair(name) : await csvFile(name), slice);
}

/**
 * The spec of the test examples that belong to a spec: all of them, whichever part it takes; null for files, which have none.
 * @throws FederatedError BAD_ARGUMENT
 */
export function testSpecOf(spec: string): string | null {
  const { name } = parseSpec(spec);
  return isKnown(splitQuery(name)[0]) ? `${name}@test` : null;
}

/** A spec with the name of the set that was found in the place of one that may mean several: `mnist:0/10` is `mnist-60k:0/10`. */
export function resolvedSpec(spec: string, found: string): string {
  const [base] = splitQuery(parseSpec(spec).name);
  return isKnown(base) ? `${found}${spec.slice(base.length)}` : spec;
}

const splitQuery = (name: string): [base: string, query: string | null] => {
  const at = name.indexOf('?');
  return at < 0 ? [name, null] : [name.slice(0, at), name.slice(at + 1)];
};

async function idxPair(name: string): Promise<Source> {
  const paths = name.split(',');
  if (paths.length !== 2) throw badSpec(`expected IMAGES,LABELS, got ${name}`);
  const [images, labels] = await Promise.all(paths.map(async (path) => parseIdx(await readBytes(path), path)));
  return byteSource(name, pairImages(images!, labels!, name));
}

async function csvFile(name: string): Promise<Source> {
  const [path, query] = splitQuery(name);
  const options = parseOptions(name, query ?? '');
  const bytes = await readBytes(path);
  const plain = isGzip(bytes) ? unzip(bytes, path, maxCsvBytes) : bytes;
  if (plain.length > maxCsvBytes) throw badFile(path, `is larger than ${maxCsvBytes} bytes`);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(plain);
  } catch (cause) {
    throw badFile(path, 'is not UTF-8 text', cause);
  }
  return floatSource(parseCsv(text, path, options));
}

function parseOptions(name: string, query: string): CsvOptions {
  const {
    label,
    classes,
    target,
    client,
    missing = 'refuse',
    ...others
  } = Object.fromEntries(new URLSearchParams(query));
  const unknown = Object.keys(others)[0];
  if (unknown !== undefined) {
    throw badSpec(`${name}: unknown option "${unknown}"; known are label, classes, target, client and missing`);
  }
  if ((label === undefined) === (target === undefined)) {
    throw badSpec(`${name}: give ?label=COLUMN (classes) or ?target=COLUMN (a number)`);
  }
  if (missing !== 'refuse' && missing !== 'drop') throw badSpec(`${name}: missing is refuse or drop`);
  return {
    ...(label === undefined ? {} : { label }),
    ...(classes === undefined ? {} : { classes: classesOf(name, label, classes) }),
    ...(target === undefined ? {} : { target }),
    ...(client === undefined ? {} : { client }),
    missing,
  };
}

function classesOf(name: string, label: string | undefined, text: string): string[] {
  const classes = text.split('|').map((each) => each.trim());
  if (label === undefined) throw badSpec(`${name}: classes go with label, not with target`);
  if (classes.length < 2 || classes.includes('') || new Set(classes).size < classes.length) {
    throw badSpec(`${name}: classes are two or more different names parted by |, as in classes=no|yes`);
  }
  return classes;
}

/**
 * Names of classes get numbers in each file by itself: these agree only where every file has every class.
 * @throws FederatedError BAD_DATA where this one has not, or has others than `like`
 */
export function checkClassNames(data: LoadedData, contract: DataContract, like?: LoadedData): void {
  const { classNames } = data;
  if (classNames === undefined || !('classes' in contract.labels)) return;
  const { classes } = contract.labels;
  const isWhole = classNames.length === classes && (like?.classNames === undefined || classNames.join('|') === like.classNames.join('|')); // prettier-ignore
  if (isWhole) return;
  const all = [...new Set([...(like?.classNames ?? []), ...classNames])].toSorted();
  const example = all.length >= 2 ? all.join('|') : `${all[0]}|…`;
  throw new FederatedError(
    'BAD_DATA',
    `data: ${data.name} has the classes ${classNames.join(', ')}, and the task has ${classes}: by name alone their numbers would not ` +
      `be those of other files; say the order of all of them, as in ?label=…&classes=${example}`,
  );
}

import { FederatedError } from '../../shared/errors.ts';
import { parseCsv, type CsvOptions } from './csv.ts';
import { badFile, isGzip, readBytes, unzip } from './file.ts';
import { parseIdx } from './idx.ts';
import { pickExamples, scaleBytes, sliceIndices, type LoadedData, type Slice } from './loaded.ts';
import { find, pairImages } from './known-sets.ts';

export { find, list, type DataSet } from './known-sets.ts';

/** A spec taken apart: `name[:part/parts][@test]`, where the name may also be files. */
interface DataSpec {
  readonly name: string;
  readonly slice: Slice | null;
  readonly test: boolean;
}

/** @throws FederatedError BAD_ARGUMENT */
export function parseSpec(spec: string): DataSpec {
  const match = /^(.+?)(?::(\d{1,9})\/(\d{1,9}))?(@test)?$/.exec(spec);
  if (match === null) throw new FederatedError('BAD_ARGUMENT', 'data: expected NAME[:PART/PARTS][@test], got nothing');
  const [, name, part, parts, test] = match;
  const slice = part === undefined ? null : { part: Number(part), parts: Number(parts) };
  if (slice !== null && slice.part >= slice.parts) {
    throw new FederatedError(
      'BAD_ARGUMENT',
      `data: there is no part ${slice.part} of ${slice.parts}; the parts are 0 to ${slice.parts - 1}`,
    );
  }
  return { name: name!, slice, test: test !== undefined };
}

const maxCsvBytes = 2 ** 29;

/**
 * Loads examples by a spec: a known set (`mnist`, `mnist-10k@test`), one part of it (`mnist:0/10` is the first of ten equal,
 * disjoint parts in a fixed random order), a CSV file (`house.csv?label=kind`, `house.csv?target=price&missing=drop`), or a
 * pair of IDX files (`images-idx3.gz,labels-idx1.gz`). Files may be gzip'd. Nothing is downloaded.
 * @throws FederatedError BAD_ARGUMENT (the spec), NOT_FOUND, BAD_FILE
 */
export async function loadData(spec: string): Promise<LoadedData> {
  const { name, slice, test } = parseSpec(spec);
  const isFile = name.includes('?') || name.includes(',') || /\.csv(\.gz)?$/.test(name);
  if (isFile) {
    if (test) throw new FederatedError('BAD_ARGUMENT', `data: ${name} has no test examples of its own (@test)`);
    const data = name.includes(',') ? await loadIdxPair(name) : await loadCsv(name);
    return slice === null ? data : pickExamples(data, nonEmpty(spec, sliceIndices(name, data.count, slice)));
  }
  const set = await find(name);
  const bytes = await set.read(test ? 'test' : 'train');
  return scaleBytes(set.name, bytes, nonEmpty(spec, sliceIndices(set.name, bytes.labels.length, slice)));
}

function nonEmpty(spec: string, indices: Uint32Array): Uint32Array {
  if (indices.length > 0) return indices;
  throw new FederatedError('BAD_ARGUMENT', `data: ${spec} is empty; there are fewer examples than parts`);
}

async function loadIdxPair(name: string): Promise<LoadedData> {
  const paths = name.split(',');
  if (paths.length !== 2) throw new FederatedError('BAD_ARGUMENT', `data: expected IMAGES,LABELS, got ${name}`);
  const [images, labels] = await Promise.all(paths.map(async (path) => parseIdx(await readBytes(path), path)));
  const bytes = pairImages(images!, labels!, name);
  return scaleBytes(name, bytes, sliceIndices(name, bytes.labels.length, null));
}

async function loadCsv(name: string): Promise<LoadedData> {
  const [path = '', query = ''] = name.split('?', 2);
  const options = parseOptions(name, query);
  const bytes = await readBytes(path);
  const plain = isGzip(bytes) ? unzip(bytes, path, maxCsvBytes) : bytes;
  if (plain.length > maxCsvBytes) throw badFile(path, `is larger than ${maxCsvBytes} bytes`);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(plain);
  } catch (cause) {
    throw badFile(path, 'is not UTF-8 text', cause);
  }
  return parseCsv(text, path, options);
}

function parseOptions(name: string, query: string): CsvOptions {
  const { label, target, missing = 'refuse', ...others } = Object.fromEntries(new URLSearchParams(query));
  const refuse = (what: string): never => {
    throw new FederatedError('BAD_ARGUMENT', `data: ${name}: ${what}`);
  };
  const unknown = Object.keys(others)[0];
  if (unknown !== undefined) refuse(`unknown option "${unknown}"; known are label, target and missing`);
  if ((label === undefined) === (target === undefined))
    refuse('give ?label=COLUMN (classes) or ?target=COLUMN (a number)');
  if (missing !== 'refuse' && missing !== 'drop') return refuse('missing is refuse or drop');
  return { ...(label === undefined ? {} : { label }), ...(target === undefined ? {} : { target }), missing };
}

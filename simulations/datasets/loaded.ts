import type { Examples } from '../../shared/engine/engine.ts';
import { FederatedError } from '../../shared/errors.ts';
import { sizeOf } from '../../shared/weights.ts';
import { examplesNamed, examplesOf, partOf, pickGrouping, type Grouping, type Part } from './groups.ts';

/** Examples with what is known of them. */
export interface LoadedData extends Examples {
  readonly name: string;
  /** Shape of one example. */
  readonly features: number[];
  /** Labels are 0 .. classes - 1 (one for each place of a sequence, or one in all), or real targets where it is null. */
  readonly classes: number | null;
  /** What the classes are called, where they were numbered by the names that were found. */
  readonly classNames?: readonly string[];
  /** Features are whole numbers below it. */
  readonly vocabulary?: number;
  /** The natural clients: who made each example. */
  readonly clients?: Grouping;
  /** Further groups, by name: for fairness across `sex`, or to serve as clients. */
  readonly groups?: Readonly<Record<string, Grouping>>;
}

/** The examples of a set before their floats are made: a set may be large, and often a part of it is wanted. */
export interface Source extends Pick<LoadedData, 'clients' | 'groups'> {
  readonly name: string;
  readonly count: number;
  /** The chosen examples in the given order, without their clients and groups. */
  take(indices: Uint32Array): LoadedData;
}

/** Examples before they are scaled to floats: one byte a value, 0 to 255. */
export interface ByteExamples {
  readonly pixels: Uint8Array;
  readonly labels: Uint8Array;
  readonly features: number[];
  readonly classes: number;
}

/** A part of the examples, a part of the natural clients with all that is theirs, or the examples of one name in a group. */
export type Slice = Part | { readonly clients: Part } | { readonly group: string; readonly member: string };

/** The examples of one slice. @throws FederatedError BAD_ARGUMENT, NOT_FOUND */
export function select(source: Source, slice: Slice | null): LoadedData {
  const indices = indicesOf(source, slice);
  if (indices.length === 0) {
    const what = slice !== null && 'clients' in slice ? 'clients' : 'examples';
    throw new FederatedError(
      'BAD_ARGUMENT',
      `data: this part of ${source.name} is empty; there are fewer ${what} than parts`,
    );
  }
  return withGroups(source.take(indices), source, indices);
}

function indicesOf(source: Source, slice: Slice | null): Uint32Array {
  const { name, count, clients, groups = {} } = source;
  if (slice === null) return Uint32Array.from({ length: count }, (_, i) => i);
  const seed = name.replace(/^.*[/\\]/, ''); // a file's name: its path may be written in many ways
  if ('parts' in slice) return partOf([seed, 'parts'], count, slice);
  const groupings: Readonly<Record<string, Grouping>> = clients === undefined ? groups : { client: clients, ...groups };
  const groupingOf = (key: string): Grouping => {
    if (Object.hasOwn(groupings, key)) return groupings[key]!;
    const known = Object.keys(groupings).join(', ') || 'none';
    throw new FederatedError('BAD_ARGUMENT', `data: ${name} has no groups by "${key}"; known are: ${known}`);
  };
  if ('group' in slice) return examplesNamed(groupingOf(slice.group), slice.member, `${name}: ${slice.group}`);
  const grouping = groupingOf('client');
  return examplesOf(grouping, partOf([seed, 'clients'], grouping.names.length, slice.clients));
}

function withGroups(data: LoadedData, { clients, groups }: Source, indices: Uint32Array): LoadedData {
  const picked = Object.entries(groups ?? {}).map(([key, grouping]) => [key, pickGrouping(grouping, indices)]);
  return {
    ...data,
    ...(clients === undefined ? {} : { clients: pickGrouping(clients, indices) }),
    ...(groups === undefined ? {} : { groups: Object.fromEntries(picked) }),
  };
}

/** Images, whose pixels become 0 .. 1 when they are taken. */
export const byteSource = (
  name: string,
  { pixels, labels, features, classes }: ByteExamples,
  groups: Pick<LoadedData, 'clients' | 'groups'> = {},
): Source => ({
  ...groups,
  name,
  count: labels.length,
  take(indices) {
    const width = sizeOf(features);
    const xs = new Float32Array(indices.length * width);
    let next = 0;
    for (const index of indices) {
      const start = index * width;
      for (let i = start; i < start + width; i++) xs[next++] = pixels[i]! / 255;
    }
    const ys = Int32Array.from(indices, (index) => labels[index]!);
    return { name, xs, ys, count: indices.length, features, classes };
  },
});

/** Examples that are floats already. */
export function floatSource({ clients, groups, ...data }: LoadedData): Source {
  const { name, count } = data;
  return {
    ...(clients === undefined ? {} : { clients }),
    ...(groups === undefined ? {} : { groups }),
    name,
    count,
    take: (indices) => pickExamples(data, indices),
  };
}

function pickExamples(data: LoadedData, indices: Uint32Array): LoadedData {
  const width = data.xs.length / data.count;
  const targets = data.ys.length / data.count;
  const xs = new Float32Array(indices.length * width);
  const length = indices.length * targets;
  const ys = data.ys instanceof Int32Array ? new Int32Array(length) : new Float32Array(length);
  for (const [i, index] of indices.entries()) {
    xs.set(data.xs.subarray(index * width, (index + 1) * width), i * width);
    ys.set(data.ys.subarray(index * targets, (index + 1) * targets), i * targets);
  }
  return { ...data, xs, ys, count: indices.length };
}

/** The same examples with their own features as targets, as an autoencoder wants them. */
export const reconstructing = (data: LoadedData): LoadedData => ({ ...data, ys: data.xs, classes: null });

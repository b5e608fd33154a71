import { FederatedError } from '../../shared/errors.ts';
import type { Random } from '../../shared/random.ts';
import type { Grouping } from '../datasets/groups.ts';

/** What a partitioner may look at. Nothing of it is changed. */
export interface Labelled {
  readonly count: number;
  /** One class for each example, 0 .. classes - 1; null where there is none (real targets, sequences). */
  readonly labels: Int32Array | null;
  /** The natural clients. */
  readonly clients?: Grouping;
  readonly groups?: Readonly<Record<string, Grouping>>;
  /** Real numbers, one for each example, by name. */
  readonly values?: Readonly<Record<string, ArrayLike<number>>>;
}

/** Spreads examples over clients. */
export interface Partitioner {
  /** The spec that `parsePartition` makes it from: `dirichlet:0.3`. */
  readonly name: string;
  /**
   * For each client its examples in ascending order, at least one. Every example is in one list exactly once, save where
   * the partitioner's own text says otherwise. All randomness is that of `random`.
   * @param clients - how many; null leaves it to the partitioner, where it knows
   * @throws FederatedError BAD_ARGUMENT for what cannot be done with these examples
   */
  assign(examples: Labelled, clients: number | null, random: Random): Uint32Array[];
  /** Whether `clients` may be null: the partitioner then makes as many as it knows of. */
  readonly choosesClients?: boolean;
  /** Names of the clients that `assign` makes, in their order, where they have any. */
  names?(examples: Labelled, clients: number | null): readonly string[] | null;
  /**
   * Changes the features of one client's examples when they are loaded (feature skew), in place. `random` is a stream of this
   * client alone, so that it is the same in every round.
   * @param client - 0 .. clients - 1
   */
  alter?(xs: Float32Array, client: number, clients: number, random: Random): void;
}

export const badPartition = (name: string, what: string): FederatedError =>
  new FederatedError('BAD_ARGUMENT', `partition ${name}: ${what}`);

/** @throws FederatedError BAD_ARGUMENT unless the option is a number in its range */
export function checkOption(
  name: string,
  option: string,
  value: number,
  { from = 0, above, to = Number.POSITIVE_INFINITY, whole = false }: Range,
): void {
  const isLarge = above === undefined ? value >= from : value > above;
  if (isLarge && value <= to && Number.isFinite(value) && (!whole || Number.isInteger(value))) return;
  const least = above === undefined ? `from ${from}` : `above ${above}`;
  const range = to === Number.POSITIVE_INFINITY ? least : `${least} to ${to}`;
  throw badPartition(name, `${option} is a ${whole ? 'whole ' : ''}number ${range}, got ${value}`);
}

interface Range {
  readonly from?: number;
  readonly above?: number;
  readonly to?: number;
  readonly whole?: boolean;
}

/** The number of clients, which must be given, and for each of which there must be an example. */
export function wantedClients(name: string, clients: number | null, { count }: Labelled): number {
  if (clients === null) throw badPartition(name, 'say how many clients there are (clients, --clients)');
  if (!Number.isInteger(clients) || clients < 1) {
    throw badPartition(name, `clients is a whole number from 1, got ${clients}`);
  }
  if (clients > count)
    throw badPartition(name, `${clients} clients cannot share ${count} examples; take fewer clients`);
  return clients;
}

/** @throws FederatedError BAD_ARGUMENT where the examples have no classes */
export function neededLabels(name: string, { labels }: Labelled): Int32Array {
  if (labels !== null) return labels;
  throw badPartition(
    name,
    'it goes by the class of each example, and this set has none; take iid, natural, sizes, linear, square, exponential, lognormal or continuous',
  );
}

/** The examples of each class that occurs, in random order; classes ascending. */
export function shuffledClasses(labels: Int32Array, random: Random): Uint32Array[] {
  const classes = new Map<number, number[]>();
  for (const example of random.permutation(labels.length)) {
    const known = classes.get(labels[example]!);
    if (known === undefined) classes.set(labels[example]!, [example]);
    else known.push(example);
  }
  return [...classes].toSorted(([a], [b]) => a - b).map(([, examples]) => Uint32Array.from(examples));
}

/** One list after the other, as they are. */
export function concat(lists: readonly Uint32Array[]): Uint32Array {
  const all = new Uint32Array(lists.reduce((sum, { length }) => sum + length, 0));
  let next = 0;
  for (const list of lists) {
    all.set(list, next);
    next += list.length;
  }
  return all;
}

/** The lists of all clients from pieces of each; ascending. */
export const joinPieces = (pieces: readonly (readonly Uint32Array[])[]): Uint32Array[] =>
  pieces.map((own) => concat(own).sort());

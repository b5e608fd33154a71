import { seeded } from '../../shared/random.ts';

/** Tables of numbers and categories as features. What is learned from a table is learned from its training rows alone. */

export type Column =
  /** NaN is a missing value. */
  | { readonly name: string; readonly numbers: ArrayLike<number> }
  /** The empty text is a missing value. */
  | { readonly name: string; readonly categories: readonly string[] };

export interface Encoded {
  /** [rows, names], row-major. */
  readonly xs: Float32Array;
  /** What each feature is: `age`, `thal=7`. */
  readonly names: readonly string[];
}

/** Mean and standard deviation (of the population, not of a sample) of the values that are there. */
export interface Statistics {
  readonly mean: number;
  readonly deviation: number;
}

/** The cells that mean "missing" in the sets here, as NaN. */
export const toNumber = (cell: string): number => (missingCells.has(cell) ? Number.NaN : Number(cell));
export const missingCells: ReadonlySet<string> = new Set(['', '?', 'NA', 'NaN']);

/** NaN is left out; without any value the mean is 0. */
export function statisticsOf(values: ArrayLike<number>, rows: Iterable<number>): Statistics {
  let count = 0;
  let mean = 0;
  let squares = 0; // Welford 1962: stays accurate where the mean is far from 0
  for (const row of rows) {
    const value = values[row]!;
    if (Number.isNaN(value)) continue;
    const distance = value - mean;
    mean += distance / ++count;
    squares += distance * (value - mean);
  }
  return { mean, deviation: count === 0 ? 0 : Math.sqrt(squares / count) };
}

/** Distance from the mean in standard deviations; 0, the mean, for a missing value and where all values are the same. */
export const standardise = (value: number, { mean, deviation }: Statistics): number =>
  Number.isNaN(value) || deviation === 0 ? 0 : (value - mean) / deviation;

/**
 * Standardises numbers and gives each category of the training rows a feature of its own that is 1 or 0, in order of the
 * alphabet. A missing category, or one that training does not know, is 0 in all of them.
 */
export function encodeColumns(columns: readonly Column[], rows: number, training: Uint32Array): Encoded {
  const encoders = columns.map((column) =>
    'numbers' in column ? number(column, training) : category(column, training),
  );
  const names = encoders.flatMap((encoder) => encoder.names);
  const xs = new Float32Array(rows * names.length);
  let next = 0;
  for (let row = 0; row < rows; row++) {
    for (const encoder of encoders) {
      encoder.write(row, xs, next);
      next += encoder.names.length;
    }
  }
  return { xs, names };
}

interface Encoder {
  readonly names: readonly string[];
  write(row: number, xs: Float32Array, at: number): void;
}

function number({ name, numbers }: Extract<Column, { numbers: object }>, training: Uint32Array): Encoder {
  const statistics = statisticsOf(numbers, training);
  return {
    names: [name],
    write(row, xs, at) {
      xs[at] = standardise(numbers[row]!, statistics);
    },
  };
}

function category({ name, categories }: Extract<Column, { categories: object }>, training: Uint32Array): Encoder {
  const known = new Set(Array.from(training, (row) => categories[row]!));
  known.delete('');
  const sorted = [...known].toSorted();
  const places = new Map(sorted.map((value, place) => [value, place]));
  return {
    names: sorted.map((value) => `${name}=${value}`),
    write(row, xs, at) {
      const place = places.get(categories[row]!);
      if (place !== undefined) xs[at + place] = 1;
    },
  };
}

/**
 * A fifth of each group's rows for tests (rounded up), drawn at random by the seed and the group's name.
 * @param groups - the group of each row
 * @returns the rows of both splits, in their order
 */
export function splitFifth(
  seed: string,
  groups: readonly string[],
): { readonly train: Uint32Array; readonly test: Uint32Array } {
  const members = new Map<string, number[]>();
  for (const [row, group] of groups.entries()) {
    const known = members.get(group);
    if (known === undefined) members.set(group, [row]);
    else known.push(row);
  }
  const tests = new Set<number>();
  for (const [group, rows] of members) {
    const chosen = seeded(seed, 'split', group)
      .shuffled(rows)
      .slice(0, Math.ceil(rows.length / 5));
    for (const row of chosen) tests.add(row);
  }
  const all = Array.from(groups.keys());
  return {
    train: Uint32Array.from(all.filter((row) => !tests.has(row))),
    test: Uint32Array.from(all.filter((row) => tests.has(row))),
  };
}

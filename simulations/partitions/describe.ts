import type { Labelled } from './partitioner.ts';

export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly mean: number;
  readonly max: number;
}

/** What a partition is like; plain JSON. */
export interface PartitionDescription {
  readonly clients: number;
  /** Examples that have a client, and those that have none. */
  readonly examples: number;
  readonly leftOut: number;
  readonly sizes: Spread;
  /** Examples of each client. */
  readonly sizesOfClients: readonly number[];
  /** Null where examples have no class. */
  readonly labels: {
    /** Classes that occur, ascending: the columns of `table`. */
    readonly classes: readonly number[];
    /** How many classes a client has. */
    readonly classesPerClient: Spread;
    /** Entropy of a client's classes, in bits: 0 where it has one class, log2(classes) where all are equally frequent. */
    readonly entropy: Spread;
    /** The entropy of all assigned examples, in bits. */
    readonly overallEntropy: number;
    /** Distance in total variation of a client's classes from those of all: 0 the same, towards 1 nothing in common. */
    readonly distance: Spread;
    /** Examples of each class, one row a client: [clients, classes]. */
    readonly table: readonly (readonly number[])[];
  } | null;
}

/** @param partition - for each client its examples, at least one client */
export function describePartition(
  partition: readonly Uint32Array[],
  { count, labels }: Labelled,
): PartitionDescription {
  const sizes = partition.map(({ length }) => length);
  const examples = sizes.reduce((a, b) => a + b, 0);
  return {
    clients: partition.length,
    examples,
    leftOut: count - examples,
    sizes: spreadOf(sizes),
    sizesOfClients: sizes,
    labels: labels === null ? null : describeLabels(partition, labels),
  };
}

function describeLabels(partition: readonly Uint32Array[], labels: Int32Array): PartitionDescription['labels'] {
  const classes = [...new Set(labels)].toSorted((a, b) => a - b);
  const columns = new Map(classes.map((one, column) => [one, column]));
  const table = partition.map((own) => {
    const row = classes.map(() => 0);
    for (const example of own) row[columns.get(labels[example]!)!]!++;
    return row;
  });
  const all = classes.map((_, column) => table.reduce((sum, row) => sum + row[column]!, 0));
  const overall = shares(all);
  return {
    classes,
    classesPerClient: spreadOf(table.map((row) => row.filter((cell) => cell > 0).length)),
    entropy: spreadOf(table.map(entropy)),
    overallEntropy: entropy(all),
    distance: spreadOf(
      table.map((row) => shares(row).reduce((sum, share, column) => sum + Math.abs(share - overall[column]!), 0) / 2),
    ),
    table,
  };
}

const shares = (counts: readonly number[]): number[] => {
  const sum = counts.reduce((a, b) => a + b, 0);
  return counts.map((count) => (sum === 0 ? 0 : count / sum));
};

/** Shannon's, in bits. */
const entropy = (counts: readonly number[]): number =>
  shares(counts).reduce((sum, share) => (share === 0 ? sum : sum - share * Math.log2(share)), 0);

function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return {
    min: sorted[0]!,
    median: (sorted[Math.ceil(middle) - 1]! + sorted[Math.floor(middle)]!) / 2,
    mean: values.reduce((a, b) => a + b, 0) / values.length,
    max: sorted.at(-1)!,
  };
}

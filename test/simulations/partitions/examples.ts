import fc from 'fast-check';
import { seeded } from '../../../shared/random.ts';
import { groupBy } from '../../../simulations/datasets/groups.ts';
import type { Labelled } from '../../../simulations/partitions/partitioner.ts';

/** `counts[c]` examples of each class, in random order. */
export function labelled(counts: readonly number[], seed = 1): Labelled {
  const labels = counts.flatMap((count, one) => Array.from({ length: count }, () => one));
  return { count: labels.length, labels: Int32Array.from(seeded(seed, 'labels').shuffled(labels)) };
}

/** Any examples with labels, natural clients, a group and a value; 1 to 300. */
export const anyExamples = fc
  .array(
    fc.record({
      label: fc.nat(5),
      client: fc.nat(8),
      group: fc.nat(2),
      value: fc.double({ min: -9, max: 9, noNaN: true }),
    }),
    {
      minLength: 1,
      maxLength: 300,
      size: 'max', // else nearly all are shorter than ten
    },
  )
  .map((rows): Labelled => ({
    count: rows.length,
    labels: Int32Array.from(rows, ({ label }) => label),
    clients: groupBy(rows.map(({ client }) => `c${client}`)),
    groups: { sex: groupBy(rows.map(({ group }) => `g${group}`)) },
    values: { target: Float32Array.from(rows, ({ value }) => value) },
  }));

/** The labels of each client, ascending. */
export const labelsOf = (partition: readonly Uint32Array[], { labels }: Labelled): number[][] =>
  partition.map((own) => Array.from(own, (example) => labels![example]!).toSorted((a, b) => a - b));

export const sizesOf = (partition: readonly Uint32Array[]): number[] => partition.map(({ length }) => length);

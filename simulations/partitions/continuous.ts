import { normal } from '../draws.ts';
import { cutEvenly } from './cut.ts';
import { badPartition, checkOption, joinPieces, wantedClients, type Partitioner } from './partitioner.ts';

export interface ContinuousOptions {
  /** 0 is iid, 1 sorts the examples by their value. */
  readonly strictness: number;
  /** Name of the value: `target` (real targets) or `mean` (of an example's features: the brightness of an image). */
  readonly by?: string;
}

/**
 * Skew by a real number: examples are sorted by strictness x value + (1 - strictness) x noise, both standardised, the noise
 * normal, and cut evenly. Client 0 has the smallest. By `mean` it is feature skew, by `target` that of a regression.
 */
export function continuous({ strictness, by = 'target' }: ContinuousOptions): Partitioner {
  const name = `continuous:${strictness}${by === 'target' ? '' : `,by=${by}`}`;
  checkOption(name, 'strictness', strictness, { from: 0, to: 1 });
  return {
    name,
    assign(examples, clients, random) {
      const { count, values = {} } = examples;
      const wanted = wantedClients(name, clients, examples);
      if (!Object.hasOwn(values, by)) {
        const known = Object.keys(values).join(', ') || 'none';
        throw badPartition(name, `the examples have no value "${by}"; known are ${known}`);
      }
      const all = Float64Array.from(values[by]!);
      if (all.length !== count || !all.every(Number.isFinite)) {
        throw badPartition(name, `"${by}" must be a finite number for each of the ${count} examples`);
      }
      const mean = all.reduce((a, b) => a + b, 0) / count;
      const deviation = Math.sqrt(all.reduce((sum, value) => sum + (value - mean) ** 2, 0) / count) || 1;
      const keys = all.map((value) => (strictness * (value - mean)) / deviation + (1 - strictness) * normal(random));
      const order = random.permutation(count).sort((a, b) => keys[a]! - keys[b]!); // stable: ties stay in random order
      return joinPieces(cutEvenly(order, wanted).map((piece) => [piece]));
    },
  };
}

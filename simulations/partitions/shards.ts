import { cutEvenly } from './cut.ts';
import {
  badPartition,
  checkOption,
  concat,
  joinPieces,
  neededLabels,
  shuffledClasses,
  wantedClients,
  type Partitioner,
} from './partitioner.ts';

/**
 * The examples are sorted by class and cut into clients x `shardsPerClient` shards of equal size (they differ by one at most),
 * and each client gets its shards at random. With two, most clients of MNIST have two digits.
 * @param shardsPerClient - from 1
 * @see McMahan et al., Communication-Efficient Learning of Deep Networks from Decentralized Data, 2017, section 3: 100
 * clients, 200 shards of 300 digits
 */
export function shards({ shardsPerClient = 2 }: { readonly shardsPerClient?: number } = {}): Partitioner {
  const name = `shards:${shardsPerClient}`;
  checkOption(name, 'shardsPerClient', shardsPerClient, { from: 1, whole: true });
  return {
    name,
    assign(examples, clients, random) {
      const labels = neededLabels(name, examples);
      const wanted = wantedClients(name, clients, examples);
      const total = wanted * shardsPerClient;
      if (total > examples.count) {
        throw badPartition(
          name,
          `${wanted} clients take ${total} shards, and there are only ${examples.count} examples; take fewer of either`,
        );
      }
      const sorted = concat(shuffledClasses(labels, random));
      const all = cutEvenly(sorted, total);
      const order = random.permutation(total);
      return joinPieces(cutEvenly(order, wanted).map((own) => Array.from(own, (shard) => all[shard]!)));
    },
  };
}

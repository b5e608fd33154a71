import { cutEvenly } from './cut.ts';
import { joinPieces, wantedClients, type Partitioner } from './partitioner.ts';

/** Independent and identically distributed: shuffled, then cut evenly. Sizes differ by one at most. */
export const iid = (): Partitioner => ({
  name: 'iid',
  assign(examples, clients, random) {
    const wanted = wantedClients('iid', clients, examples);
    return joinPieces(cutEvenly(random.permutation(examples.count), wanted).map((piece) => [piece]));
  },
});

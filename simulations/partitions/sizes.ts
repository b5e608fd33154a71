import { cutBySizes } from './cut.ts';
import { badPartition, joinPieces, type Labelled, type Partitioner } from './partitioner.ts';

/** Given sizes, filled at random. Examples beyond their sum are left out: the one thing that may happen to them here. */
export function sizes(wanted: readonly number[]): Partitioner {
  const name = `sizes:${wanted.join(',')}`;
  return {
    name,
    choosesClients: true,
    assign(examples, clients, random) {
      const checked = sizesChecked(name, wanted, clients, examples);
      return joinPieces(cutBySizes(random.permutation(examples.count), checked).map((piece) => [piece]));
    },
  };
}

/** @throws FederatedError BAD_ARGUMENT unless there are as many examples and clients as the sizes say */
export function sizesChecked(
  name: string,
  wanted: readonly number[],
  clients: number | null,
  { count }: Labelled,
): number[] {
  const wrong = wanted.find((size) => !Number.isInteger(size) || size < 1);
  if (wanted.length === 0 || wrong !== undefined) {
    throw badPartition(name, `sizes are whole numbers from 1, got ${wrong ?? 'none'}`);
  }
  if (clients !== null && clients !== wanted.length) {
    throw badPartition(name, `there are ${wanted.length} sizes for ${clients} clients; give one for each`);
  }
  const sum = wanted.reduce((a, b) => a + b, 0);
  if (sum > count) throw badPartition(name, `the sizes sum to ${sum}, and there are only ${count} examples`);
  return [...wanted];
}

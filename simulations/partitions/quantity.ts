import type { Random } from '../../shared/random.ts';
import { normal } from '../draws.ts';
import { apportion, cutBySizes } from './cut.ts';
import { checkOption, joinPieces, wantedClients, type Partitioner } from './partitioner.ts';

/**
 * Quantity skew: clients differ in how much they have, not in what. The sizes go by a weight for each client, sum to the
 * number of examples, and are at least one.
 */
const quantity = (name: string, weigh: (clients: number, random: Random) => ArrayLike<number>): Partitioner => ({
  name,
  assign(examples, clients, random) {
    const wanted = wantedClients(name, clients, examples);
    const order = random.permutation(examples.count);
    const sizes = apportion(weigh(wanted, random), examples.count, 1);
    return joinPieces(cutBySizes(order, sizes).map((piece) => [piece]));
  },
});

const byPlace = (name: string, weight: (place: number, clients: number) => number): Partitioner =>
  quantity(name, (clients) => Array.from({ length: clients }, (_, client) => weight(client + 1, clients)));

/** Client k of 1 .. K has a size in proportion to k. */
export const linear = (): Partitioner => byPlace('linear', (k) => k);

/** In proportion to k squared. */
export const square = (): Partitioner => byPlace('square', (k) => k * k);

/** In proportion to e^k; with more than about ten clients the first have one example each. */
export const exponential = (): Partitioner => byPlace('exponential', (k, clients) => Math.exp(k - clients));

/**
 * In proportion to e^(sigma z), z normal: log-normal sizes. At sigma 0 all are equal.
 * @param sigma - of the logarithm, at least 0
 * @see Zeng et al., FedLab: A Flexible Federated Learning Framework, 2023 (its "unbalance")
 */
export function lognormal({ sigma }: { readonly sigma: number }): Partitioner {
  const name = `lognormal:${sigma}`;
  checkOption(name, 'sigma', sigma, { from: 0 });
  return quantity(name, (clients, random) => {
    const logs = Array.from({ length: clients }, () => sigma * normal(random));
    const most = logs.reduce((a, b) => Math.max(a, b));
    return logs.map((log) => Math.exp(log - most)); // the largest is 1, whatever sigma is
  });
}

import { normal } from '../draws.ts';
import { apportion, cutBySizes } from './cut.ts';
import {
  badPartition,
  checkOption,
  joinPieces,
  neededLabels,
  shuffledClasses,
  wantedClients,
  type Partitioner,
} from './partitioner.ts';

export interface DistributionOptions {
  /** From 1 to the number of classes. Client k has the classes k, k + 1, ... (modulo their number). */
  readonly classesPerClient?: number;
  /** Of the logarithm of the log-normal weights, at least 0. */
  readonly sigma?: number;
  /** Examples of each of its classes that every client has before weights count, from 1. */
  readonly least?: number;
  /** In place of log-normal ones: for each class (ascending) the weights of the clients that have it (ascending). */
  readonly weights?: readonly (readonly number[])[];
}

/**
 * A table of classes by clients says who has how much: each client has `classesPerClient` classes, `least` examples of each,
 * and of the rest of a class its weight's share. Log-normal weights with sigma 2 make the power law of FedProx's MNIST.
 * @see T. Li et al., Federated Optimization in Heterogeneous Networks, 2020, appendix C.1 (1,000 clients, two digits each)
 */
export function distribution({
  classesPerClient = 2,
  sigma = 2,
  least = 5,
  weights,
}: DistributionOptions = {}): Partitioner {
  const name = `distribution:${classesPerClient}${sigma === 2 ? '' : `,sigma=${sigma}`}${least === 5 ? '' : `,least=${least}`}`;
  checkOption(name, 'classesPerClient', classesPerClient, { from: 1, whole: true });
  checkOption(name, 'sigma', sigma, { from: 0 });
  checkOption(name, 'least', least, { from: 1, whole: true });
  return {
    name,
    assign(examples, clients, random) {
      const labels = neededLabels(name, examples);
      const wanted = wantedClients(name, clients, examples);
      const classes = shuffledClasses(labels, random);
      if (classesPerClient > classes.length) {
        throw badPartition(
          name,
          `the examples have ${classes.length} classes, a client cannot have ${classesPerClient}`,
        );
      }
      if (wanted - 1 + classesPerClient < classes.length) {
        throw badPartition(
          name,
          `${wanted} clients of ${classesPerClient} classes do not hold all ${classes.length}; take more clients`,
        );
      }
      const pieces: Uint32Array[][] = Array.from({ length: wanted }, () => []);
      for (const [one, own] of classes.entries()) {
        const owners = Array.from(pieces.keys()).filter(
          (client) => (((one - client) % classes.length) + classes.length) % classes.length < classesPerClient,
        );
        const rest = own.length - owners.length * least;
        if (rest < 0) {
          throw badPartition(
            name,
            `${owners.length} clients with ${least} examples each of one class need ${owners.length * least}, it has ${own.length}; take fewer clients or a smaller least`,
          );
        }
        const drawn = weights?.[one] ?? logNormals(owners.length, sigma, () => normal(random));
        if (
          drawn.length !== owners.length ||
          !drawn.every((weight) => weight >= 0) ||
          !drawn.some((weight) => weight > 0)
        ) {
          throw badPartition(name, `weights: row ${one} needs ${owners.length} numbers from 0 that are not all 0`);
        }
        const sizes = apportion(drawn, rest, 0).map((size) => size + least);
        for (const [i, piece] of cutBySizes(own, sizes).entries()) pieces[owners[i]!]!.push(piece);
      }
      return joinPieces(pieces);
    },
  };
}

function logNormals(length: number, sigma: number, draw: () => number): number[] {
  const logs = Array.from({ length }, () => sigma * draw());
  const most = logs.reduce((a, b) => Math.max(a, b));
  return logs.map((log) => Math.exp(log - most));
}

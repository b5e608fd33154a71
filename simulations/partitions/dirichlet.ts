import type { Random } from '../../shared/random.ts';
import { dirichletShares } from '../draws.ts';
import {
  badPartition,
  checkOption,
  joinPieces,
  neededLabels,
  shuffledClasses,
  wantedClients,
  type Partitioner,
} from './partitioner.ts';

/** Draws after the first that leave a client with too few examples. */
const retries = 10;

export interface DirichletOptions {
  /** Concentration, above 0: 100 is nearly iid, 0.1 gives most clients one or two classes. */
  readonly alpha: number;
  /** Each client has at least so many examples, from 1. */
  readonly minSize?: number;
  /** A client that has more than the mean number of examples gets nothing of the classes that follow. */
  readonly selfBalancing?: boolean;
}

/**
 * Each class is cut among all clients by shares from a symmetric Dirichlet distribution. Where a client comes out with fewer
 * than `minSize` examples all is drawn again, at most ten times. So the shares are those of the distribution given that
 * everyone has enough.
 * @see Hsu, Qi, Brown, Measuring the Effects of Non-Identical Data Distribution for Federated Visual Classification, 2019;
 * cut class by class as in Yurochkin et al., Bayesian Nonparametric Federated Learning of Neural Networks, 2019. Defaults and
 * retries are those of flwr-datasets' DirichletPartitioner.
 */
export function dirichlet({ alpha, minSize = 10, selfBalancing = false }: DirichletOptions): Partitioner {
  const name = `dirichlet:${alpha}${minSize === 10 ? '' : `,min=${minSize}`}${selfBalancing ? ',balance=true' : ''}`;
  checkOption(name, 'alpha', alpha, { above: 0 });
  checkOption(name, 'min', minSize, { from: 1, whole: true });
  return {
    name,
    assign(examples, clients, random) {
      const labels = neededLabels(name, examples);
      const wanted = wantedClients(name, clients, examples);
      if (wanted * minSize > examples.count) {
        throw badPartition(
          name,
          `${wanted} clients of at least ${minSize} examples need ${wanted * minSize}, there are ${examples.count}; take fewer clients or a smaller min`,
        );
      }
      const limit = selfBalancing ? examples.count / wanted : Number.POSITIVE_INFINITY;
      for (let draw = 0; draw <= retries; draw++) {
        const pieces = cutClasses(shuffledClasses(labels, random), wanted, alpha, limit, random);
        const lists = joinPieces(pieces);
        if (lists.every(({ length }) => length >= minSize)) return lists;
      }
      throw badPartition(
        name,
        `in ${retries + 1} draws some client always had fewer than ${minSize} examples; take a larger alpha, a smaller min or fewer clients`,
      );
    },
  };
}

/** For each client its pieces of all classes. */
function cutClasses(
  classes: readonly Uint32Array[],
  clients: number,
  alpha: number,
  limit: number,
  random: Random,
): Uint32Array[][] {
  const pieces: Uint32Array[][] = Array.from({ length: clients }, () => []);
  const sizes = new Uint32Array(clients);
  for (const examples of classes) {
    const drawn = dirichletShares(random, clients, alpha);
    const shares = drawn.map((share, client) => (sizes[client]! > limit ? 0 : share));
    const sum = shares.reduce((a, b) => a + b, 0);
    // With a very small alpha those below the limit may have shares too small to count: the limit then gives way.
    const [used, whole] = sum > 0 ? [shares, sum] : [drawn, 1];
    let reached = 0;
    let from = 0;
    for (let client = 0; client < clients; client++) {
      reached += used[client]! / whole;
      const to =
        client === clients - 1 ? examples.length : Math.min(examples.length, Math.floor(reached * examples.length));
      pieces[client]!.push(examples.subarray(from, to));
      sizes[client]! += to - from;
      from = to;
    }
  }
  return pieces;
}

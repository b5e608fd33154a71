import { dirichletShares } from '../draws.ts';
import type { Random } from '../../shared/random.ts';
import {
  badPartition,
  checkOption,
  neededLabels,
  shuffledClasses,
  wantedClients,
  type Labelled,
  type Partitioner,
} from './partitioner.ts';
import { sizesChecked } from './sizes.ts';

export interface InnerDirichletOptions {
  /** Concentration of each client's mixture of classes, above 0. */
  readonly alpha: number;
  /** How many examples each client has; all equal where it is not given. Examples beyond their sum are left out. */
  readonly sizes?: readonly number[];
}

/**
 * Sizes are given, and each client has its own mixture of classes, a point of a symmetric Dirichlet distribution. One client
 * after the other, at random, takes an example: its class by the client's mixture, of those that still have examples. So
 * the last examples go where there is room, whatever the mixtures say.
 * @see Acar et al., Federated Learning Based on Dynamic Regularization, 2021, section 4
 */
export function innerDirichlet({ alpha, sizes }: InnerDirichletOptions): Partitioner {
  const name = `inner-dirichlet:${alpha}${sizes === undefined ? '' : `,sizes=${sizes.join('/')}`}`;
  checkOption(name, 'alpha', alpha, { above: 0 });
  return {
    name,
    choosesClients: sizes !== undefined,
    assign(examples, clients, random) {
      const labels = neededLabels(name, examples);
      const classes = shuffledClasses(labels, random);
      const wanted =
        sizes === undefined ? equalSizes(name, clients, examples) : sizesChecked(name, sizes, clients, examples);
      const mixtures = wanted.map(() => dirichletShares(random, classes.length, alpha));
      return take(classes, wanted, mixtures, random).map((list) => list.sort());
    },
  };
}

function equalSizes(name: string, clients: number | null, examples: Labelled): number[] {
  if (clients === null) throw badPartition(name, 'give clients (--clients) or sizes');
  const wanted = wantedClients(name, clients, examples);
  const part = (k: number): number => Math.floor((k * examples.count) / wanted);
  return Array.from({ length: wanted }, (_, k) => part(k + 1) - part(k));
}

function take(
  classes: readonly Uint32Array[],
  sizes: readonly number[],
  mixtures: readonly Float64Array[],
  random: Random,
): Uint32Array[] {
  const left = classes.map(({ length }) => length);
  const lists = sizes.map((size) => new Uint32Array(size));
  const filled = new Uint32Array(sizes.length);
  const open = Array.from(sizes.keys());
  while (open.length > 0) {
    const at = random.below(open.length);
    const client = open[at]!;
    const mixture = mixtures[client]!;
    const weights = left.map((rest, one) => (rest > 0 ? mixture[one]! : 0));
    // A mixture may be so narrow that it holds nothing of what is left: then any example that is left.
    const one = draw(weights, random) ?? draw(left, random)!;
    lists[client]![filled[client]!++] = classes[one]![--left[one]!]!;
    if (filled[client] === sizes[client]) {
      open[at] = open.at(-1)!;
      open.pop();
    }
  }
  return lists;
}

/** A place by its weight; null where all weights are 0. */
function draw(weights: readonly number[], random: Random): number | null {
  const sum = weights.reduce((a, b) => a + b, 0);
  if (sum === 0) return null;
  let point = random.float() * sum;
  let last = 0;
  for (const [i, weight] of weights.entries()) {
    if (weight === 0) continue;
    last = i;
    point -= weight;
    if (point < 0) return i;
  }
  return last;
}

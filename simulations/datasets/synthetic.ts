import { seeded, type Random } from '../../shared/random.ts';
import { FederatedError } from '../../shared/errors.ts';
import { normal } from '../draws.ts';
import type { Grouping } from './groups.ts';
import { floatSource, type Source } from './loaded.ts';
import type { DataSet, Split } from './set-files.ts';

/**
 * Synthetic(alpha, beta) of FedProx: 30 users, 60 features, 10 classes. All draws are independent; N(m, s) has mean m and
 * standard deviation s, as in the authors' program (the paper's notation is often read as a variance).
 *
 * - user k has n_k = floor(e^N(4, 2)) + 50 examples;
 * - the model of user k: u_k ~ N(0, alpha); every entry of W_k [60, 10] and b_k [10] is N(u_k, 1);
 * - the features of user k: B_k ~ N(0, beta); v_k [60] ~ N(B_k, 1); x_j ~ N(v_kj, j^-0.6) for j = 1 .. 60 (variance j^-1.2);
 * - the label is the largest of x W_k + b_k.
 *
 * So alpha says how much the users' models differ, beta how much their features do. In the iid variant all users share one W
 * and b of N(0, 1), and v_k = 0. Nine tenths of each user's examples (rounded down) are for training, the rest for tests. The
 * numbers are made here from a fixed seed, so they are not those of the authors' files.
 * @see T. Li et al., Federated Optimization in Heterogeneous Networks, MLSys 2020, section 5.1, and
 * github.com/litian96/FedProx, data/synthetic_*
 */
export const users = 30;
const features = 60;
const classes = 10;

/** How much the users differ; null is the iid variant. */
export type Heterogeneity = { readonly alpha: number; readonly beta: number } | null;

/** How many examples each user has: the same for every alpha and beta. */
export function userSizes(random: Random = seeded('synthetic', 'sizes')): number[] {
  return Array.from({ length: users }, () => Math.floor(Math.exp(4 + 2 * normal(random))) + 50);
}

/** The examples of one user. */
export interface User {
  /** [60, 10], row-major. */
  readonly weights: Float64Array;
  readonly bias: Float64Array;
  /** [count, 60], row-major. */
  readonly xs: Float32Array;
  readonly ys: Int32Array;
}

/** @param user - 0 .. 29 */
export function makeUser(name: string, heterogeneity: Heterogeneity, user: number, count: number): User {
  const random = seeded(name, user);
  const { alpha, beta } = heterogeneity ?? { alpha: 0, beta: 0 };
  const modelMean = alpha * normal(random);
  const featureMean = beta * normal(random);
  const means = Float64Array.from({ length: features }, () =>
    heterogeneity === null ? 0 : featureMean + normal(random),
  );
  const model = heterogeneity === null ? seeded(name, 'model') : random;
  const weights = Float64Array.from({ length: features * classes }, () => modelMean + normal(model));
  const bias = Float64Array.from({ length: classes }, () => modelMean + normal(model));
  const xs = new Float32Array(count * features);
  const ys = new Int32Array(count);
  const scores = new Float64Array(classes);
  for (let example = 0; example < count; example++) {
    scores.set(bias);
    for (let j = 0; j < features; j++) {
      const x = means[j]! + (j + 1) ** -0.6 * normal(random);
      xs[example * features + j] = x;
      for (let one = 0; one < classes; one++) scores[one]! += x * weights[j * classes + one]!;
    }
    ys[example] = scores.reduce((best, score, one) => (score > scores[best]! ? one : best), 0);
  }
  return { weights, bias, xs, ys };
}

function syntheticSource(name: string, heterogeneity: Heterogeneity, split: Split): Source {
  const sizes = userSizes();
  const ranges = sizes.map((count) => {
    const training = Math.floor(0.9 * count);
    return split === 'train' ? { from: 0, to: training } : { from: training, to: count };
  });
  const total = ranges.reduce((sum, { from, to }) => sum + to - from, 0);
  const xs = new Float32Array(total * features);
  const ys = new Int32Array(total);
  const index = new Uint32Array(total);
  let next = 0;
  for (const [user, { from, to }] of ranges.entries()) {
    const made = makeUser(name, heterogeneity, user, sizes[user]!);
    xs.set(made.xs.subarray(from * features, to * features), next * features);
    ys.set(made.ys.subarray(from, to), next);
    index.fill(user, next, (next += to - from));
  }
  const clients: Grouping = { names: sizes.map((_, user) => String(user)), index };
  return floatSource({ name, xs, ys, count: total, features: [features], classes, clients });
}

const makeSet = (name: string, title: string, heterogeneity: Heterogeneity): DataSet => ({
  name,
  title,
  examples: { train: 6_864, test: 781 },
  clients: { what: 'users', train: users, test: users },
  groups: [],
  licence: 'none needed: random numbers',
  source: 'after T. Li et al., Federated Optimization in Heterogeneous Networks, MLSys 2020',
  files: {},
  advice: '',
  locate: async () => 'made from a seed',
  read: async (split) => syntheticSource(name, heterogeneity, split),
});

const heterogeneous = (alpha: number, beta: number): DataSet =>
  makeSet(`synthetic:${alpha},${beta}`, `Synthetic(${alpha}, ${beta}) of FedProx: ten classes, users that differ`, {
    alpha,
    beta,
  });

/** The settings of the paper. */
export const syntheticSets: readonly DataSet[] = [
  makeSet('synthetic:iid', 'Synthetic data of FedProx, users alike', null),
  heterogeneous(0, 0),
  heterogeneous(0.5, 0.5),
  heterogeneous(1, 1),
];

/**
 * `synthetic:ALPHA,BETA` with any two numbers from 0.
 * @returns null for a name that does not begin with `synthetic:`
 * @throws FederatedError BAD_ARGUMENT
 */
export function findSynthetic(name: string): DataSet | null {
  if (!name.startsWith('synthetic:') && name !== 'synthetic') return null;
  const known = syntheticSets.find((set) => set.name === name);
  if (known !== undefined) return known;
  const [, alpha, beta] = /^synthetic:(\d{1,3}(?:\.\d{1,6})?),(\d{1,3}(?:\.\d{1,6})?)$/.exec(name) ?? [];
  if (alpha === undefined || beta === undefined) {
    throw new FederatedError(
      'BAD_ARGUMENT',
      `data: expected synthetic:ALPHA,BETA (two numbers from 0, such as synthetic:0.5,0.5) or synthetic:iid, got ${name}`,
    );
  }
  return heterogeneous(Number(alpha), Number(beta));
}

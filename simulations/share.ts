import type { SimulatedAttack } from './attacks/tampering.ts';
import { seeded } from '../shared/random.ts';
import type { PoolSetup, Rows, SharedSet } from './pool/messages.ts';
import { sharedSet } from './pool/shared-set.ts';
import type { Prepared } from './prepare.ts';

/** The examples of a simulation in memory that threads share. */
export interface SharedData extends Pick<PoolSetup, 'train' | 'test' | 'aim'> {
  /** Each client's examples to train on. */
  readonly parts: readonly Rows[];
  /** Each client's examples to be measured on; null: they are not. */
  readonly tests: readonly Rows[] | null;
}

/** Moves the examples over, with each client's index lists; feature skew is laid on them here. */
export function share({ data, test, lists, tests, partitioner, config, attack }: Prepared): SharedData {
  const ofTrain = tests?.set === 'train' ? tests.lists : [];
  const poisons = attack?.attack.poison !== undefined;
  // Poison goes into memory of this simulation alone: others may train on the same examples.
  const own = poisons ? { ...data, xs: privateCopy(data.xs), ys: data.ys.slice() } : data;
  const train = sharedSet(own, [...lists, ...ofTrain]);
  const rows = rowsOf('train', [...lists, ...ofTrain]);
  if (partitioner.alter !== undefined) {
    for (const [client, list] of lists.entries()) {
      const own = tests?.set === 'train' ? [...list, ...tests.lists[client]!] : [...list];
      alter(train, own, (xs) => partitioner.alter!(xs, client, lists.length, seeded(config.seed, 'alter', client)));
    }
  }
  if (attack !== null && poisons) poison(train, lists, attack, config.seed);
  return {
    train,
    test: test === null ? null : sharedSet(test, tests?.set === 'test' ? tests.lists : []),
    aim: aimOf(attack, test),
    parts: rows.slice(0, lists.length),
    tests: tests === null ? null : tests.set === 'train' ? rows.slice(lists.length) : rowsOf('test', tests.lists),
  };
}

/** Not in shared memory, so that it is copied into memory of its own. */
const privateCopy = (values: Float32Array): Float32Array => new Float32Array(values);

/** Changes what attackers train on. */
function poison(
  { xs, ys, count }: SharedSet,
  lists: readonly Uint32Array[],
  { attack, attackers }: SimulatedAttack,
  seed: number,
): void {
  if (!(ys instanceof Int32Array)) return; // attacks on labels were refused for tasks without classes
  const features = xs.length / count;
  const labels = ys.length / count;
  for (const client of attackers) {
    const list = lists[client]!;
    const own = { xs: new Float32Array(list.length * features), ys: new Int32Array(list.length * labels) };
    for (const [i, index] of list.entries()) {
      own.xs.set(xs.subarray(index * features, (index + 1) * features), i * features);
      own.ys.set(ys.subarray(index * labels, (index + 1) * labels), i * labels);
    }
    const bad = attack.poison!({ ...own, count: list.length }, seeded(seed, 'poison', client));
    for (const [i, index] of list.entries()) {
      xs.set(bad.xs.subarray(i * features, (i + 1) * features), index * features);
      ys.set(bad.ys.subarray(i * labels, (i + 1) * labels), index * labels);
    }
  }
}

/** What the attack wants of the test examples; null where it wants nothing of any. */
function aimOf(attack: SimulatedAttack | null, test: Prepared['test']): SharedSet | null {
  if (attack?.attack.aim === undefined || test === null) return null;
  const { xs, ys } = attack.attack.aim({ xs: test.xs, ys: Int32Array.from(test.ys), count: test.count });
  return ys.length === 0 ? null : sharedSet({ xs, ys, count: ys.length });
}

function rowsOf(set: Rows['set'], lists: readonly Uint32Array[]): Rows[] {
  let from = 0;
  return lists.map(({ length }) => {
    const rows = { set, listed: true, from, to: from + length };
    from = rows.to;
    return rows;
  });
}

/** Changes examples where they lie, since each is one client's. */
function alter({ xs, count }: SharedSet, indices: readonly number[], change: (xs: Float32Array) => void): void {
  const width = xs.length / count;
  const own = new Float32Array(indices.length * width);
  for (const [i, index] of indices.entries()) own.set(xs.subarray(index * width, (index + 1) * width), i * width);
  change(own);
  for (const [i, index] of indices.entries()) xs.set(own.subarray(i * width, (i + 1) * width), index * width);
}

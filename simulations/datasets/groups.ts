import { FederatedError } from '../../shared/errors.ts';
import { seeded } from '../../shared/random.ts';

/** Whose each example is: its writer, speaker, station; or the group of people that it belongs to. */
export interface Grouping {
  /** Each holds at least one example. */
  readonly names: readonly string[];
  /** For each example the number of its name. */
  readonly index: Uint32Array;
}

/** One of `parts` equal parts, from 0. */
export interface Part {
  readonly part: number;
  readonly parts: number;
}

/** The grouping that a key for each example makes, its names in order of their first appearance. */
export function groupBy(keys: readonly string[]): Grouping {
  const numbers = new Map<string, number>();
  const index = Uint32Array.from(keys, (key) => {
    const known = numbers.get(key);
    if (known !== undefined) return known;
    numbers.set(key, numbers.size);
    return numbers.size - 1;
  });
  return { names: [...numbers.keys()], index };
}

/** The grouping of the chosen examples alone: names without an example are gone, the others keep their order. */
export function pickGrouping({ names, index }: Grouping, chosen: Uint32Array): Grouping {
  const present = new Uint8Array(names.length);
  for (const example of chosen) present[index[example]!] = 1;
  const kept = Array.from(names.keys()).filter((name) => present[name] === 1);
  const numbers = new Uint32Array(names.length);
  for (const [next, name] of kept.entries()) numbers[name] = next;
  return { names: kept.map((name) => names[name]!), index: chosen.map((example) => numbers[index[example]!]!) };
}

/**
 * 0 .. count - 1 in a random order that depends on the seed alone, cut into equal parts (their sizes differ by one at most)
 * that together hold every number once.
 */
export function partOf(seed: readonly string[], count: number, { part, parts }: Part): Uint32Array {
  const order = seeded(...seed).permutation(count);
  return order.subarray(Math.floor((part * count) / parts), Math.floor(((part + 1) * count) / parts));
}

/** The examples of the given names (by number), in their own order. */
export function examplesOf({ names, index }: Grouping, chosen: Iterable<number>): Uint32Array {
  const wanted = new Uint8Array(names.length);
  for (const name of chosen) wanted[name] = 1;
  return Uint32Array.from(Array.from(index.keys()).filter((example) => wanted[index[example]!] === 1));
}

/**
 * The examples of one name.
 * @param what - for messages: `adult: sex`
 * @throws FederatedError NOT_FOUND with some of the names that there are
 */
export function examplesNamed(grouping: Grouping, name: string, what: string): Uint32Array {
  const number = grouping.names.indexOf(name);
  if (number >= 0) return examplesOf(grouping, [number]);
  const { names } = grouping;
  const near = names.filter((each) => each.toLowerCase().includes(name.toLowerCase()));
  const shown = (near.length > 0 ? near : names).slice(0, 8).map((each) => JSON.stringify(each));
  throw new FederatedError(
    'NOT_FOUND',
    `data: ${what} has no ${JSON.stringify(name)}; it has ${names.length}, among them ${shown.join(', ')}`,
  );
}

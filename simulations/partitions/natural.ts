import type { Random } from '../../shared/random.ts';
import type { Grouping } from '../datasets/groups.ts';
import { cutEvenly } from './cut.ts';
import { badPartition, joinPieces, wantedClients, type Labelled, type Partitioner } from './partitioner.ts';

/**
 * The clients that the data come from: writers, speakers, stations, hospitals, people; or any group of the set (`sex`).
 * Their number is that of the data. Another number, where it is asked for, joins or cuts them: fewer clients get equally many
 * whole names each, at random; more clients cut the names with the most examples into equal parts, at random.
 * @param by - `client`, or the name of a group
 */
export function natural({ by = 'client' }: { readonly by?: string } = {}): Partitioner {
  const name = by === 'client' ? 'natural' : `natural:${by}`;
  return {
    name,
    choosesClients: true,
    assign(examples, clients, random) {
      const grouping = groupingOf(name, by, examples);
      const own = membersOf(grouping);
      if (clients === null || clients === own.length) return own;
      const wanted = wantedClients(name, clients, examples);
      return wanted < own.length ? joined(own, wanted, random) : split(own, wanted, random);
    },
    names(examples, clients) {
      const { names } = groupingOf(name, by, examples);
      return clients === null || clients === names.length ? names : null;
    },
  };
}

function groupingOf(name: string, by: string, { clients, groups = {} }: Labelled): Grouping {
  const known: Readonly<Record<string, Grouping>> = clients === undefined ? groups : { client: clients, ...groups };
  if (Object.hasOwn(known, by)) return known[by]!;
  const names = Object.keys(known).map((each) => (each === 'client' ? 'natural' : `natural:${each}`));
  throw badPartition(
    name,
    by === 'client'
      ? `this data set does not say whose its examples are; take ${['iid', ...names].join(', ')} or another partition`
      : `the set has no groups by "${by}"; known are ${names.join(', ') || 'none'}`,
  );
}

/** For each name its examples, in their order. */
function membersOf({ names, index }: Grouping): Uint32Array[] {
  const sizes = new Uint32Array(names.length);
  for (const name of index) sizes[name]!++;
  const lists = Array.from(sizes, (size) => new Uint32Array(size));
  const next = new Uint32Array(names.length);
  for (const [example, name] of index.entries()) lists[name]![next[name]!++] = example;
  return lists;
}

const joined = (own: readonly Uint32Array[], clients: number, random: Random): Uint32Array[] =>
  joinPieces(
    cutEvenly(random.permutation(own.length), clients).map((names) => Array.from(names, (name) => own[name]!)),
  );

function split(own: readonly Uint32Array[], clients: number, random: Random): Uint32Array[] {
  const parts = own.map(() => 1);
  // Each further part goes to the name whose parts are the largest, so no part is empty while there are examples enough.
  for (let more = clients - own.length; more > 0; more--) {
    const largest = own.reduce(
      (best, list, i) => (list.length / parts[i]! > own[best]!.length / parts[best]! ? i : best),
      0,
    );
    parts[largest]!++;
  }
  return own.flatMap((list, name) => {
    if (parts[name] === 1) return [list];
    const order = random.permutation(list.length).map((place) => list[place]!);
    return cutEvenly(order, parts[name]!).map((piece) => piece.toSorted());
  });
}

import type { Random } from '../../shared/random.ts';
import { cutEvenly } from './cut.ts';
import {
  badPartition,
  checkOption,
  joinPieces,
  neededLabels,
  shuffledClasses,
  wantedClients,
  type Partitioner,
} from './partitioner.ts';

export const pathologicalModes = ['random', 'deterministic', 'first-deterministic'] as const;
export type PathologicalMode = (typeof pathologicalModes)[number];

export interface PathologicalOptions {
  /** From 1 to the number of classes. */
  readonly classesPerClient: number;
  readonly mode?: PathologicalMode;
}

/**
 * Each client has exactly `classesPerClient` classes, and a class is cut evenly among the clients that have it. Which:
 *
 * - `random`: drawn for each client; a class that nobody drew replaces one that several have, so that no example is left out.
 * - `deterministic`: client k has the classes k, k + 1, ... (modulo their number).
 * - `first-deterministic`: client k has class k (modulo), the others are drawn.
 * @see Q. Li et al., Federated Learning on Non-IID Data Silos: An Experimental Study, 2022, section 3 (#C = k)
 */
export function pathological({ classesPerClient, mode = 'random' }: PathologicalOptions): Partitioner {
  const name = `pathological:${classesPerClient}${mode === 'random' ? '' : `,mode=${mode}`}`;
  checkOption(name, 'classesPerClient', classesPerClient, { from: 1, whole: true });
  if (!pathologicalModes.includes(mode)) {
    throw badPartition(name, `mode is one of ${pathologicalModes.join(', ')}, got ${JSON.stringify(mode)}`);
  }
  return {
    name,
    assign(examples, clients, random) {
      const labels = neededLabels(name, examples);
      const wanted = wantedClients(name, clients, examples);
      const classes = shuffledClasses(labels, random);
      const held = mode === 'deterministic' ? wanted - 1 + classesPerClient : wanted * classesPerClient;
      if (classesPerClient > classes.length) {
        throw badPartition(
          name,
          `the examples have ${classes.length} classes, a client cannot have ${classesPerClient}`,
        );
      }
      if (held < classes.length) {
        throw badPartition(
          name,
          `${wanted} clients hold at most ${held} of the ${classes.length} classes, so examples would be left out; take more clients or more classes for each`,
        );
      }
      return deal(name, classes, choose(mode, wanted, classesPerClient, classes.length, random));
    },
  };
}

/** For each client its classes. */
function choose(mode: PathologicalMode, clients: number, each: number, classes: number, random: Random): number[][] {
  const fixed = mode === 'random' ? 0 : mode === 'deterministic' ? each : 1;
  const chosen = Array.from({ length: clients }, (_, client) => {
    const first = Array.from({ length: fixed }, (_unused, i) => (client + i) % classes);
    const others = Array.from(random.permutation(classes)).filter((one) => !first.includes(one));
    return [...first, ...others.slice(0, each - fixed)];
  });
  const owners = new Uint32Array(classes);
  for (const one of chosen.flat()) owners[one]!++;
  for (const missing of owners.keys()) {
    if (owners[missing]! > 0) continue;
    // There is a place: the clients have at least as many in all as there are classes, so a class has two owners.
    const places = chosen.flatMap((own, client) =>
      own.flatMap((one, at) => (at >= fixed && owners[one]! > 1 ? [{ client, at }] : [])),
    );
    const { client, at } = places[random.below(places.length)]!;
    owners[chosen[client]![at]!]!--;
    chosen[client]![at] = missing;
    owners[missing] = 1;
  }
  return chosen;
}

/** Cuts each class evenly among the clients that have it. */
function deal(name: string, classes: readonly Uint32Array[], chosen: readonly (readonly number[])[]): Uint32Array[] {
  const pieces: Uint32Array[][] = chosen.map(() => []);
  for (const [one, examples] of classes.entries()) {
    const owners = Array.from(chosen.keys()).filter((client) => chosen[client]!.includes(one));
    if (owners.length > examples.length) {
      throw badPartition(
        name,
        `${owners.length} clients would share the ${examples.length} examples of one class; take fewer clients`,
      );
    }
    for (const [i, piece] of cutEvenly(examples, owners.length).entries()) pieces[owners[i]!]!.push(piece);
  }
  return joinPieces(pieces);
}

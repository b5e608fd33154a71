import { utf8 } from '../bytes.ts';
import type { Primitives } from '../crypto/primitives.ts';
import { Prg } from '../crypto/prg.ts';
import { FederatedError } from '../errors.ts';
import { lengthPrefixed } from './context.ts';
import { maxHolders, type SecAggPlan } from './plan.ts';
import { findGraphParameters } from './threshold.ts';

type Hashing = Pick<Primitives, 'sha256'>;

/** The kind of graph that a number of clients gets. */
export interface Shape {
  /** n */
  readonly clients: number;
  /** Whether everyone is everyone's neighbour. */
  readonly complete: boolean;
  /** k: neighbours of each client */
  readonly degree: number;
  /** t: shares that make a secret, and neighbours (oneself among them on a complete graph) without whom nothing goes on */
  readonly threshold: number;
}

/**
 * Complete up to `plan.completeUpTo` clients, and beyond where no thinner graph is safe; else k-regular.
 *
 * On the complete graph everyone holds shares of everyone's secrets, also of the own, so n holders: with t > 2n / 3 a server
 * and c < n / 3 corrupt clients cannot have two lists of survivors signed, since 2t > n + c. On the k-regular graph nobody
 * holds an own share, which keeps 2t > k + c as the finder has it.
 * @throws FederatedError SECAGG_WEAK_GRAPH when no graph is safe for so many clients and such rates
 */
export function shapeOf(plan: SecAggPlan, clients: number): Shape {
  if (clients > plan.completeUpTo) {
    const { corrupt, dropped, sigma, eta } = plan;
    const found = findGraphParameters({ clients, corrupt, dropped, sigma, eta, adversary: 'semi-malicious' });
    if (found !== null && found.degree <= maxHolders) return { clients, complete: false, ...found };
  }
  if (clients <= maxHolders) {
    const [over, of] = plan.completeThreshold;
    const threshold = Math.floor((over * clients) / of) + 1;
    return { clients, complete: true, degree: clients - 1, threshold: Math.min(threshold, clients) };
  }
  throw new FederatedError(
    'SECAGG_WEAK_GRAPH',
    `secagg: no graph of ${clients} clients bears ${plan.corrupt} corrupt and ${plan.dropped} dropped; lower the rates`,
  );
}

/**
 * Who shares with whom: a function of the roster's hash, so that the server cannot choose it and every client recomputes it.
 * Memory O(n).
 */
export class Graph {
  readonly shape: Shape;
  /** The clients around the ring, and where on it each is; empty on a complete graph. */
  readonly #ring: Uint32Array;
  readonly #place: Uint32Array;

  /** @param rosterHash - 32 bytes */
  constructor(hashing: Hashing, shape: Shape, rosterHash: Uint8Array) {
    this.shape = shape;
    this.#ring = shape.complete ? new Uint32Array(0) : ringOf(hashing, shape.clients, rosterHash);
    this.#place = new Uint32Array(this.#ring.length);
    for (const [place, client] of this.#ring.entries()) this.#place[client] = place;
  }

  areNeighbours(a: number, b: number): boolean {
    const { clients, complete, degree } = this.shape;
    if (a === b || a >= clients || b >= clients) return false;
    if (complete) return true;
    const apart = Math.abs(this.#place[a]! - this.#place[b]!);
    return Math.min(apart, clients - apart) <= degree / 2;
  }

  /** The positions of a client's k neighbours, ascending. */
  neighbours(client: number): number[] {
    return this.#around(client).filter((other) => other !== client);
  }

  /** Who holds shares of a client's secrets, ascending: the neighbours, on a complete graph the client as well. */
  holders(client: number): number[] {
    return this.shape.complete ? this.#around(client) : this.neighbours(client);
  }

  /** The x of the share that `holder` has of a client's secrets, 1 for the first of its holders; undefined when it has none. */
  xOf(client: number, holder: number): number | undefined {
    const { clients, complete } = this.shape;
    if (complete) return client < clients && holder < clients ? holder + 1 : undefined;
    return this.areNeighbours(client, holder) ? this.holders(client).indexOf(holder) + 1 : undefined;
  }

  #around(client: number): number[] {
    const { clients, complete, degree } = this.shape;
    if (complete) return Array.from({ length: clients }, (_, i) => i);
    const first = this.#place[client]! + clients - degree / 2;
    const near = Array.from({ length: degree + 1 }, (_, i) => this.#ring[(first + i) % clients]!);
    return near.sort((a, b) => a - b);
  }
}

/** The clients in an order drawn by ChaCha20 from the roster's hash (Fisher and Yates). */
function ringOf({ sha256 }: Hashing, clients: number, rosterHash: Uint8Array): Uint32Array {
  const draw = new Prg(sha256(lengthPrefixed(utf8('fedloom/1 secagg graph'), rosterHash)));
  const ring = Uint32Array.from({ length: clients }, (_, i) => i);
  for (let i = clients - 1; i > 0; i--) {
    const j = draw.below(i + 1);
    [ring[i], ring[j]] = [ring[j]!, ring[i]!];
  }
  return ring;
}

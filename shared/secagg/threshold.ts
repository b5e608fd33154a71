import { largestBelow } from './hypergeometric.ts';

/**
 * How many neighbours each client of a k-regular (Harary) graph needs, and how many of them must reveal their shares before
 * a secret is known, so that a random graph is safe and works except with negligible probability.
 */

/**
 * `curious`: the server keeps to the protocol and remembers everything. `semi-malicious`: it may also lie about who dropped
 * out, once keys and graph are fixed, so the threshold must make two different lists of survivors impossible.
 */
export type Adversary = 'curious' | 'semi-malicious';

export interface ThresholdOptions {
  /** n: clients in the graph */
  readonly clients: number;
  /** The largest share of the clients that works together with the server, from 0 to below 1. */
  readonly corrupt: number;
  /** The largest share of the clients that drops out, from 0 to below 1. */
  readonly dropped: number;
  readonly adversary: Adversary;
  /** The chance that the graph is unsafe is at most 2^-sigma. */
  readonly sigma: number;
  /** The chance that, within `dropped`, some client has too few neighbours left is at most 2^-eta. */
  readonly eta: number;
}

export interface GraphParameters {
  /** k: neighbours of each client, even */
  readonly degree: number;
  /** t: shares that make a secret, 2 to k */
  readonly threshold: number;
}

/** Keeps a product such as 0.07 * 100 from falling to the wrong side of an integer. */
const slack = 1e-14;

/**
 * The smallest degree that has a threshold, and that threshold; null when only the complete graph would do, or when the
 * rates are too high for any threshold (corrupt + dropped, or corrupt + 2 * dropped for a lying server, above 0.9).
 *
 * Two bad events share the security budget. The honest clients that stay must be connected: to cut a ring in which each
 * client knows k / 2 on either side, k / 2 successive clients have to be bad in two places, which a union bound over the
 * places makes unlikely. And in no client's neighbourhood may the corrupt reach the threshold (with a liar: corrupt ones
 * count twice, since 2t must exceed k + corrupt), which is the tail of a hypergeometric distribution.
 *
 * @see Bell, Bonawitz, Gascón, Lepoint, Raykova, "Secure Single-Server Aggregation with (Poly)Logarithmic Overhead", CCS
 *   2020; the bounds are those of the parameter finder that its authors publish with google/federated-compute
 */
export function findGraphParameters(options: ThresholdOptions): GraphParameters | null {
  const { clients, corrupt, dropped, adversary } = options;
  if (corrupt + (adversary === 'curious' ? 1 : 2) * dropped > 0.9) return null;
  for (let degree = 2; degree < clients - 1; degree += 2) {
    const threshold = thresholdOf(degree, options);
    if (threshold !== null) return { degree, threshold };
  }
  return null;
}

function thresholdOf(degree: number, options: ThresholdOptions): number | null {
  const { clients, corrupt, dropped, adversary, sigma, eta } = options;
  const perEvent = sigma + 1;
  const corruptClients = Math.floor((corrupt + slack) * clients);
  const droppedClients = Math.floor((dropped + slack) * clients);
  const surviving = Math.ceil((1 - dropped - slack) * clients);
  if (log2CutChance(clients, degree, corruptClients + droppedClients) >= -perEvent) return null;

  // With `most` or fewer corrupt neighbours everywhere, except with chance 2^-perEvent over all clients.
  const honestTail = largestBelow(2 ** -perEvent / clients, {
    total: clients,
    marked: clients - corruptClients,
    sampled: degree,
  });
  const most = degree - honestTail - 1;
  // At least so many neighbours stay everywhere, except with chance 2^-eta.
  const least = 1 + largestBelow(2 ** -eta / clients, { total: clients, marked: surviving, sampled: degree });
  // A liar: 2t > degree + most, that is t - 1 >= (most + degree - 1) / 2; a quarter more keeps floats from rounding up.
  const below = adversary === 'curious' ? most : Math.ceil((most + degree - 1.25) / 2);
  return least > below ? Math.max(below + 1, 2) : null;
}

/** log2 of a bound on the chance that `bad` clients at random places cut the ring of n clients in two. */
function log2CutChance(clients: number, degree: number, bad: number): number {
  if (degree > bad) return -Infinity;
  let log2 = Math.log2(clients) + Math.log2(clients - degree - 1) - 1; // pairs of places
  for (let i = 0; i < degree; i++) log2 += Math.log2((bad - i) / (clients - i)); // k given clients are all bad
  return log2;
}

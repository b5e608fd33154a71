import { FederatedError } from '../errors.ts';

/**
 * Sets of clients by their position on the roster, as bits: position p is bit p % 8 of byte floor(p / 8). A set has exactly
 * one form for a given number of clients, so that equal sets have equal bytes and equal hashes.
 */

/** @param positions - each from 0 to clients - 1 */
export function encodePositions(positions: Iterable<number>, clients: number): Uint8Array {
  const bits = new Uint8Array(Math.ceil(clients / 8));
  for (const position of positions) bits[position >> 3]! |= 1 << (position & 7);
  return bits;
}

/**
 * The positions in a set, in ascending order.
 * @throws FederatedError SECAGG_MESSAGE unless the set is in the one form for so many clients
 */
export function decodePositions(bits: Uint8Array, clients: number): Set<number> {
  const expected = Math.ceil(clients / 8);
  const spare = 8 * expected - clients;
  if (bits.length !== expected || (spare > 0 && bits[expected - 1]! >> (8 - spare) !== 0)) {
    const text = `secagg: a set of ${clients} clients has ${expected} bytes with the last ${spare} bits 0, got another form`;
    throw new FederatedError('SECAGG_MESSAGE', text);
  }
  const positions = new Set<number>();
  for (let p = 0; p < clients; p++) {
    if ((bits[p >> 3]! & (1 << (p & 7))) !== 0) positions.add(p);
  }
  return positions;
}

/** How many of the list are in the set. */
export const countIn = (list: readonly number[], set: ReadonlySet<number>): number =>
  list.reduce((count, each) => count + (set.has(each) ? 1 : 0), 0);

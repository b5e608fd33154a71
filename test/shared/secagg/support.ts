import { concat } from '../../../shared/bytes.ts';
import { lengths, partAt } from '../../../shared/secagg/messages.ts';
import { decodePositions, encodePositions } from '../../../shared/secagg/positions.ts';
import { advertStatement, readAdvert } from '../../../shared/secagg/roster.ts';
import { native } from '../../helpers/primitives.ts';
import { Aggregation, remembering, type AggregationOptions, type TestClient } from '../../helpers/secagg.ts';

/** The client that is lied to, or lies. Of six with threshold 5 the other five can do without it. */
export const victim = 2;
export const six: AggregationOptions = { clients: 6, primitives: remembering(native) };

/** A change to what one client is told or sends; the others' messages go through as they are. */
export const only =
  <T>(change: (message: T, client: TestClient) => T | undefined, index = victim) =>
  (message: T, client: TestClient): T | undefined =>
    client.index === index ? change(message, client) : message;

export const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);
export const isWiped = ({ drawn }: TestClient): boolean => drawn.length >= 3 && drawn.every(isZero);

/** Flips a bit of a part of a list. */
export function damage(list: Uint8Array, length: number, index = 0, at = 0): Uint8Array {
  const changed = new Uint8Array(list);
  changed[index * length + at]! ^= 1;
  return changed;
}

/** The list with one of its equal parts replaced. */
export function replaced(list: Uint8Array, index: number, part: Uint8Array): Uint8Array {
  const changed = new Uint8Array(list);
  changed.set(part, index * part.length);
  return changed;
}

export const without = (bits: Uint8Array, position: number, clients = 6): Uint8Array =>
  encodePositions(
    [...decodePositions(bits, clients)].filter((each) => each !== position),
    clients,
  );
export const withPosition = (bits: Uint8Array, position: number, clients = 6): Uint8Array =>
  encodePositions([...decodePositions(bits, clients), position], clients);

/** Adverts as a server may put them together: of other keys, signed by whoever has made them. */
export function forgedAdvert(
  attempt: Aggregation,
  index: number,
  change: Partial<ReturnType<typeof readAdvert>>,
): Uint8Array {
  const advert = readAdvert(partAt(attempt.roster!.adverts, lengths.advert, index));
  const { identity } = attempt.clients[index]!;
  const { maskKey, shareKey, commitment, context } = { ...advert, ...change };
  const unsigned = concat(identity.publicKey, maskKey, shareKey, commitment, context);
  return concat(unsigned, identity.sign(advertStatement({ ...advert, bytes: unsigned })));
}

export const zeroKey = new Uint8Array(32); // of low order

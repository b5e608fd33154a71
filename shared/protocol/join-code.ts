import { FederatedError } from '../errors.ts';

/** Crockford's base 32: digits and capitals without I, L, O and U. */
const digits = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

const grouped = (text: string): string => [0, 4, 8, 12].map((start) => text.slice(start, start + 4)).join('-');

/** A join code of 80 random bits, `XXXX-XXXX-XXXX-XXXX`. @param random - at least 16 random bytes */
export const newJoinCode = (random: Uint8Array): string =>
  grouped(Array.from({ length: 16 }, (_, i) => digits[random[i]! & 31]).join(''));

/**
 * A join code as people write it, in its one form `XXXX-XXXX-XXXX-XXXX`: case, dashes and spaces do not matter, I and L are
 * read as 1, O as 0.
 * @throws FederatedError BAD_LINK when it cannot be one
 */
export function normaliseJoinCode(text: string): string {
  const code = text.toUpperCase().replaceAll(/[-\s]/g, '').replaceAll(/[IL]/g, '1').replaceAll('O', '0');
  if (/^[0-9a-z\s-]*$/i.test(text) && /^[0-9A-HJKMNP-TV-Z]{16}$/.test(code)) return grouped(code);
  throw new FederatedError('BAD_LINK', 'join code: expected 16 letters and digits, XXXX-XXXX-XXXX-XXXX; copy it again');
}

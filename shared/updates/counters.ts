import { FederatedError } from '../errors.ts';

/**
 * Whole numbers whose sum over the clients must come out exactly, in words of Z_2^M that may be far too short for it: a
 * number is written in digits of k bits, each in a word of its own and with the number's sign, and k is so small that the
 * words of all clients add up without a carry being lost.
 */
export interface CounterFormat {
  /** M */
  readonly modulusBits: number;
  /** k: n * (2^k - 1) < 2^(M-1) */
  readonly digitBits: number;
}

/** @param maxCohort - n, at most 2^(M-1) - 1 */
export function counterFormat(modulusBits: number, maxCohort: number): CounterFormat {
  let digitBits = 0;
  while (maxCohort * (2 ** (digitBits + 1) - 1) < 2 ** (modulusBits - 1)) digitBits++;
  return { modulusBits, digitBits };
}

/** Digits of a counter. @param bound - on |value|, up to 2^53 */
export function digitCount({ digitBits }: CounterFormat, bound: number): number {
  let bits = 1;
  while (2 ** bits <= bound) bits++;
  return Math.ceil(bits / digitBits);
}

/** A word of Z_2^M as the number -2^(M-1) .. 2^(M-1) - 1 that it stands for. */
export const signedWord = (word: number, modulusBits: number): number =>
  (word << (32 - modulusBits)) >> (32 - modulusBits);

/** A number as a word of Z_2^M. @param value - a whole number, |value| < 2^31 */
export const wordOf = (value: number, modulusBits: number): number =>
  ((value << (32 - modulusBits)) >>> (32 - modulusBits)) >>> 0;

/**
 * Client half: writes a whole number into its words, the lowest digit first.
 * @param words - as many as the counter has digits
 * @param value - a whole number within the bound that gave the number of digits
 */
export function writeCounter({ modulusBits, digitBits }: CounterFormat, words: Uint32Array, value: number): void {
  const base = 2 ** digitBits;
  let rest = Math.abs(value);
  for (let i = 0; i < words.length; i++) {
    const digit = rest % base; // not a mask: `rest` may have 53 bits
    words[i] = wordOf(value < 0 ? -digit : digit, modulusBits);
    rest = (rest - digit) / base;
  }
  if (rest !== 0) throw new FederatedError('INTERNAL', `counter: ${value} does not fit ${words.length} digits`);
}

/** Server half: the sum of the clients' numbers, from the sums of their words modulo 2^M. Exact below 2^53. */
export function readCounter({ modulusBits, digitBits }: CounterFormat, words: Uint32Array): number {
  let value = 0;
  for (let i = words.length - 1; i >= 0; i--) value = value * 2 ** digitBits + signedWord(words[i]!, modulusBits);
  return value;
}

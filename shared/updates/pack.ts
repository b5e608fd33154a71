import { FederatedError } from '../errors.ts';

/**
 * M-bit words as bytes, without gaps: bit j of word i is bit (i * M + j) mod 8 of byte floor((i * M + j) / 8), so for M of
 * 8, 16 and 32 the bytes are the words in little-endian order. Filled up with zero bits to a multiple of 4 bytes, which is what
 * chunks are made of.
 */

const littleEndian = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

/** Bytes of `words` packed words: 4 * ceil(words * M / 32). */
export const packedLength = (words: number, modulusBits: number): number => 4 * Math.ceil((words * modulusBits) / 32);

/**
 * Client half. For M = 32 a view, not a copy.
 * @param words - bits above the lowest M are left out
 * @param modulusBits - M, from 8 to 32
 */
export function pack(words: Uint32Array, modulusBits: number): Uint8Array {
  checkMachine();
  if (modulusBits === 32) return new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
  const packed = new Uint32Array(packedLength(words.length, modulusBits) / 4);
  const mask = 2 ** modulusBits - 1;
  let at = 0;
  let pending = 0; // the lowest `filled` bits are the next of the stream
  let filled = 0;
  for (let i = 0; i < words.length; i++) {
    const word = words[i]! & mask;
    pending |= word << filled;
    filled += modulusBits;
    if (filled < 32) continue;
    packed[at++] = pending;
    filled -= 32;
    pending = word >>> (modulusBits - filled); // what the shift above has pushed out
  }
  if (filled > 0) packed[at] = pending;
  return new Uint8Array(packed.buffer);
}

/**
 * Server half: the words of a packed vector; for M = 32 and aligned bytes a view, not a copy.
 * @param count - words expected
 * @throws FederatedError WRONG_SHAPE when the length is another, or bits after the last word are set
 */
export function unpack(bytes: Uint8Array, count: number, modulusBits: number): Uint32Array {
  checkMachine();
  const expected = packedLength(count, modulusBits);
  if (bytes.length !== expected) {
    throw new FederatedError(
      'WRONG_SHAPE',
      `packed update: ${count} words of ${modulusBits} bits have ${expected} bytes, got ${bytes.length}`,
    );
  }
  const source = alignedWords(bytes);
  const spare = 8 * expected - count * modulusBits;
  if (spare > 0 && source.at(-1)! >>> (32 - spare) !== 0) {
    throw new FederatedError('WRONG_SHAPE', 'packed update: bits after the last word are set; they must be zero');
  }
  if (modulusBits === 32) return source;
  const words = new Uint32Array(count);
  const mask = 2 ** modulusBits - 1;
  let at = 0;
  let used = 0; // bits of source[at] that are behind us
  for (let i = 0; i < count; i++) {
    let word = source[at]! >>> used;
    used += modulusBits;
    if (used >= 32) {
      at++;
      used -= 32;
      if (used > 0) word |= source[at]! << (modulusBits - used);
    }
    words[i] = word & mask;
  }
  return words;
}

/** The bytes as 32-bit words: a view where they are aligned. */
const alignedWords = (bytes: Uint8Array): Uint32Array =>
  bytes.byteOffset % 4 === 0
    ? new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
    : new Uint32Array(new Uint8Array(bytes).buffer);

function checkMachine(): void {
  if (!littleEndian) throw new FederatedError('INTERNAL', 'packed update: big-endian processors are not supported');
}

import { concat } from '../../shared/bytes.ts';
import type { Random } from '../../shared/random.ts';

/** A small mutational fuzzer: seeded, so that a failure repeats. Each mutator gives new bytes and leaves its input alone. */
export type Mutator = (random: Random, bytes: Uint8Array, corpus: readonly Uint8Array[]) => Uint8Array;

export function randomBytes(random: Random, maxLength: number): Uint8Array {
  return Uint8Array.from({ length: random.below(maxLength + 1) }, () => random.u32() & 0xff);
}

const flipBits: Mutator = (random, bytes) => {
  const copy = new Uint8Array(bytes);
  for (let times = 1 + random.below(4); times > 0 && copy.length > 0; times--) {
    const at = random.below(copy.length);
    copy[at] = copy[at]! ^ (1 << random.below(8));
  }
  return copy;
};

/** Values at the edges of types and lengths, and the type bytes of msgpack that nest, extend or claim a length. */
const interesting = [
  0x00, 0x01, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xcb,
  0xcf, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda, 0xdb, 0xdc, 0xdd, 0xde, 0xdf, 0xe0, 0xff,
];

const setBytes: Mutator = (random, bytes) => {
  const copy = new Uint8Array(bytes);
  for (let times = 1 + random.below(3); times > 0 && copy.length > 0; times--) {
    copy[random.below(copy.length)] = interesting[random.below(interesting.length)]!;
  }
  return copy;
};

const truncate: Mutator = (random, bytes) => bytes.slice(0, random.below(bytes.length + 1));

const extend: Mutator = (random, bytes) => concat(bytes, randomBytes(random, 32));

const insert: Mutator = (random, bytes) => {
  const at = random.below(bytes.length + 1);
  return concat(bytes.subarray(0, at), randomBytes(random, 16), bytes.subarray(at));
};

const remove: Mutator = (random, bytes) => {
  const from = random.below(bytes.length + 1);
  return concat(bytes.subarray(0, from), bytes.subarray(from + random.below(16)));
};

/** The head of one input and the tail of another. */
const splice: Mutator = (random, bytes, corpus) => {
  const other = corpus[random.below(corpus.length)]!;
  return concat(bytes.subarray(0, random.below(bytes.length + 1)), other.subarray(random.below(other.length + 1)));
};

/** Writes a length of 1, 2 or 4 bytes, little- or big-endian, at the edges of what it can say, over any place. */
const editLength: Mutator = (random, bytes) => {
  const copy = new Uint8Array(bytes);
  const width = [1, 2, 4][random.below(3)]!;
  if (copy.length < width) return copy;
  const at = random.below(copy.length - width + 1);
  const max = 2 ** (8 * width);
  const values = [0, 1, copy.length, max - 1, max / 2, Math.max(0, copy.length - at - width), random.below(max)];
  const value = values[random.below(values.length)]! % max;
  const isLittle = random.below(2) === 0;
  for (let i = 0; i < width; i++) {
    copy[at + i] = Math.floor(value / 2 ** (8 * (isLittle ? i : width - 1 - i))) & 0xff;
  }
  return copy;
};

const fresh: Mutator = (random) => randomBytes(random, 128);

export const mutators: readonly Mutator[] = [
  flipBits,
  flipBits,
  setBytes,
  setBytes,
  truncate,
  extend,
  insert,
  remove,
  splice,
  editLength,
  editLength,
  fresh,
];

/**
 * `count` inputs: each is a member of the corpus after one to three mutations.
 * @param corpus - valid inputs, at least one
 */
export function* mutations(random: Random, corpus: readonly Uint8Array[], count: number): Generator<Uint8Array> {
  for (let i = 0; i < count; i++) {
    let bytes = corpus[random.below(corpus.length)]!;
    for (let times = 1 + random.below(3); times > 0; times--) {
      bytes = mutators[random.below(mutators.length)]!(random, bytes, corpus);
    }
    yield bytes;
  }
}

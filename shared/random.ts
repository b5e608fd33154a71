import { sha256 } from '@noble/hashes/sha2.js';
import { utf8 } from './bytes.ts';

/**
 * Seeded randomness for everything that must repeat: initial weights, batch order, selection, simulated faults. Never for
 * secrets. xoshiro128** (Blackman and Vigna, 2018), seeded by SHA-256 of the path, so that
 * `seeded(7, 'client', 3)` and `seeded(7, 'client', 4)` are independent streams.
 */
export interface Random {
  /** Uniform over 0 .. 2^32 - 1. */
  u32(): number;
  /** Uniform over [0, 1), a multiple of 2^-32. */
  float(): number;
  /** Uniform over 0 .. below - 1, without bias. `below` from 1 to 2^32. */
  below(below: number): number;
  /** A new array in random order (Fisher and Yates). */
  shuffled<T>(items: readonly T[]): T[];
  /** 0 .. length - 1 in random order. */
  permutation(length: number): Uint32Array;
}

const rotl = (x: number, k: number): number => (x << k) | (x >>> (32 - k));

export function seeded(...path: readonly (string | number)[]): Random {
  const seed = sha256(utf8(JSON.stringify(path)));
  const view = new DataView(seed.buffer, seed.byteOffset);
  let a = view.getUint32(0, true);
  let b = view.getUint32(4, true);
  let c = view.getUint32(8, true);
  let d = view.getUint32(12, true) | 1; // never all zero

  const u32 = (): number => {
    const result = Math.imul(rotl(Math.imul(b, 5), 7), 9) >>> 0;
    const t = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= t;
    d = rotl(d, 11);
    return result;
  };
  const below = (limit: number): number => {
    const threshold = 2 ** 32 - (2 ** 32 % limit);
    let value = u32();
    while (value >= threshold) value = u32(); // reject the tail that would favour small numbers
    return value % limit;
  };
  const permutation = (length: number): Uint32Array => {
    const order = Uint32Array.from({ length }, (_, i) => i);
    for (let i = length - 1; i > 0; i--) {
      const j = below(i + 1);
      [order[i], order[j]] = [order[j]!, order[i]!];
    }
    return order;
  };
  return {
    u32,
    float: () => u32() / 2 ** 32,
    below,
    permutation,
    shuffled: (items) => Array.from(permutation(items.length), (index) => items[index]!),
  };
}

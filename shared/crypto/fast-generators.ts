import type { GeneratorName, Keystreams } from './primitives.ts';

/** Each is tried so often, and the best counts: whatever else the machine does, one of the tries goes undisturbed. */
const tries = 12;
/** Bytes of a try: long enough for a clock of microseconds. */
const length = 65_536;

/** ms for a try, 330 MB/s: AES that takes longer is computed without instructions, where there is no ChaCha20 to compare it with. */
const slowest = 0.2;

/**
 * The generators that are worth offering here. ChaCha20 always is; AES only where it is as fast as the platform's ChaCha20, or beyond
 * 330 MB/s where the platform has none, which says that the processor has instructions for it. Takes a millisecond or so where it has, and a few where it has not.
 * @param now - ms, with fractions
 */
export function fastGenerators({ chacha20, 'aes-256-ctr': aes }: Keystreams, now: () => number): GeneratorName[] {
  if (aes === undefined) return ['chacha20'];
  const key = new Uint8Array(32);
  const best = { chacha20: chacha20 === undefined ? slowest : Infinity, aes: Infinity };
  for (let i = 0; i < tries; i++) {
    for (const [name, open] of [['chacha20', chacha20] as const, ['aes', aes] as const]) {
      const read = open?.(key, 0);
      if (read === undefined) continue;
      const start = now();
      read(length);
      best[name] = Math.min(best[name], now() - start);
    }
  }
  return best.aes <= best.chacha20 ? ['chacha20', 'aes-256-ctr'] : ['chacha20'];
}

import * as crypto from 'node:crypto';
import { equalBytes, toHex } from '../../../shared/bytes.ts';
import { nativePrimitives } from '../../../shared/crypto/native.ts';
import type { Aead, Primitives } from '../../../shared/crypto/primitives.ts';
import { FederatedError } from '../../../shared/errors.ts';

export const realPrimitives: Primitives = nativePrimitives(crypto);

/**
 * Primitives that keep the laws of the real ones and cost a hundredth: a signature verifies under its key alone, both ends of
 * an agreement get the same secret, and a sealed text opens only under its key and nonce and unchanged. They keep no secrets:
 * for simulated worlds, in which nobody breaks ciphers.
 */
export function fastPrimitives(): Primitives {
  const { sha256 } = realPrimitives;
  const seeds = new Map<string, Uint8Array>();
  const signature = (seed: Uint8Array, message: Uint8Array): Uint8Array => {
    const bytes = new Uint8Array(64);
    bytes.set(mix(32, seed, message));
    bytes.set(bytes.subarray(0, 32), 32);
    return bytes;
  };
  const publicOf = (purpose: number, secret: Uint8Array): Uint8Array => mix(32, Uint8Array.of(purpose), secret);
  return {
    name: 'native',
    sha256,
    hkdf: (secret, salt, info, length) => mix(length, secret, salt, info),
    hmac: (key, data) => mix(32, key, data),
    signingPublicKey(seed) {
      const key = publicOf(1, seed);
      seeds.set(toHex(key), new Uint8Array(seed));
      return key;
    },
    sign: signature,
    verify(key, message, given) {
      const seed = seeds.get(toHex(key));
      return seed !== undefined && given.length === 64 && equalBytes(signature(seed, message), given);
    },
    agreementPublicKey: (secret) => publicOf(2, secret),
    agree(secret, theirs) {
      if (theirs.every((byte) => byte === 0)) throw new FederatedError('BAD_HANDSHAKE', 'a key of low order');
      const own = publicOf(2, secret);
      const shared = new Uint8Array(32);
      for (let i = 0; i < 32; i++) shared[i] = own[i]! ^ theirs[i]!;
      return mix(32, shared);
    },
    suites: ['aes-256-gcm'],
    aead: () => fastAead,
    keystreams: {},
  };
}

const lanes = new Int32Array(8);

/** So many bytes that depend on each byte of the inputs and on their lengths: eight multiplicative hashes that feed each other. */
export function mix(length: number, ...inputs: readonly Uint8Array[]): Uint8Array {
  for (let lane = 0; lane < 8; lane++) lanes[lane] = 0x811c9dc5 + lane;
  let at = 0;
  let carry = length;
  const take = (value: number): void => {
    carry = Math.imul(lanes[at & 7]! ^ value ^ (carry >>> 15), 0x01000193 + (at & 6));
    lanes[at++ & 7] = carry;
  };
  for (const input of inputs) {
    take(input.length + 256);
    for (let i = 0; i < input.length; i++) take(input[i]!);
  }
  for (let i = 0; i < 32; i++) take(i);
  const output = new Uint8Array(length);
  for (let i = 0; i < length; i++) {
    take(i);
    output[i] = carry >>> 13;
  }
  return output;
}

const word = (bytes: Uint8Array, at: number): number =>
  bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);

/** A stream of xorshift under key and nonce, and a tag of a multiplicative hash over the text. */
const fastAead: Aead = {
  name: 'aes-256-gcm',
  nonceLength: 12,
  seal(key, nonce, plaintext, head = new Uint8Array(0)) {
    const length = head.length + plaintext.length;
    const sealed = new Uint8Array(length + 16);
    sealed.set(head);
    sealed.set(plaintext, head.length);
    cross(key, nonce, sealed, length, true);
    return sealed;
  },
  open(key, nonce, sealed) {
    if (sealed.length < 16) return null;
    const length = sealed.length - 16;
    const copy = new Uint8Array(sealed);
    return cross(key, nonce, copy, length, false) ? copy.slice(0, length) : null;
  },
};

/** Enciphers or deciphers in place; writes the tag, or says whether it fits. */
function cross(key: Uint8Array, nonce: Uint8Array, text: Uint8Array, length: number, seals: boolean): boolean {
  let state = word(key, 0) ^ Math.imul(word(nonce, 8), 0x9e3779b1) ^ word(nonce, 4) ^ 0x2545f491;
  let tag = word(key, 4) ^ Math.imul(word(nonce, 8) + 1, 0x85ebca6b) ^ length;
  let other = word(key, 8) ^ word(nonce, 0);
  for (let i = 0; i < length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    const byte = text[i]!;
    const plain = seals ? byte : byte ^ (state & 255);
    tag = Math.imul(tag ^ plain, 0x01000193);
    other = Math.imul(other + plain + i, 0x5bd1e995) ^ (tag >>> 15);
    text[i] = byte ^ (state & 255);
  }
  const parts = [tag, other, state ^ tag, Math.imul(other, tag | 1)];
  let fits = true;
  for (let i = 0; i < 16; i++) {
    const byte = (parts[i >> 2]! >>> (8 * (i & 3))) & 255;
    if (seals) text[length + i] = byte;
    else fits &&= text[length + i] === byte;
  }
  return fits;
}

/** Primitives whose sealing passes what is sealed and opened in front of the given functions. */
export function tapped(
  primitives: Primitives,
  { sealing, opened }: { sealing: (frame: Uint8Array) => Uint8Array; opened: (frame: Uint8Array) => void },
): Primitives {
  return {
    ...primitives,
    aead(suite) {
      const aead = primitives.aead(suite);
      return {
        ...aead,
        seal(key, nonce, plaintext, head = new Uint8Array(0)) {
          const whole = new Uint8Array(head.length + plaintext.length);
          whole.set(head);
          whole.set(plaintext, head.length);
          return aead.seal(key, nonce, sealing(whole));
        },
        open(key, nonce, sealed) {
          const frame = aead.open(key, nonce, sealed);
          if (frame !== null) opened(frame);
          return frame;
        },
      };
    },
  };
}

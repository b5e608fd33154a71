/**
 * The few primitives that everything above stands on. Two implementations: `portable.ts` (tweetnacl and noble, runs
 * anywhere) and `native.ts` (the platform's, handed in by the Node entries). Both give the same bytes for the same input.
 */
export interface Primitives {
  readonly name: 'portable' | 'native';
  /** SHA-256 (FIPS 180-4): 32 bytes. */
  sha256(data: Uint8Array): Uint8Array;
  /** HKDF-SHA256 (RFC 5869). `length` in bytes, at most 255 * 32; `info` of at most 1024 bytes. */
  hkdf(secret: Uint8Array, salt: Uint8Array, info: Uint8Array, length: number): Uint8Array;
  /** HMAC-SHA256 (RFC 2104): 32 bytes. */
  hmac(key: Uint8Array, data: Uint8Array): Uint8Array;

  /** The Ed25519 public key (32 bytes) of a 32-byte seed (RFC 8032). */
  signingPublicKey(seed: Uint8Array): Uint8Array;
  /** An Ed25519 signature (64 bytes) of a message. */
  sign(seed: Uint8Array, message: Uint8Array): Uint8Array;
  /**
   * True for a right signature; false for a wrong one, for bytes of a wrong length and for the few public keys of low order,
   * under which anyone can sign. Never throws.
   */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;

  /** The X25519 public key (32 bytes) of a 32-byte secret (RFC 7748). */
  agreementPublicKey(secret: Uint8Array): Uint8Array;
  /**
   * The X25519 shared secret (32 bytes).
   * @throws FederatedError BAD_HANDSHAKE for a peer's key of low order (the all-zero secret of RFC 7748, section 6.1)
   */
  agree(secret: Uint8Array, theirPublicKey: Uint8Array): Uint8Array;

  /** The AEAD suites that this implementation has, fastest first. */
  readonly suites: readonly SuiteName[];
  /** @throws FederatedError NO_COMMON_SUITE for a suite that is not in `suites` */
  aead(suite: SuiteName): Aead;

  /** The platform's generators, as far as it has them. */
  readonly keystreams: Keystreams;
}

/** A value now, or later from a platform that only works asynchronously. */
export type Awaitable<T> = T | Promise<T>;

/** Public-key cryptography on both curves, which a browser does asynchronously and ten times as fast as `portable.ts`. */
export interface Curves {
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): Awaitable<boolean>;
  agreementPublicKey(secret: Uint8Array): Awaitable<Uint8Array>;
  /** May throw, or reject, for a peer's key of low order. */
  agree(secret: Uint8Array, theirPublicKey: Uint8Array): Awaitable<Uint8Array>;
}

/** What a client of secure aggregation needs, who checks the signatures of all others in its round. */
export interface ClientPrimitives extends Pick<Primitives, 'sha256' | 'hkdf' | 'aead'>, Curves {}

/**
 * What expands a key of 32 bytes into a mask.
 *
 * - `chacha20`: that of prg.ts, ChaCha20 (RFC 8439) with a nonce of zeros and the block counter from 0. Always there; the
 *   platform's is several times as fast as our own in WebAssembly, with the same bytes.
 * - `aes-256-ctr`: AES-256 (FIPS 197) in counter mode (NIST SP 800-38A, section 6.5). The counter block is a number of 128 bits,
 *   big-endian, from 0: within the 2^34 blocks that the longest mask takes it never comes round, and no key makes two masks.
 *   Only where the platform has it: in software it is slow, or a table look-up gives the key away.
 */
export const generatorNames = ['chacha20', 'aes-256-ctr'] as const;
export type GeneratorName = (typeof generatorNames)[number];
/** Where nobody names one. */
export const usualGenerator = 'chacha20' satisfies GeneratorName;
export type Keystreams = { readonly [Name in GeneratorName]?: OpenKeystream };

/**
 * Opens the keystream of a generator.
 * @param key - 32 bytes
 * @param firstBlock - the 64 bytes to begin with, 0 .. 2^32 - 1
 */
export type OpenKeystream = (key: Uint8Array, firstBlock: number) => Keystream;
/**
 * The next bytes of a keystream, at most 65,536 at once. They are there until the next bytes of any keystream of the thread
 * are asked for, and whoever asked may write over them.
 */
export type Keystream = (length: number) => Uint8Array;

/** `aes-256-gcm` (NIST SP 800-38D), the platform's; `nacl-secretbox` (XSalsa20-Poly1305), always there. */
export const suiteNames = ['aes-256-gcm', 'nacl-secretbox'] as const;
export type SuiteName = (typeof suiteNames)[number];

/** Authenticated encryption with a 32-byte key. The nonce must never repeat under one key. */
export interface Aead {
  readonly name: SuiteName;
  /** Nonce length in bytes: 12 (AES-256-GCM) or 24 (secretbox). */
  readonly nonceLength: number;
  /**
   * Seals `head` (if any) and `plaintext` as one text, 16 bytes longer than both. AES-GCM: ciphertext then tag. Secretbox:
   * tag then ciphertext, as NaCl has it.
   */
  seal(key: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array, head?: Uint8Array): Uint8Array;
  /** The plaintext in memory of its own at a 4-aligned offset, or null when the bytes are not authentic. */
  open(key: Uint8Array, nonce: Uint8Array, sealed: Uint8Array): Uint8Array | null;
}

/** A cryptographic generator: fresh bytes from the platform, never seeded. */
export type RandomBytes = (length: number) => Uint8Array;

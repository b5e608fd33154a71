import { Packr, Unpackr } from 'msgpackr/index-no-eval';
import { utf8 } from '../bytes.ts';
import { FederatedError } from '../errors.ts';

/**
 * Control messages as msgpack maps. What comes from a peer is scanned first: only nil, booleans, numbers, strings, binary,
 * arrays and maps with string keys, nested at most eight deep, and not a byte more than one value. msgpackr would also
 * decode its extensions (records, references, dates, regular expressions, ...), which no message of ours uses.
 */

// Integers of 64 bits come out as numbers, so that no BigInt gets further than here; the schemas bound them.
const options = { useRecords: false, mapsAsObjects: true, variableMapSize: true, int64AsType: 'number' } as const;
const packr = new Packr(options);
const unpackr = new Unpackr(options);
const maxDepth = 8;

/**
 * The bytes of a message, in memory of their own: msgpackr's own result is a view into a buffer that it goes on to use.
 * Fields that are undefined are left out.
 * @throws FederatedError BAD_ARGUMENT for anything but nil, booleans, numbers, strings, arrays, plain objects and
 *   Uint8Array. Other typed arrays msgpackr would pack wrongly, with bytes of earlier messages in the gaps.
 */
export function encodeControl(message: object): Uint8Array {
  return new Uint8Array(packr.pack(packable(message, 0)));
}

function packable(value: unknown, depth: number): unknown {
  if (depth > maxDepth) throw notPackable(`nested deeper than ${maxDepth}`);
  if (value === null || typeof value === 'boolean' || typeof value === 'number' || typeof value === 'string')
    return value;
  if (value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return value.map((item) => packable(item, depth + 1));
  if (typeof value !== 'object') throw notPackable(`a ${typeof value}`);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) throw notPackable(`a ${value.constructor.name}`);
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  return Object.fromEntries(fields.map(([key, field]) => [key, packable(field, depth + 1)]));
}

const notPackable = (what: string): FederatedError =>
  new FederatedError('BAD_ARGUMENT', `message: ${what} cannot be sent; bytes must be a Uint8Array`);

/**
 * The value in a peer's bytes; nothing of it is checked but its form. Binary fields are plain Uint8Arrays in memory of their own.
 * @param maxBytes - more bytes are refused before anything is read
 * @throws FederatedError TOO_LARGE, BAD_MESSAGE
 */
export function decodeControl(bytes: Uint8Array, maxBytes: number): unknown {
  if (bytes.length > maxBytes) {
    throw new FederatedError('TOO_LARGE', `message: ${bytes.length} bytes, at most ${maxBytes}`);
  }
  const end = scan(bytes, 0, 0);
  if (end !== bytes.length) throw bad(`${bytes.length - end} bytes after its end`);
  try {
    // A view of its own, since msgpackr leaves a property on what it is given, and never a Buffer.
    return detached(unpackr.unpack(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)));
  } catch (cause) {
    throw new FederatedError('BAD_MESSAGE', 'message: not msgpack', { cause });
  }
}

const bad = (what: string): FederatedError => new FederatedError('BAD_MESSAGE', `message: ${what}`);

/** Copies binary fields, so that a small field does not keep the whole message, and makes them plain Uint8Arrays. */
function detached(value: unknown): unknown {
  if (value instanceof Uint8Array) return new Uint8Array(value);
  if (Array.isArray(value)) return value.map(detached);
  if (value === null || typeof value !== 'object') return value;
  const copy = value as Record<string, unknown>;
  for (const key of Object.keys(copy)) copy[key] = detached(copy[key]);
  return copy;
}

/** Length in bytes of the number formats 0xca (float32) to 0xd3 (int64), without the first byte. */
const numberLengths = [4, 8, 1, 2, 4, 8, 1, 2, 4, 8];

/** Walks over one value and returns where it ends. */
function scan(bytes: Uint8Array, at: number, depth: number): number {
  if (depth > maxDepth) throw bad(`nested deeper than ${maxDepth}`);
  const type = byteAt(bytes, at);
  if (type <= 0x7f || type >= 0xe0) return at + 1; // small integers
  if (type <= 0x8f) return scanMap(bytes, at + 1, type & 0x0f, depth);
  if (type <= 0x9f) return scanArray(bytes, at + 1, type & 0x0f, depth);
  if (type <= 0xbf) return skip(bytes, at + 1, type & 0x1f); // short strings
  if (type === 0xc0 || type === 0xc2 || type === 0xc3) return at + 1; // nil, false, true
  if (type >= 0xca && type <= 0xd3) return skip(bytes, at + 1, numberLengths[type - 0xca]!);
  switch (type) {
    case 0xc4: // binary
    case 0xd9: // string
      return skip(bytes, at + 2, unsigned(bytes, at + 1, 1));
    case 0xc5:
    case 0xda:
      return skip(bytes, at + 3, unsigned(bytes, at + 1, 2));
    case 0xc6:
    case 0xdb:
      return skip(bytes, at + 5, unsigned(bytes, at + 1, 4));
    case 0xdc:
      return scanArray(bytes, at + 3, unsigned(bytes, at + 1, 2), depth);
    case 0xdd:
      return scanArray(bytes, at + 5, unsigned(bytes, at + 1, 4), depth);
    case 0xde:
      return scanMap(bytes, at + 3, unsigned(bytes, at + 1, 2), depth);
    case 0xdf:
      return scanMap(bytes, at + 5, unsigned(bytes, at + 1, 4), depth);
    default:
      throw bad(`type byte 0x${type.toString(16)} is not allowed`);
  }
}

function scanArray(bytes: Uint8Array, start: number, length: number, depth: number): number {
  let at = start;
  for (let i = 0; i < length; i++) at = scan(bytes, at, depth + 1);
  return at;
}

function scanMap(bytes: Uint8Array, start: number, length: number, depth: number): number {
  let at = start;
  for (let i = 0; i < length; i++) {
    const type = byteAt(bytes, at);
    if (!((type >= 0xa0 && type <= 0xbf) || type === 0xd9)) throw bad('a key that is no short string');
    const key = type === 0xd9 ? at + 2 : at + 1;
    at = scan(bytes, at, depth + 1);
    if (isProto(bytes, key, at)) throw bad('a forbidden key');
    at = scan(bytes, at, depth + 1);
  }
  return at;
}

const proto = Array.from(utf8('__proto__'));
const isProto = (bytes: Uint8Array, start: number, end: number): boolean =>
  end - start === proto.length && proto.every((code, i) => bytes[start + i] === code);

function byteAt(bytes: Uint8Array, at: number): number {
  const byte = bytes[at];
  if (byte === undefined) throw bad('it ends too early');
  return byte;
}

function unsigned(bytes: Uint8Array, at: number, length: 1 | 2 | 4): number {
  let value = 0;
  for (let i = 0; i < length; i++) value = value * 256 + byteAt(bytes, at + i);
  return value;
}

function skip(bytes: Uint8Array, at: number, length: number): number {
  if (at + length > bytes.length) throw bad('it ends too early');
  return at + length;
}

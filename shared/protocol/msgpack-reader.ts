import { FederatedError } from '../errors.ts';

/**
 * The part of msgpack that control messages use: nil, booleans, numbers, text, binary, arrays, and maps whose keys are text;
 * no extension.
 * @see https://github.com/msgpack/msgpack/blob/master/spec.md
 */

/** Arrays and maps around a value. */
export const maxDepth = 8;
/** Values in a message, keys among them: an empty map of one byte takes some 60 in memory. */
export const maxValues = 4096;
/** UTF-8. */
export const maxKeyBytes = 255;

/** Up to here, reading ASCII byte by byte is faster than a TextDecoder. */
const shortText = 16;

// Ill-formed UTF-8 is refused, and a byte order mark is a character like any other.
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Where two integers of 32 bits become a float64. */
const float = new DataView(new ArrayBuffer(8));

/**
 * `__proto__` would change what the object inherits. Whole numbers are places of an array: in V8 an object with the one key
 * "1023" takes 12 kB, for 7 bytes of message.
 */
export const isForbiddenKey = (key: string): boolean => key === '__proto__' || (key >= '0' && key < ':'); // ':' comes after '9'

const bad = (what: string): FederatedError => new FederatedError('BAD_MESSAGE', `message: ${what}`);

function safe(integer: number): number {
  if (Number.isSafeInteger(integer)) return integer;
  throw bad('an integer beyond 2^53');
}

/**
 * The one value that the bytes hold. Binary comes as plain Uint8Arrays in memory of their own, and every length is compared
 * with the bytes that are there before room is made for it. Of two equal keys the later counts.
 * @throws FederatedError BAD_MESSAGE
 */
export function readMsgpack(bytes: Uint8Array): unknown {
  const reader = new Reader(bytes);
  const value = reader.value(0);
  if (reader.left > 0) throw bad(`${reader.left} bytes after its end`);
  return value;
}

class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;
  #values = 0;

  constructor({ buffer, byteOffset, length }: Uint8Array) {
    this.#bytes = new Uint8Array(buffer, byteOffset, length); // never a Buffer, whose slice() is a view
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  /** @param depth - how many arrays and maps are around it */
  value(depth: number): unknown {
    const type = this.#uint(1);
    if (type <= 0x7f) return type;
    if (type <= 0x8f) return this.#map(type & 0x0f, depth);
    if (type <= 0x9f) return this.#array(type & 0x0f, depth);
    if (type <= 0xbf) return this.#text(type & 0x1f);
    if (type >= 0xe0) return type - 0x100;
    // In each family the number after the type byte has twice as many bytes from one type to the next.
    if (type >= 0xde) return this.#map(this.#uint(2 << (type - 0xde)), depth);
    if (type >= 0xdc) return this.#array(this.#uint(2 << (type - 0xdc)), depth);
    if (type >= 0xd9) return this.#text(this.#uint(1 << (type - 0xd9)));
    if (type >= 0xd0 && type <= 0xd3) return this.#int(1 << (type - 0xd0));
    if (type >= 0xcc && type <= 0xcf) return this.#uint(1 << (type - 0xcc));
    if (type >= 0xc4 && type <= 0xc6) return this.#binary(this.#uint(1 << (type - 0xc4)));
    switch (type) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xca:
        float.setUint32(0, this.#uint(4));
        return float.getFloat32(0);
      case 0xcb:
        float.setUint32(0, this.#uint(4));
        float.setUint32(4, this.#uint(4));
        return float.getFloat64(0);
      default: // extensions, and 0xc1, which is never used
        throw bad(`type byte 0x${type.toString(16)} is not allowed`);
    }
  }

  /** Where the next `length` bytes begin. */
  #take(length: number): number {
    const start = this.#at;
    if (length > this.left) throw bad('it ends too early');
    this.#at = start + length;
    return start;
  }

  /** @param size - 1, 2, 4 or 8 bytes */
  #uint(size: number): number {
    let at = this.#take(size);
    let value = 0;
    for (let i = 0; i < size; i++) value = value * 256 + this.#bytes[at++]!;
    return safe(value);
  }

  #int(size: number): number {
    if (size === 8) return safe((this.#uint(4) | 0) * 2 ** 32 + this.#uint(4));
    const unused = 32 - 8 * size; // bits
    return (this.#uint(size) << unused) >> unused;
  }

  #binary(length: number): Uint8Array {
    const start = this.#take(length);
    return this.#bytes.slice(start, start + length);
  }

  #text(length: number): string {
    const start = this.#take(length);
    const end = start + length;
    if (length <= shortText) {
      let text = '';
      let at = start;
      for (; at < end; at++) {
        const code = this.#bytes[at]!;
        if (code > 0x7f) break;
        text += String.fromCharCode(code);
      }
      if (at === end) return text;
    }
    try {
      return decoder.decode(this.#bytes.subarray(start, end));
    } catch (cause) {
      throw new FederatedError('BAD_MESSAGE', 'message: text that is not UTF-8', { cause });
    }
  }

  #array(length: number, depth: number): unknown[] {
    this.#enter(length, depth);
    const items: unknown[] = [];
    for (let i = 0; i < length; i++) items.push(this.value(depth + 1));
    return items;
  }

  #map(length: number, depth: number): Record<string, unknown> {
    this.#enter(2 * length, depth);
    const fields: Record<string, unknown> = {};
    for (let i = 0; i < length; i++) {
      const key = this.#key();
      fields[key] = this.value(depth + 1);
    }
    return fields;
  }

  /** @param count - of the values inside, each of which has a byte at least */
  #enter(count: number, depth: number): void {
    if (depth >= maxDepth) throw bad(`nested deeper than ${maxDepth}`);
    if (count > this.left) throw bad('it ends too early');
    this.#values += count;
    if (this.#values > maxValues) throw bad(`more than ${maxValues} values`);
  }

  #key(): string {
    const type = this.#uint(1);
    if (type !== 0xd9 && (type < 0xa0 || type > 0xbf)) throw bad('a key that is no short string');
    const key = this.#text(type === 0xd9 ? this.#uint(1) : type & 0x1f);
    if (isForbiddenKey(key)) throw bad('a forbidden key');
    return key;
  }
}

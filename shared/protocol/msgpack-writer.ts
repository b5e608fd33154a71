import { utf8 } from '../bytes.ts';
import { FederatedError } from '../errors.ts';
import { isForbiddenKey, maxDepth, maxKeyBytes, maxValues } from './msgpack-reader.ts';

/** Where a float64 becomes bytes. */
const float = new DataView(new ArrayBuffer(8));

const notPackable = (what: string): FederatedError =>
  new FederatedError('BAD_ARGUMENT', `message: ${what} cannot be sent; bytes must be a Uint8Array`);

/** Where messages are written before they are copied out; longer ones get another. */
const scratch = new Uint8Array(4096);
let isScratchTaken = false;

/**
 * The bytes of a value, in memory of their own; each number, text, array and map in its shortest form, but for whole numbers
 * beyond 32 bits, which are float64. Fields that are undefined are left out. Halves of surrogate pairs become U+FFFD.
 * @throws FederatedError BAD_ARGUMENT for anything but nil, booleans, numbers, strings, arrays, plain objects and
 *   Uint8Array, or what `readMsgpack` would refuse
 */
export function writeMsgpack(value: unknown): Uint8Array {
  if (isScratchTaken) return write(value, new Uint8Array(256)); // by a getter in a message that is being written
  isScratchTaken = true;
  try {
    return write(value, scratch);
  } finally {
    isScratchTaken = false;
  }
}

function write(value: unknown, bytes: Uint8Array): Uint8Array {
  const writer = new Writer(bytes);
  writer.value(value, 0);
  return writer.finish();
}

class Writer {
  #bytes: Uint8Array;
  #at = 0;
  #values = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#at);
  }

  /** @param depth - how many arrays and maps are around it */
  value(value: unknown, depth: number): void {
    if (typeof value === 'string') this.#text(value);
    else if (typeof value === 'number') this.#number(value);
    else if (typeof value === 'boolean') this.#head(value ? 0xc3 : 0xc2);
    else if (value === null) this.#head(0xc0);
    else if (typeof value !== 'object') throw notPackable(`a ${typeof value}`);
    else if (value instanceof Uint8Array) this.#binary(value);
    else if (Array.isArray(value)) this.#array(value, depth);
    else this.#map(value, depth);
  }

  /** Makes room for the next `length` bytes, and says where they begin. */
  #take(length: number): number {
    const start = this.#at;
    this.#at = start + length;
    if (this.#at > this.#bytes.length) {
      const longer = new Uint8Array(Math.max(this.#at, 2 * this.#bytes.length));
      longer.set(this.#bytes);
      this.#bytes = longer;
    }
    return start;
  }

  /** A type byte, and after it an integer of `size` bytes, modulo 2^(8 * size). */
  #head(type: number, size = 0, integer = 0): void {
    const start = this.#take(1 + size);
    this.#bytes[start] = type;
    for (let i = size, rest = integer; i > 0; i--, rest >>>= 8) this.#bytes[start + i] = rest;
  }

  /** A number of 16 bits under this type byte, or one of 32 bits under the next. */
  #longer(type: number, value: number): void {
    if (value <= 0xffff) this.#head(type, 2, value);
    else this.#head(type + 1, 4, value);
  }

  #number(value: number): void {
    if (value >>> 0 === value && !Object.is(value, -0)) {
      if (value <= 0x7f) this.#head(value);
      else if (value <= 0xff) this.#head(0xcc, 1, value);
      else this.#longer(0xcd, value);
    } else if (value >> 0 === value && value < 0) {
      if (value >= -0x20) this.#head(value & 0xff);
      else if (value >= -0x80) this.#head(0xd0, 1, value);
      else if (value >= -0x8000) this.#head(0xd1, 2, value);
      else this.#head(0xd2, 4, value);
    } else {
      float.setFloat64(0, value);
      this.#head(0xcb, 8);
      for (let i = 8; i > 0; i--) this.#bytes[this.#at - i] = float.getUint8(8 - i);
    }
  }

  #text(text: string): void {
    if (text.length < 0x20 && this.#ascii(text)) return;
    const bytes = utf8(text);
    if (bytes.length < 0x20) this.#head(0xa0 | bytes.length);
    else if (bytes.length <= 0xff) this.#head(0xd9, 1, bytes.length);
    else this.#longer(0xda, bytes.length);
    this.#raw(bytes);
  }

  /** Writes a text of less than 32 characters if all of them are ASCII. */
  #ascii(text: string): boolean {
    const start = this.#take(1 + text.length);
    this.#bytes[start] = 0xa0 | text.length;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code > 0x7f) {
        this.#at = start;
        return false;
      }
      this.#bytes[start + 1 + i] = code;
    }
    return true;
  }

  #binary(bytes: Uint8Array): void {
    if (bytes.length <= 0xff) this.#head(0xc4, 1, bytes.length);
    else this.#longer(0xc5, bytes.length);
    this.#raw(bytes);
  }

  #raw(bytes: Uint8Array): void {
    const start = this.#take(bytes.length); // before #bytes is read, which it may replace
    this.#bytes.set(bytes, start);
  }

  #enter(count: number, depth: number): void {
    if (depth >= maxDepth) throw notPackable(`nested deeper than ${maxDepth}`);
    this.#values += count;
    if (this.#values > maxValues) throw notPackable(`more than ${maxValues} values`);
  }

  #array(items: readonly unknown[], depth: number): void {
    this.#enter(items.length, depth);
    if (items.length < 0x10) this.#head(0x90 | items.length);
    else this.#longer(0xdc, items.length);
    for (const item of items) this.value(item, depth + 1);
  }

  #map(map: object, depth: number): void {
    const prototype: unknown = Object.getPrototypeOf(map);
    if (prototype !== Object.prototype && prototype !== null) throw notPackable(`a ${map.constructor.name}`);
    const fields = map as Record<string, unknown>;
    const keys = Object.keys(fields).filter((key) => fields[key] !== undefined);
    this.#enter(2 * keys.length, depth);
    if (keys.length < 0x10) this.#head(0x80 | keys.length);
    else this.#longer(0xde, keys.length);
    for (const key of keys) {
      this.#key(key);
      this.value(fields[key], depth + 1);
    }
  }

  #key(key: string): void {
    const start = this.#at;
    this.#text(key);
    if (this.#at - start > 2 + maxKeyBytes) throw notPackable(`a key of more than ${maxKeyBytes} bytes`);
    if (isForbiddenKey(key)) throw notPackable(`the key ${key}`);
  }
}

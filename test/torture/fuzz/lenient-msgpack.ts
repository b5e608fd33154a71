import { utf8 } from '../../../shared/bytes.ts';
import type { Random } from '../../../shared/random.ts';

/**
 * Msgpack as other writers, or liars, might write it: any length field for any length, extensions, whole numbers of 64 bits,
 * keys that are no text. The project's own writer refuses most of that.
 */
export function writeLeniently(random: Random, value: unknown): Uint8Array {
  const out: number[] = [];
  const uint = (size: number, number: number): void => {
    for (let i = size - 1; i >= 0; i--) out.push(Math.floor(number / 2 ** (8 * i)) & 0xff);
  };
  /** A family of types with length fields of 1, 2 and 4 bytes; now and then a longer one than needed, or a lie. */
  const head = (types: readonly [number, number][], length: number): void => {
    const fitting = types.filter(([, size]) => length < 2 ** (8 * size));
    const [type, size] = fitting[random.below(8) === 0 ? random.below(fitting.length) : 0]!;
    out.push(type);
    uint(size, random.below(200) === 0 ? random.u32() : length);
  };
  const text = (string: string): void => {
    const bytes = utf8(string);
    if (bytes.length < 32 && random.below(16) > 0) out.push(0xa0 | bytes.length);
    else head([[0xd9, 1], [0xda, 2], [0xdb, 4]], bytes.length); // prettier-ignore
    for (const byte of bytes) out.push(byte);
  };
  const number = (found: number): void => {
    if (!Number.isInteger(found) || Math.abs(found) >= 2 ** 32 || random.below(50) === 0) {
      out.push(0xcb, ...new Uint8Array(Float64Array.of(found).buffer).toReversed());
    } else if (found >= 0 && found < 128) out.push(found);
    else if (found >= 0) {
      const size = random.below(4) === 0 ? 8 : 4;
      out.push(size === 8 ? 0xcf : 0xce);
      uint(size, found);
    } else {
      out.push(0xd2);
      uint(4, found + 2 ** 32);
    }
  };
  const write = (each: unknown): void => {
    if (random.below(400) === 0) out.push(...[[0xc7, 1, 0x70, 0], [0xd4, 0x72, 0x40], [0xc1], [0xdf, 0xff, 0xff, 0xff, 0xff]][random.below(4)]!); // prettier-ignore
    if (each === null || each === undefined) out.push(0xc0);
    else if (typeof each === 'boolean') out.push(each ? 0xc3 : 0xc2);
    else if (typeof each === 'number') number(each);
    else if (typeof each === 'string') text(each);
    else if (each instanceof Uint8Array) {
      head([[0xc4, 1], [0xc5, 2], [0xc6, 4]], each.length); // prettier-ignore
      for (const byte of each) out.push(byte);
    } else if (Array.isArray(each)) {
      if (each.length < 16) out.push(0x90 | each.length);
      else head([[0xdc, 2], [0xdd, 4]], each.length); // prettier-ignore
      for (const item of each) write(item);
    } else {
      const entries = Object.entries(each as object);
      if (entries.length < 16) out.push(0x80 | entries.length);
      else head([[0xde, 2], [0xdf, 4]], entries.length); // prettier-ignore
      for (const [key, item] of entries) {
        if (random.below(300) === 0) out.push(0x07);
        else text(key);
        write(item);
      }
    }
  };
  write(value);
  return Uint8Array.from(out);
}

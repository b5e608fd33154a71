/** Small helpers on bytes that behave the same in Node and in a browser. */

/** The digit of each half of a byte, and the half of each digit's character code; 255 where it is no digit. */
const digitOf = Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0));
const halfOf = new Uint8Array(128).fill(255);
for (const [half, code] of digitOf.entries())
  halfOf[code] = halfOf[String.fromCharCode(code).toUpperCase().charCodeAt(0)] = half;
/** Bytes that a call takes at once, two arguments each: any engine takes as many. */
const perCall = 2_048;

export function toHex(bytes: Uint8Array): string {
  if (bytes.length > perCall) return toHex(bytes.subarray(0, perCall)) + toHex(bytes.subarray(perCall));
  const codes: number[] = [];
  for (let i = 0; i < bytes.length; i++) codes.push(digitOf[bytes[i]! >> 4]!, digitOf[bytes[i]! & 15]!);
  return String.fromCharCode.apply(null, codes); // made at once, not added up: that would keep a tree of strings in memory
}

/** @throws RangeError when the text is not an even number of hex digits */
export function fromHex(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length >> 1);
  let all = text.length % 2 === 0 ? 0 : 255;
  for (let i = 0; i < bytes.length; i++) {
    const high = halfOf[text.charCodeAt(2 * i)] ?? 255;
    const low = halfOf[text.charCodeAt(2 * i + 1)] ?? 255;
    all |= high | low;
    bytes[i] = (high << 4) | low;
  }
  if (all > 15) throw new RangeError('fromHex: expected pairs of hex digits');
  return bytes;
}

export const toBase64Url = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');

/** @throws RangeError when the text is not base64url (RFC 4648, section 5), with or without padding */
export function fromBase64Url(text: string): Uint8Array<ArrayBuffer> {
  if (!/^[A-Za-z0-9_-]*={0,2}$/.test(text)) throw new RangeError('fromBase64Url: expected A-Z, a-z, 0-9, - and _');
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/').replaceAll('=', ''));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

const encoder = new TextEncoder();
/** UTF-8. */
export const utf8 = (text: string): Uint8Array => encoder.encode(text);

export function concat(...parts: Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/** Compares without stopping at the first difference, so that timing does not tell where it is. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ b[i]!;
  return difference === 0;
}

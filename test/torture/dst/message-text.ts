import { toHex } from '../../../shared/bytes.ts';
import { decodeControl } from '../../../shared/protocol/codec.ts';
import { decodeFrame } from '../../../shared/protocol/frames.ts';

/** The type of a control message, which stands first in it, without decoding the rest. */
export function typeIn(frame: Uint8Array): string {
  if (frame[0] !== 1 || frame.length < 24) return '';
  const start = frame[16] === 0xde ? 25 : 23; // after the map, the key `type`, and the length of the text
  return String.fromCharCode(...frame.subarray(start, start + ((frame[start - 1] ?? 0) & 31)));
}

/** The control message in a frame, or null. */
export function controlIn(frame: Uint8Array): Record<string, unknown> | null {
  try {
    const decoded = decodeFrame(frame, Infinity);
    return decoded.kind === 'control' ? (decodeControl(decoded.payload, 1 << 20) as Record<string, unknown>) : null;
  } catch {
    return null; // a liar's
  }
}

/** One line of a message, for people. */
export function brief(message: object): string {
  const parts = Object.entries(message).map(([name, value]: [string, unknown]) => {
    if (name === 'type') return String(value);
    if (value instanceof Uint8Array) return `${name}=${toHex(value.subarray(0, 4))}…${value.length}`;
    const text = JSON.stringify(value) ?? '';
    return `${name}=${text.slice(0, 60)}`;
  });
  return parts.join(' ');
}

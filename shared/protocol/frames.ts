import { concat } from '../bytes.ts';
import { FederatedError } from '../errors.ts';
import { encodeControl } from './codec.ts';

/**
 * What is inside each sealed WebSocket message: a header of 16 bytes, then the payload. Little-endian.
 *
 * | bytes | control | chunk | part |
 * | --- | --- | --- | --- |
 * | 0 | 1 | 2 | 3 |
 * | 1-3 | 0 | 0 | 0 |
 * | 4-7 | 0 | tag: the first 4 bytes of the upload's name | bytes of the whole message |
 * | 8-15 | 0 | offset in the update, bytes, a multiple of 4 | offset in the message, bytes |
 */
export const frameHeaderBytes = 16;

const controlKind = 1;
const chunkKind = 2;
const partKind = 3;

export type Frame =
  | { readonly kind: 'control'; readonly payload: Uint8Array }
  | { readonly kind: 'chunk'; readonly tag: number; readonly offset: number; readonly payload: Uint8Array }
  /** A part of a control message too long for one frame. */
  | { readonly kind: 'part'; readonly total: number; readonly offset: number; readonly payload: Uint8Array };

/** The first 4 bytes of an upload's name (16 bytes) as a little-endian number. */
export const tagOf = (upload: Uint8Array): number =>
  (upload[0]! | (upload[1]! << 8) | (upload[2]! << 16) | (upload[3]! << 24)) >>> 0;

/** @throws FederatedError BAD_ARGUMENT for a message that msgpack cannot carry */
export function encodeControlFrame(message: object): Uint8Array {
  const payload = encodeControl(message);
  const frame = new Uint8Array(frameHeaderBytes + payload.length);
  frame[0] = controlKind;
  frame.set(payload, frameHeaderBytes);
  return frame;
}

/** Where the frames of a control message are cut. */
export interface ControlSizes {
  /** A longer message goes in parts, bytes. */
  readonly maxControlBytes: number;
  /** Payload of every part but the last, bytes. */
  readonly chunkBytes: number;
}

/**
 * A control message in one frame, or in several where it is long (those of secure aggregation, with many clients).
 * @throws FederatedError BAD_ARGUMENT for a message that msgpack cannot carry
 */
export function encodeControlFrames(message: object, { maxControlBytes, chunkBytes }: ControlSizes): Uint8Array[] {
  const frame = encodeControlFrame(message);
  const total = frame.length - frameHeaderBytes;
  if (total <= maxControlBytes) return [frame];
  const payload = frame.subarray(frameHeaderBytes);
  const frames: Uint8Array[] = [];
  for (let offset = 0; offset < total; offset += chunkBytes) {
    const header = new Uint8Array(frameHeaderBytes);
    const view = new DataView(header.buffer);
    header[0] = partKind;
    view.setUint32(4, total, true);
    view.setUint32(8, offset, true);
    frames.push(concat(header, payload.subarray(offset, offset + chunkBytes)));
  }
  return frames;
}

/** A chunk's header and payload in one; see `encodeChunkHeader`. The payload is copied. */
export const encodeChunkFrame = (upload: Uint8Array, offset: number, payload: Uint8Array): Uint8Array =>
  concat(encodeChunkHeader(upload, offset, payload), payload);

/**
 * The header of a chunk, to be sealed together with its payload.
 * @param upload - the upload's name, 16 bytes
 * @param offset - where the payload stands in the update, bytes, a multiple of 4
 * @param payload - little-endian float32 values; at least one
 * @throws FederatedError BAD_ARGUMENT
 */
export function encodeChunkHeader(upload: Uint8Array, offset: number, payload: Uint8Array): Uint8Array {
  const isPossible =
    upload.length === 16 &&
    Number.isSafeInteger(offset) &&
    offset >= 0 &&
    offset % 4 === 0 &&
    payload.length > 0 &&
    payload.length % 4 === 0;
  if (!isPossible) {
    throw new FederatedError(
      'BAD_ARGUMENT',
      `frame: no chunk of ${payload.length} bytes at offset ${offset} can be sent`,
    );
  }
  const header = new Uint8Array(frameHeaderBytes);
  const view = new DataView(header.buffer);
  header[0] = chunkKind;
  view.setUint32(4, tagOf(upload), true);
  view.setUint32(8, offset % 2 ** 32, true);
  view.setUint32(12, Math.floor(offset / 2 ** 32), true);
  return header;
}

/**
 * Payloads are views of the given bytes.
 * @param maxChunk - largest payload of a chunk, bytes
 * @throws FederatedError BAD_FRAME
 */
export function decodeFrame(bytes: Uint8Array, maxChunk: number): Frame {
  if (bytes.length < frameHeaderBytes) throw bad(`${bytes.length} bytes, at least ${frameHeaderBytes}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, frameHeaderBytes);
  const kind = view.getUint32(0, true); // with the three bytes that must be zero
  const tag = view.getUint32(4, true);
  const high = view.getUint32(12, true);
  const offset = high * 2 ** 32 + view.getUint32(8, true);
  const payload = bytes.subarray(frameHeaderBytes);
  if (kind === controlKind) {
    if (tag !== 0 || offset !== 0) throw bad('a control frame with a tag or an offset');
    if (payload.length === 0) throw bad('a control frame without a message');
    return { kind: 'control', payload };
  }
  if (kind === partKind) {
    if (payload.length === 0 || payload.length > maxChunk || offset + payload.length > tag) {
      throw bad(`a part of ${payload.length} bytes from ${offset}, of a message of ${tag}`);
    }
    return { kind: 'part', total: tag, offset, payload };
  }
  if (kind !== chunkKind) throw bad('an unknown kind, or reserved bytes that are not zero');
  if (high >= 2 ** 21 || offset % 4 !== 0) throw bad('an impossible offset');
  if (payload.length === 0 || payload.length % 4 !== 0 || payload.length > maxChunk) {
    throw bad(`a chunk of ${payload.length} bytes, expected a multiple of 4 up to ${maxChunk}`);
  }
  return { kind: 'chunk', tag, offset, payload };
}

const bad = (what: string): FederatedError => new FederatedError('BAD_FRAME', `frame: ${what}`);

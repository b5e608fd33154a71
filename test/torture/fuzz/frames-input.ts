import { concat } from '../../../shared/bytes.ts';

/** Several frames as one input: each with its length before it, four bytes, little-endian. */
export function joinFrames(frames: readonly Uint8Array[]): Uint8Array {
  return concat(
    ...frames.flatMap((frame) => {
      const length = new Uint8Array(4);
      new DataView(length.buffer).setUint32(0, frame.length, true);
      return [length, frame];
    }),
  );
}

/** The frames of an input, whatever its bytes: a length beyond the end means the rest. */
export function splitFrames(input: Uint8Array, most = 64): Uint8Array[] {
  const frames: Uint8Array[] = [];
  const view = new DataView(input.buffer, input.byteOffset, input.length);
  for (let at = 0; at + 4 <= input.length && frames.length < most;) {
    const length = view.getUint32(at, true);
    const end = Math.min(input.length, at + 4 + length);
    frames.push(input.subarray(at + 4, end));
    at = end;
  }
  return frames;
}

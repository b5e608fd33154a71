/** Nobody listens at the other end of it. */
const nowhere = new MessageChannel().port1;
nowhere.close();

/** Bytes that may stand before those that are given back: a header of theirs. */
const mostBefore = 63;

/**
 * Returns the memory of bytes that nobody needs any more at once, by moving it to nowhere, with what stands before them in the same
 * buffer (up to 63 bytes: their header). Else large buffers that live for a moment run through tens of megabytes until the collector
 * comes round, none of it in the processor's cache. Left alone are bytes with anything behind them, which may be the beginning of
 * something else, and small ones.
 */
export function giveBack({ buffer, byteOffset, length }: Uint8Array): void {
  const isLast = byteOffset + length === buffer.byteLength;
  if (length >= 4096 && byteOffset <= mostBefore && isLast) nowhere.postMessage(null, [buffer as ArrayBuffer]);
}

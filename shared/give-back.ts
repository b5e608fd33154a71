/** Nobody listens at the other end of it. */
const nowhere = new MessageChannel().port1;
nowhere.close();

/**
 * Returns the memory of bytes that nobody needs any more at once, by moving it to nowhere. Else large buffers that live for a
 * moment run through tens of megabytes until the collector comes round, none of it in the processor's cache. Bytes that lie in
 * a larger buffer are left alone, but for one that is less than 64 bytes longer, as with the header before a payload: that goes as a
 * whole. So are small ones.
 */
export function giveBack({ buffer, length }: Uint8Array): void {
  if (length >= 4096 && buffer.byteLength - length < 64) nowhere.postMessage(null, [buffer as ArrayBuffer]);
}

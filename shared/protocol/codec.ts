import { FederatedError } from '../errors.ts';
import { readMsgpack } from './msgpack-reader.ts';
import { writeMsgpack } from './msgpack-writer.ts';

/** Control messages as msgpack maps, in the small part of msgpack that ./msgpack-reader.ts describes. */

/**
 * The bytes of a message, in memory of their own. Fields that are undefined are left out.
 * @throws FederatedError BAD_ARGUMENT for anything but nil, booleans, numbers, strings, arrays, plain objects and Uint8Array
 */
export const encodeControl = (message: object): Uint8Array => writeMsgpack(message);

/**
 * The value in a peer's bytes; nothing of it is checked but its form. Binary fields are plain Uint8Arrays in memory of their own.
 * @param maxBytes - more bytes are refused before anything is read
 * @throws FederatedError TOO_LARGE, BAD_MESSAGE
 */
export function decodeControl(bytes: Uint8Array, maxBytes: number): unknown {
  if (bytes.length > maxBytes) {
    throw new FederatedError('TOO_LARGE', `message: ${bytes.length} bytes, at most ${maxBytes}`);
  }
  return readMsgpack(bytes);
}

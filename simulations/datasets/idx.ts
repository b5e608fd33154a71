import { constants, gunzipSync } from 'node:zlib';
import { badFile, isGzip, unzip } from './file.ts';

/** An array from an IDX file, row-major. */
export interface IdxArray {
  readonly shape: readonly number[];
  readonly data: Uint8Array | Int32Array;
}

/** The two kinds of value that data sets here use: unsigned bytes, and big-endian int32. */
const valueBytes: Readonly<Record<number, number>> = { 0x08: 1, 0x0c: 4 };
const maxBytes = 2 ** 30;

/**
 * Parses an IDX file, plain or gzip'd. Sizes are taken from the header and checked before anything is unpacked.
 * @param name - for messages
 * @throws FederatedError BAD_FILE
 * @see Y. LeCun, C. Cortes, C. Burges, The MNIST database of handwritten digits, section FILE FORMATS
 */
export function parseIdx(bytes: Uint8Array, name: string): IdxArray {
  const zipped = isGzip(bytes);
  const head = zipped ? unzipStart(bytes, name) : bytes;
  const { type, shape, headerBytes } = parseHeader(head, name);
  // In float64 so many factors of 2^32 stay finite: no product can slip below the limit by overflowing.
  const total = shape.reduce((product, side) => product * side, valueBytes[type]!) + headerBytes;
  if (total > maxBytes) throw badFile(name, `an array [${shape.join(', ')}] is larger than ${maxBytes} bytes`);
  const whole = zipped ? unzip(bytes, name, total) : bytes;
  if (whole.length !== total) {
    throw badFile(name, `an array [${shape.join(', ')}] takes ${total} bytes, the file has ${whole.length}`);
  }
  if (type === 0x08) return { shape, data: whole.subarray(headerBytes) };
  const view = new DataView(whole.buffer, whole.byteOffset + headerBytes);
  return { shape, data: Int32Array.from({ length: (total - headerBytes) / 4 }, (_, i) => view.getInt32(4 * i)) };
}

function parseHeader(head: Uint8Array, name: string): { type: number; shape: number[]; headerBytes: number } {
  const [zero, alsoZero, type = 0, rank = 0] = head;
  if (zero !== 0 || alsoZero !== 0 || valueBytes[type] === undefined || rank < 1 || rank > 4) {
    throw badFile(name, 'is not an IDX file of bytes or int32 values with 1 to 4 dimensions');
  }
  const headerBytes = 4 + 4 * rank;
  if (head.length < headerBytes) throw badFile(name, 'ends in the middle of its header');
  const view = new DataView(head.buffer, head.byteOffset);
  return { type, headerBytes, shape: Array.from({ length: rank }, (_, i) => view.getUint32(4 + 4 * i)) };
}

/** The first bytes behind gzip, enough for the header. */
function unzipStart(bytes: Uint8Array, name: string): Uint8Array {
  try {
    return gunzipSync(bytes.subarray(0, 1_024), { finishFlush: constants.Z_SYNC_FLUSH });
  } catch (cause) {
    throw badFile(name, 'is not a gzip file', cause);
  }
}

import { FederatedError } from './errors.ts';

/** One tensor inside the flat vector of a model's weights. `offset` counts elements, not bytes. */
export interface LayoutEntry {
  readonly name: string;
  readonly shape: readonly number[];
  readonly offset: number;
}

/** How a model's weights lie in one Float32Array: tensors one after the other, each row-major, without gaps. */
export type Layout = readonly LayoutEntry[];

export const sizeOf = (shape: readonly number[]): number => shape.reduce((product, side) => product * side, 1);

/** The layout of tensors laid one after the other in the given order. */
export function layoutOf(tensors: readonly { name: string; shape: readonly number[] }[]): Layout {
  let offset = 0;
  return tensors.map(({ name, shape }) => {
    const entry = { name, shape, offset };
    offset += sizeOf(shape);
    return entry;
  });
}

/** d: the number of weights in a layout. */
export const layoutSize = (layout: Layout): number => {
  const last = layout.at(-1);
  return last === undefined ? 0 : last.offset + sizeOf(last.shape);
};

const littleEndian = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

/** The bytes of a float vector, little-endian as on the wire; a view, not a copy. */
export function floatBytes(values: Float32Array): Uint8Array {
  if (!littleEndian) throw new FederatedError('INTERNAL', 'weights: big-endian processors are not supported');
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/**
 * The floats in little-endian bytes: a view where the bytes lie at a multiple of 4, else a copy.
 * @throws FederatedError WRONG_SHAPE when the length is no multiple of 4
 */
export function bytesFloats(bytes: Uint8Array): Float32Array {
  if (!littleEndian) throw new FederatedError('INTERNAL', 'weights: big-endian processors are not supported');
  if (bytes.length % 4 !== 0) {
    throw new FederatedError('WRONG_SHAPE', `weights: ${bytes.length} bytes are no whole number of float32 values`);
  }
  // new Uint8Array(bytes) and not bytes.slice(): on a Node Buffer slice() is a view.
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes);
  return new Float32Array(aligned.buffer as ArrayBuffer, aligned.byteOffset, aligned.length / 4);
}

import { concat, utf8 } from '../../shared/bytes.ts';
import { FederatedError } from '../../shared/errors.ts';
import { floatBytes, layoutSize, sizeOf, type Layout } from '../../shared/weights.ts';

/**
 * A model's weights in the safetensors format: the length of the header (8 bytes, little-endian), the header as JSON filled
 * up with spaces to a multiple of 8, then the tensors one after the other.
 * @param weights - length d
 * @param metadata - free texts about the model
 * @throws FederatedError WRONG_SHAPE
 * @see https://huggingface.co/docs/safetensors, section Format
 */
export function safetensorsBytes(
  layout: Layout,
  weights: Float32Array,
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  if (weights.length !== layoutSize(layout)) {
    throw new FederatedError('WRONG_SHAPE', `weights: expected ${layoutSize(layout)} values, got ${weights.length}`);
  }
  const tensors = layout.map(({ name, shape, offset }) => {
    const data_offsets = [4 * offset, 4 * (offset + sizeOf(shape))];
    return [name, { dtype: 'F32', shape, data_offsets }] as const;
  });
  const json = JSON.stringify({ __metadata__: metadata, ...Object.fromEntries(tensors) });
  const unpadded = utf8(json).length;
  const header = utf8(json + ' '.repeat((8 - (unpadded % 8)) % 8));
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(header.length), true);
  return concat(length, header, floatBytes(weights));
}

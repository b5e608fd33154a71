import { windowOf, type LayerOf } from '../../tasks/layers.ts';
import { windowArguments, type WindowArguments } from '../kernels/windows.ts';
import type { Place, Stage } from './stage.ts';

/** The largest value or the mean of each window; padding belongs to neither. */

type Kind = 'max' | 'average';
type Pool1d = LayerOf<'maxPooling1d' | 'averagePooling1d'>;
type Pool2d = LayerOf<'maxPooling2d' | 'averagePooling2d'>;
type Global = LayerOf<
  'globalMaxPooling1d' | 'globalMaxPooling2d' | 'globalAveragePooling1d' | 'globalAveragePooling2d'
>;

const kindOf = ({ type }: Pool1d | Pool2d | Global): Kind =>
  type.startsWith('max') || type.startsWith('globalMax') ? 'max' : 'average';

interface Pooling {
  readonly size: readonly [height: number, width: number];
  readonly kernel: readonly [height: number, width: number];
  readonly strides: readonly [vertical: number, horizontal: number];
  readonly padding: 'valid' | 'same';
}

export function pool2dStage(layer: Pool2d, place: Place): Stage {
  const [height, width] = place.inputShape as [number, number, number];
  const { poolSize: kernel, strides = kernel, padding } = layer;
  return poolStage(kindOf(layer), { size: [height, width], kernel, strides, padding }, place);
}

/** A sequence is an image of one row. */
export function pool1dStage(layer: Pool1d, place: Place): Stage {
  const [length] = place.inputShape as [number, number];
  const { poolSize, strides = poolSize, padding } = layer;
  return poolStage(kindOf(layer), { size: [1, length], kernel: [1, poolSize], strides: [1, strides], padding }, place);
}

/** One window over everything. */
export function globalPoolStage(layer: Global, place: Place): Stage {
  const { inputShape } = place;
  const size = inputShape.length === 2 ? ([1, inputShape[0]!] as const) : ([inputShape[0]!, inputShape[1]!] as const);
  return poolStage(kindOf(layer), { size, kernel: size, strides: [1, 1], padding: 'valid' }, place);
}

function windowsOf({ size, kernel, strides, padding }: Pooling, channels: number): WindowArguments {
  const vertical = windowOf(size[0], kernel[0], strides[0], padding);
  const horizontal = windowOf(size[1], kernel[1], strides[1], padding);
  return windowArguments({
    batch: 1,
    height: size[0],
    width: size[1],
    channels,
    outHeight: vertical.output,
    outWidth: horizontal.output,
    kernelHeight: kernel[0],
    kernelWidth: kernel[1],
    strideHeight: strides[0],
    strideWidth: strides[1],
    dilationHeight: 1,
    dilationWidth: 1,
    top: vertical.before,
    left: horizontal.before,
  });
}

/** Windows of 2 by 2 that touch, without padding: they have kernels of their own. */
const isHalving = ({ size, kernel, strides, padding }: Pooling): boolean =>
  [...kernel, ...strides].every((side) => side === 2) && (padding === 'valid' || size.every((side) => side % 2 === 0));

function poolStage(kind: Kind, pooling: Pooling, place: Place): Stage {
  const { kernels, arena, capacity, input } = place;
  const [height, width] = pooling.size;
  const channels = place.inputShape.at(-1)!;
  const windows = windowsOf(pooling, channels);
  const [, , , outHeight, outWidth] = windows;
  const image = 4 * height * width * channels;
  const pooled = 4 * outHeight * outWidth * channels;
  const output = arena.reserve((capacity * pooled) / 4);
  if (kind === 'max' && isHalving(pooling)) {
    return {
      output,
      forward({ count }) {
        kernels.maxPoolHalves(output, input, count, height, width, channels);
      },
      backward({ count }, dOutput, dInput) {
        kernels.maxPoolHalvesGradient(dInput!, dOutput, input, count, height, width, channels);
      },
    };
  }
  return {
    output,
    forward({ count }) {
      const pool = kind === 'max' ? kernels.maxPool : kernels.averagePool;
      for (let i = 0; i < count; i++) pool(output + i * pooled, input + i * image, ...windows);
    },
    backward({ count }, dOutput, dInput) {
      for (let i = 0; i < count; i++) {
        const [dx, dy] = [dInput! + i * image, dOutput + i * pooled];
        if (kind === 'max') kernels.maxPoolGradient(dx, dy, input + i * image, ...windows);
        else kernels.averagePoolGradient(dx, dy, ...windows);
      }
    },
  };
}

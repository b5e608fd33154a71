import { eachPair, windowed, type Sliding } from './convolution.ts';
import { zeros, type Tensor } from './tensor.ts';

/** The largest value of each window, channel by channel; padding takes no part. @param x - [batch, height, width, channels] */
export function maxPool(x: Tensor, sliding: Sliding): Tensor {
  const channels = x.shape[3]!;
  const y = windowed(x, sliding, channels);
  y.data.fill(-Infinity);
  eachPair(x, sliding, (from, to) => {
    for (let c = 0; c < channels; c++) {
      y.data[to * channels + c] = Math.max(y.data[to * channels + c]!, x.data[from * channels + c]!);
    }
  });
  return y;
}

/** The mean of each window, channel by channel, over the values that lie in the image. */
export function averagePool(x: Tensor, sliding: Sliding): Tensor {
  const channels = x.shape[3]!;
  const y = windowed(x, sliding, channels);
  const counts = new Float64Array(y.data.length / channels);
  eachPair(x, sliding, (from, to) => {
    counts[to]! += 1;
    for (let c = 0; c < channels; c++) y.data[to * channels + c]! += x.data[from * channels + c]!;
  });
  return { shape: y.shape, data: y.data.map((sum, i) => sum / counts[Math.floor(i / channels)]!) };
}

/** Over all places: [batch, ..., channels] to [batch, channels]. */
export function globalPool(x: Tensor, kind: 'max' | 'average'): Tensor {
  const [batch, channels] = [x.shape[0]!, x.shape.at(-1)!];
  const places = x.data.length / batch / channels;
  const y = zeros([batch, channels]);
  if (kind === 'max') y.data.fill(-Infinity);
  for (const [i, value] of x.data.entries()) {
    const to = Math.floor(i / (places * channels)) * channels + (i % channels);
    y.data[to] = kind === 'max' ? Math.max(y.data[to]!, value) : y.data[to]! + value / places;
  }
  return y;
}

/** Each row and column several times. @param x - [batch, height, width, channels] */
export function upSample(x: Tensor, [down, right]: readonly [number, number]): Tensor {
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  const y = zeros([batch, height * down, width * right, channels]);
  let to = 0;
  for (let n = 0; n < batch; n++) {
    for (let row = 0; row < height * down; row++) {
      for (let column = 0; column < width * right; column++, to += channels) {
        const from = ((n * height + Math.floor(row / down)) * width + Math.floor(column / right)) * channels;
        y.data.set(x.data.subarray(from, from + channels), to);
      }
    }
  }
  return y;
}

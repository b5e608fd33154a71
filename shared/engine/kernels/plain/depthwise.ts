import type { Windows } from '../windows.ts';
import { eachTap } from './windows.ts';

/**
 * Gradients of a depthwise convolution: channel c of the image gives the channels c · multiplier to (c + 1) · multiplier - 1
 * of y, with a filter each. The filter is [kernelHeight, kernelWidth, channels, multiplier].
 */

export function depthwiseFilterGradient(
  w: Windows,
  multiplier: number,
  x: ArrayLike<number>,
  dy: ArrayLike<number>,
): Float64Array {
  const outputs = w.channels * multiplier;
  const gradient = new Float64Array(w.kernelHeight * w.kernelWidth * outputs);
  eachTap(w, (pixel, tap, window) => {
    for (let o = 0; o < outputs; o++) {
      const c = Math.floor(o / multiplier);
      gradient[tap * outputs + o]! += x[pixel * w.channels + c]! * dy[window * outputs + o]!;
    }
  });
  return gradient;
}

export function depthwiseInputGradient(
  w: Windows,
  multiplier: number,
  dy: ArrayLike<number>,
  filter: ArrayLike<number>,
): Float64Array {
  const outputs = w.channels * multiplier;
  const gradient = new Float64Array(w.batch * w.height * w.width * w.channels);
  eachTap(w, (pixel, tap, window) => {
    for (let o = 0; o < outputs; o++) {
      const c = Math.floor(o / multiplier);
      gradient[pixel * w.channels + c]! += filter[tap * outputs + o]! * dy[window * outputs + o]!;
    }
  });
  return gradient;
}

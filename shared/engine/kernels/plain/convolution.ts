import type { Windows } from '../windows.ts';
import { eachTap } from './windows.ts';

/**
 * What a convolution and its gradients are, in so many words and float64: the references of the fast kernels.
 * x [batch, height, width, channels], filter [kernelHeight, kernelWidth, channels, filters],
 * y [batch, outHeight, outWidth, filters]; all row-major.
 */

/** y[window, f] = the sum over the taps and channels of x · filter. */
export function convolution(
  w: Windows,
  filters: number,
  x: ArrayLike<number>,
  filter: ArrayLike<number>,
): Float64Array {
  const y = new Float64Array(w.batch * w.outHeight * w.outWidth * filters);
  eachTap(w, (pixel, tap, window) => {
    for (let c = 0; c < w.channels; c++) {
      for (let f = 0; f < filters; f++) {
        y[window * filters + f]! += x[pixel * w.channels + c]! * filter[(tap * w.channels + c) * filters + f]!;
      }
    }
  });
  return y;
}

/** The gradient of the filter, given that of y. */
export function convolutionFilterGradient(
  w: Windows,
  filters: number,
  x: ArrayLike<number>,
  dy: ArrayLike<number>,
): Float64Array {
  const gradient = new Float64Array(w.kernelHeight * w.kernelWidth * w.channels * filters);
  eachTap(w, (pixel, tap, window) => {
    for (let c = 0; c < w.channels; c++) {
      for (let f = 0; f < filters; f++) {
        gradient[(tap * w.channels + c) * filters + f]! += x[pixel * w.channels + c]! * dy[window * filters + f]!;
      }
    }
  });
  return gradient;
}

/** The gradient of x, given that of y. */
export function convolutionInputGradient(
  w: Windows,
  filters: number,
  dy: ArrayLike<number>,
  filter: ArrayLike<number>,
): Float64Array {
  const gradient = new Float64Array(w.batch * w.height * w.width * w.channels);
  eachTap(w, (pixel, tap, window) => {
    for (let c = 0; c < w.channels; c++) {
      for (let f = 0; f < filters; f++) {
        gradient[pixel * w.channels + c]! += dy[window * filters + f]! * filter[(tap * w.channels + c) * filters + f]!;
      }
    }
  });
  return gradient;
}

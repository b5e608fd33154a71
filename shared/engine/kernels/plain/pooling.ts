import type { Windows } from '../windows.ts';
import { eachTap } from './windows.ts';

/** Gradients of pooling: x [batch, height, width, channels], dy [batch, outHeight, outWidth, channels]. */

/** dy goes to the first maximum of its window, row by row; nowhere when the window has no number above -infinity. */
export function maxPoolGradient(w: Windows, dy: ArrayLike<number>, x: ArrayLike<number>): Float64Array {
  const best = new Float64Array(dy.length).fill(-Infinity);
  const source = new Int32Array(dy.length).fill(-1);
  eachTap(w, (pixel, _tap, window) => {
    for (let c = 0; c < w.channels; c++) {
      const [from, to] = [pixel * w.channels + c, window * w.channels + c];
      if (x[from]! > best[to]!) {
        best[to] = x[from]!;
        source[to] = from;
      }
    }
  });
  const gradient = new Float64Array(w.batch * w.height * w.width * w.channels);
  for (const [to, from] of source.entries()) if (from >= 0) gradient[from]! += dy[to]!;
  return gradient;
}

/** dy in equal shares to the pixels of the window that are in the image, as the average is over these only. */
export function averagePoolGradient(w: Windows, dy: ArrayLike<number>): Float64Array {
  const counts = new Uint32Array(w.batch * w.outHeight * w.outWidth);
  eachTap(w, (_pixel, _tap, window) => void counts[window]!++);
  const gradient = new Float64Array(w.batch * w.height * w.width * w.channels);
  eachTap(w, (pixel, _tap, window) => {
    for (let c = 0; c < w.channels; c++) {
      gradient[pixel * w.channels + c]! += dy[window * w.channels + c]! / counts[window]!;
    }
  });
  return gradient;
}

import type { Windows } from '../windows.ts';

/**
 * Calls with every pixel of every window, windows row by row and within a window row by row.
 * @param visit - pixel: its number in [batch, height, width]; tap: its place in [kernelHeight, kernelWidth]; window: the
 *   window's number in [batch, outHeight, outWidth]
 */
export function eachTap(w: Windows, visit: (pixel: number, tap: number, window: number) => void): void {
  for (let image = 0; image < w.batch; image++) {
    for (let y = 0; y < w.outHeight; y++) {
      for (let x = 0; x < w.outWidth; x++) {
        const window = (image * w.outHeight + y) * w.outWidth + x;
        for (let i = 0; i < w.kernelHeight; i++) {
          const row = y * w.strideHeight - w.top + i * w.dilationHeight;
          if (row < 0 || row >= w.height) continue;
          for (let j = 0; j < w.kernelWidth; j++) {
            const column = x * w.strideWidth - w.left + j * w.dilationWidth;
            if (column < 0 || column >= w.width) continue;
            visit((image * w.height + row) * w.width + column, i * w.kernelWidth + j, window);
          }
        }
      }
    }
  }
}

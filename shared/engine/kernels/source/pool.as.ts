// Gradients of pooling, one image at a time: x and dx [height, width, channels], dy [outHeight, outWidth, channels].

import { loadPart, storePart } from './lanes.as';
import { endInside, firstInside } from './window.as';

/** Adds to so many lanes in memory. */
// @ts-ignore: decorator
@inline
function addPart(at: usize, value: v128, lanes: i32): void {
  storePart(at, f32x4.add(loadPart(at, lanes), value), lanes);
}

/**
 * dx = dy at the first maximum of each window, row by row; zero elsewhere. A window without a number above -infinity passes
 * nothing on.
 */
export function maxPoolGradient(
  dx: usize, dy: usize, image: usize,
  height: i32, width: i32, channels: i32, outHeight: i32, outWidth: i32, kernelHeight: i32, kernelWidth: i32,
  strideHeight: i32, strideWidth: i32, dilationHeight: i32, dilationWidth: i32, top: i32, left: i32,
): void {
  const pixel = <usize>channels << 2;
  memory.fill(dx, 0, <usize>(height * width) * pixel);
  for (let y = 0; y < outHeight; y++) {
    const row0 = y * strideHeight - top;
    const firstRow = firstInside(row0, dilationHeight);
    const endRow = endInside(row0, dilationHeight, kernelHeight, height);
    for (let x = 0; x < outWidth; x++) {
      const column0 = x * strideWidth - left;
      const firstColumn = firstInside(column0, dilationWidth);
      const endColumn = endInside(column0, dilationWidth, kernelWidth, width);
      for (let c = 0; c < channels; c += 4) {
        const lanes = channels - c;
        const offset = <usize>c << 2;
        let best = f32x4.splat(-Infinity);
        let place = i32x4.splat(-1);
        for (let i = firstRow; i < endRow; i++) {
          const row = row0 + i * dilationHeight;
          for (let j = firstColumn; j < endColumn; j++) {
            const column = column0 + j * dilationWidth;
            const value = loadPart(image + <usize>(row * width + column) * pixel + offset, lanes);
            const isAbove = f32x4.gt(value, best);
            best = v128.bitselect(value, best, isAbove);
            place = v128.bitselect(i32x4.splat(row * width + column), place, isAbove);
          }
        }
        const gradient = loadPart(dy + offset, lanes);
        for (let i = firstRow; i < endRow; i++) {
          const row = row0 + i * dilationHeight;
          for (let j = firstColumn; j < endColumn; j++) {
            const column = column0 + j * dilationWidth;
            const isHere = i32x4.eq(place, i32x4.splat(row * width + column));
            addPart(dx + <usize>(row * width + column) * pixel + offset, v128.and(gradient, isHere), lanes);
          }
        }
      }
      dy += pixel;
    }
  }
}

/** dx = dy in equal shares to the pixels of each window that are in the image. */
export function averagePoolGradient(
  dx: usize, dy: usize,
  height: i32, width: i32, channels: i32, outHeight: i32, outWidth: i32, kernelHeight: i32, kernelWidth: i32,
  strideHeight: i32, strideWidth: i32, dilationHeight: i32, dilationWidth: i32, top: i32, left: i32,
): void {
  const pixel = <usize>channels << 2;
  memory.fill(dx, 0, <usize>(height * width) * pixel);
  for (let y = 0; y < outHeight; y++) {
    const row0 = y * strideHeight - top;
    const firstRow = firstInside(row0, dilationHeight);
    const endRow = endInside(row0, dilationHeight, kernelHeight, height);
    for (let x = 0; x < outWidth; x++) {
      const column0 = x * strideWidth - left;
      const firstColumn = firstInside(column0, dilationWidth);
      const endColumn = endInside(column0, dilationWidth, kernelWidth, width);
      const pixels = max(0, endRow - firstRow) * max(0, endColumn - firstColumn);
      const share = f32x4.splat(<f32>1 / <f32>max(1, pixels));
      for (let i = firstRow; i < endRow; i++) {
        const row = row0 + i * dilationHeight;
        for (let j = firstColumn; j < endColumn; j++) {
          const column = column0 + j * dilationWidth;
          const to = dx + <usize>(row * width + column) * pixel;
          for (let c = 0; c < channels; c += 4) {
            const offset = <usize>c << 2;
            addPart(to + offset, f32x4.mul(loadPart(dy + offset, channels - c), share), channels - c);
          }
        }
      }
      dy += pixel;
    }
  }
}

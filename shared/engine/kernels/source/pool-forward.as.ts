// Pooling of one image x [height, width, channels] to y [outHeight, outWidth, channels]; its gradients in general are in
// pool.as.ts. Windows of 2 by 2 pixels that touch but do not overlap, by far the most common, have kernels of their own.
import { loadPart, storePart } from './lanes.as';
import { endInside, firstInside } from './window.as';

/** y = the largest value of each window; padding does not count. NaN is larger than all. */
export function maxPool(
  y: usize,
  image: usize,
  height: i32,
  width: i32,
  channels: i32,
  outHeight: i32,
  outWidth: i32,
  kernelHeight: i32,
  kernelWidth: i32,
  strideHeight: i32,
  strideWidth: i32,
  dilationHeight: i32,
  dilationWidth: i32,
  top: i32,
  left: i32,
): void {
  const pixel = (<usize>channels) << 2;
  for (let row = 0; row < outHeight; row++) {
    const v0 = row * strideHeight - top;
    const firstRow = firstInside(v0, dilationHeight);
    const endRow = endInside(v0, dilationHeight, kernelHeight, height);
    for (let column = 0; column < outWidth; column++) {
      const h0 = column * strideWidth - left;
      const firstColumn = firstInside(h0, dilationWidth);
      const endColumn = endInside(h0, dilationWidth, kernelWidth, width);
      for (let c = 0; c < channels; c += 4) {
        const lanes = channels - c;
        const offset = (<usize>c) << 2;
        let best = f32x4.splat(-Infinity);
        for (let i = firstRow; i < endRow; i++) {
          const v = v0 + i * dilationHeight;
          for (let j = firstColumn; j < endColumn; j++) {
            const h = h0 + j * dilationWidth;
            best = f32x4.max(best, loadPart(image + <usize>(v * width + h) * pixel + offset, lanes));
          }
        }
        storePart(y + offset, best, lanes);
      }
      y += pixel;
    }
  }
}

/** y = the mean of each window's values; padding does not count. */
export function averagePool(
  y: usize,
  image: usize,
  height: i32,
  width: i32,
  channels: i32,
  outHeight: i32,
  outWidth: i32,
  kernelHeight: i32,
  kernelWidth: i32,
  strideHeight: i32,
  strideWidth: i32,
  dilationHeight: i32,
  dilationWidth: i32,
  top: i32,
  left: i32,
): void {
  const pixel = (<usize>channels) << 2;
  for (let row = 0; row < outHeight; row++) {
    const v0 = row * strideHeight - top;
    const firstRow = firstInside(v0, dilationHeight);
    const endRow = endInside(v0, dilationHeight, kernelHeight, height);
    for (let column = 0; column < outWidth; column++) {
      const h0 = column * strideWidth - left;
      const firstColumn = firstInside(h0, dilationWidth);
      const endColumn = endInside(h0, dilationWidth, kernelWidth, width);
      const pixels = max(0, endRow - firstRow) * max(0, endColumn - firstColumn);
      for (let c = 0; c < channels; c += 4) {
        const lanes = channels - c;
        const offset = (<usize>c) << 2;
        let sum = f32x4.splat(0);
        for (let i = firstRow; i < endRow; i++) {
          const v = v0 + i * dilationHeight;
          for (let j = firstColumn; j < endColumn; j++) {
            const h = h0 + j * dilationWidth;
            sum = f32x4.add(sum, loadPart(image + <usize>(v * width + h) * pixel + offset, lanes));
          }
        }
        storePart(y + offset, f32x4.mul(sum, f32x4.splat(<f32>1 / <f32>max(1, pixels))), lanes);
      }
      y += pixel;
    }
  }
}

/** `maxPool` of `count` images over windows of 2 by 2 with stride 2; an odd row or column at the end is left out. */
export function maxPoolHalves(y: usize, images: usize, count: i32, height: i32, width: i32, channels: i32): void {
  const pixel = (<usize>channels) << 2;
  const line = <usize>width * pixel;
  for (; count > 0; count--) {
    for (let row = 0; row + 2 <= height; row += 2) {
      let p = images + <usize>row * line;
      for (let column = 0; column + 2 <= width; column += 2) {
        for (let c = 0; c < channels; c += 4) {
          const lanes = channels - c;
          const at = p + ((<usize>c) << 2);
          const above = f32x4.max(loadPart(at, lanes), loadPart(at + pixel, lanes));
          const below = f32x4.max(loadPart(at + line, lanes), loadPart(at + line + pixel, lanes));
          storePart(y + ((<usize>c) << 2), f32x4.max(above, below), lanes);
        }
        p += pixel << 1;
        y += pixel;
      }
    }
    images += <usize>height * line;
  }
}

/** dx = dy at the first maximum of each such window, row by row; zero elsewhere. */
export function maxPoolHalvesGradient(
  dx: usize,
  dy: usize,
  images: usize,
  count: i32,
  height: i32,
  width: i32,
  channels: i32,
): void {
  const pixel = (<usize>channels) << 2;
  const line = <usize>width * pixel;
  if (((height | width) & 1) != 0) memory.fill(dx, 0, <usize>(count * height) * line);
  for (; count > 0; count--) {
    for (let row = 0; row + 2 <= height; row += 2) {
      let p = images + <usize>row * line;
      let q = dx + <usize>row * line;
      for (let column = 0; column + 2 <= width; column += 2) {
        for (let c = 0; c < channels; c += 4) {
          const lanes = channels - c;
          const offset = (<usize>c) << 2;
          const v0 = loadPart(p + offset, lanes);
          const v1 = loadPart(p + offset + pixel, lanes);
          const v2 = loadPart(p + offset + line, lanes);
          const v3 = loadPart(p + offset + line + pixel, lanes);
          const best = f32x4.max(f32x4.max(v0, v1), f32x4.max(v2, v3));
          const gradient = loadPart(dy + offset, lanes);
          // What is left of the gradient after those places that took it.
          const is0 = f32x4.eq(v0, best);
          storePart(q + offset, v128.and(gradient, is0), lanes);
          let rest = v128.andnot(gradient, is0);
          const is1 = f32x4.eq(v1, best);
          storePart(q + offset + pixel, v128.and(rest, is1), lanes);
          rest = v128.andnot(rest, is1);
          const is2 = f32x4.eq(v2, best);
          storePart(q + offset + line, v128.and(rest, is2), lanes);
          rest = v128.andnot(rest, is2);
          storePart(q + offset + line + pixel, v128.and(rest, f32x4.eq(v3, best)), lanes);
        }
        p += pixel << 1;
        q += pixel << 1;
        dy += pixel;
      }
    }
    images += <usize>height * line;
    dx += <usize>height * line;
  }
}

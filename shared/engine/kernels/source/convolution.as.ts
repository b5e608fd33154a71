// A convolution as products whose left matrix is the padded image itself: its rows are windows that overlap in memory.
// Images are [height, width, channels].
import { product } from './product.as';

/**
 * Puts images into larger ones of zeros: pixel (y, x) goes to (top + y apartY, left + x apartX). More than one pixel apart
 * is what the gradient of a convolution with strides needs.
 */
export function embedImages(
  out: usize,
  outHeight: i32,
  outWidth: i32,
  images: usize,
  count: i32,
  height: i32,
  width: i32,
  channels: i32,
  top: i32,
  left: i32,
  apartY: i32,
  apartX: i32,
): void {
  const pixel = (<usize>channels) << 2;
  const outSize = <usize>(outHeight * outWidth) * pixel;
  memory.fill(out, 0, outSize * count);
  for (; count > 0; count--) {
    for (let y = 0; y < height; y++) {
      let to = out + <usize>((top + y * apartY) * outWidth + left) * pixel;
      if (apartX == 1) {
        memory.copy(to, images, <usize>width * pixel);
        images += <usize>width * pixel;
      } else {
        for (let x = 0; x < width; x++) {
          memory.copy(to, images, pixel);
          to += <usize>apartX * pixel;
          images += pixel;
        }
      }
    }
    out += outSize;
  }
}

/**
 * out [count, outHeight, outWidth, filters] = the windows of padded images times the kernel, packed in panels of 8 filters.
 * @param line - bytes from one row of a padded image to the next
 * @param b - the kernel [kernelHeight kernelWidth channels, filters], packed with bPanel 32 kernelHeight kernelWidth channels
 */
export function convolve(
  out: usize,
  count: i32,
  outHeight: i32,
  outWidth: i32,
  filters: i32,
  images: usize,
  imageBytes: usize,
  line: usize,
  channels: i32,
  strideY: i32,
  strideX: i32,
  kernelHeight: i32,
  kernelWidth: i32,
  b: usize,
): void {
  const length = kernelWidth * channels;
  const row = (<usize>(strideX * channels)) << 2;
  const panel = (<usize>(kernelHeight * length)) << 5;
  const outRow = (<usize>filters) << 2;
  for (; count > 0; count--) {
    let a = images;
    for (let y = 0; y < outHeight; y++) {
      product(out, outRow, outWidth, filters, a, row, row << 2, 4, line, kernelHeight, length, b, 32, panel, 1, 0);
      out += outRow * outWidth;
      a += line * strideY;
    }
    images += imageBytes;
  }
}

/**
 * at [kernelHeight, kernelWidth channels, filters] = alpha times the gradient of the kernel from one image + beta at.
 * @param dy - gradient of the output of this image, packed with bPanel 32 outHeight outWidth
 */
export function convolveGradient(
  at: usize,
  alpha: f32,
  beta: f32,
  dy: usize,
  outHeight: i32,
  outWidth: i32,
  filters: i32,
  image: usize,
  line: usize,
  channels: i32,
  strideY: i32,
  strideX: i32,
  kernelHeight: i32,
  kernelWidth: i32,
): void {
  const rows = kernelWidth * channels;
  const step = (<usize>(strideX * channels)) << 2;
  const panel = (<usize>(outHeight * outWidth)) << 5;
  const atRow = (<usize>filters) << 2;
  for (let i = 0; i < kernelHeight; i++) {
    product(
      at,
      atRow,
      rows,
      filters,
      image,
      4,
      16,
      step,
      line * strideY,
      outHeight,
      outWidth,
      dy,
      32,
      panel,
      alpha,
      beta,
    );
    at += atRow * rows;
    image += line;
  }
}

// Windows of an image as rows of a matrix, and back: what makes a convolution a product of matrices (im2col and col2im).
// An image is [height, width, channels]; a row is [kernelHeight, kernelWidth, channels], one for each of
// outHeight x outWidth places. Where a window leaves the image, its row has zeros.

/** count floats from `from` to `to`, which do not overlap. */
// @ts-ignore: decorator
@inline
function copy(to: usize, from: usize, count: i32): void {
  if (count < 4) {
    for (let i = 0; i < count; i++) store<f32>(to + (<usize>i << 2), load<f32>(from + (<usize>i << 2)));
    return;
  }
  // The last vector may overlap the one before it: both hold the same floats there.
  const last = <usize>(count - 4) << 2;
  for (let i: usize = 0; i < last; i += 16) v128.store(to + i, v128.load(from + i));
  v128.store(to + last, v128.load(from + last));
}

// @ts-ignore: decorator
@inline
function clear(to: usize, count: i32): void {
  if (count < 4) {
    for (let i = 0; i < count; i++) store<f32>(to + (<usize>i << 2), 0);
    return;
  }
  const zero = f32x4.splat(0);
  const last = <usize>(count - 4) << 2;
  for (let i: usize = 0; i < last; i += 16) v128.store(to + i, zero);
  v128.store(to + last, zero);
}

/** to[i] += from[i] */
// @ts-ignore: decorator
@inline
function accumulate(to: usize, from: usize, count: i32): void {
  for (; count >= 4; count -= 4) {
    v128.store(to, f32x4.add(v128.load(to), v128.load(from)));
    to += 16;
    from += 16;
  }
  for (; count > 0; count--) {
    store<f32>(to, load<f32>(to) + load<f32>(from));
    to += 4;
    from += 4;
  }
}

/** columns [outHeight outWidth, kernelHeight kernelWidth channels] = the windows of one image. */
export function imageToColumns(
  columns: usize, image: usize,
  height: i32, width: i32, channels: i32, outHeight: i32, outWidth: i32, kernelHeight: i32, kernelWidth: i32,
  strideHeight: i32, strideWidth: i32, dilationHeight: i32, dilationWidth: i32, top: i32, left: i32,
): void {
  const line = kernelWidth * channels;
  const pixel = <usize>channels << 2;
  for (let y = 0; y < outHeight; y++) {
    for (let x = 0; x < outWidth; x++) {
      const column = x * strideWidth - left;
      const isInside = dilationWidth == 1 && column >= 0 && column + kernelWidth <= width;
      for (let i = 0; i < kernelHeight; i++) {
        const row = y * strideHeight - top + i * dilationHeight;
        if (row < 0 || row >= height) {
          clear(columns, line);
        } else if (isInside) {
          copy(columns, image + <usize>(row * width + column) * pixel, line);
        } else {
          let to = columns;
          for (let j = 0; j < kernelWidth; j++) {
            const at = column + j * dilationWidth;
            if (at < 0 || at >= width) clear(to, channels);
            else copy(to, image + <usize>(row * width + at) * pixel, channels);
            to += pixel;
          }
        }
        columns += <usize>line << 2;
      }
    }
  }
}

/** image += for each pixel the sum over the places in `columns` that it has: the transpose of imageToColumns. */
export function addColumnsToImage(
  image: usize, columns: usize,
  height: i32, width: i32, channels: i32, outHeight: i32, outWidth: i32, kernelHeight: i32, kernelWidth: i32,
  strideHeight: i32, strideWidth: i32, dilationHeight: i32, dilationWidth: i32, top: i32, left: i32,
): void {
  const line = kernelWidth * channels;
  const pixel = <usize>channels << 2;
  for (let y = 0; y < outHeight; y++) {
    for (let x = 0; x < outWidth; x++) {
      const column = x * strideWidth - left;
      const isInside = dilationWidth == 1 && column >= 0 && column + kernelWidth <= width;
      for (let i = 0; i < kernelHeight; i++) {
        const row = y * strideHeight - top + i * dilationHeight;
        if (row >= 0 && row < height) {
          if (isInside) {
            accumulate(image + <usize>(row * width + column) * pixel, columns, line);
          } else {
            for (let j = 0; j < kernelWidth; j++) {
              const at = column + j * dilationWidth;
              if (at < 0 || at >= width) continue;
              accumulate(image + <usize>(row * width + at) * pixel, columns + <usize>j * pixel, channels);
            }
          }
        }
        columns += <usize>line << 2;
      }
    }
  }
}

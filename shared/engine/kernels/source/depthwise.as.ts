// Gradients of a depthwise convolution, one image at a time: x [height, width, channels], filter
// [kernelHeight, kernelWidth, channels, multiplier], y [outHeight, outWidth, channels multiplier].

/** w[c] += x[c] dy[c], where every channel of x has one of y. */
// @ts-ignore: decorator
@inline
function addProducts(w: usize, x: usize, dy: usize, channels: i32): void {
  for (; channels >= 4; channels -= 4) {
    v128.store(w, f32x4.add(v128.load(w), f32x4.mul(v128.load(x), v128.load(dy))));
    w += 16;
    x += 16;
    dy += 16;
  }
  for (; channels > 0; channels--) {
    store<f32>(w, load<f32>(w) + load<f32>(x) * load<f32>(dy));
    w += 4;
    x += 4;
    dy += 4;
  }
}

/** filter += what one image adds to the gradient of the filter. */
export function addDepthwiseFilterGradient(
  filter: usize, image: usize, dy: usize, multiplier: i32,
  height: i32, width: i32, channels: i32, outHeight: i32, outWidth: i32, kernelHeight: i32, kernelWidth: i32,
  strideHeight: i32, strideWidth: i32, dilationHeight: i32, dilationWidth: i32, top: i32, left: i32,
): void {
  const pixel = <usize>channels << 2;
  const step = pixel * multiplier;
  for (let y = 0; y < outHeight; y++) {
    for (let x = 0; x < outWidth; x++) {
      for (let i = 0; i < kernelHeight; i++) {
        const row = y * strideHeight - top + i * dilationHeight;
        if (row < 0 || row >= height) continue;
        for (let j = 0; j < kernelWidth; j++) {
          const column = x * strideWidth - left + j * dilationWidth;
          if (column < 0 || column >= width) continue;
          let w = filter + <usize>(i * kernelWidth + j) * step;
          const p = image + <usize>(row * width + column) * pixel;
          if (multiplier == 1) {
            addProducts(w, p, dy, channels);
            continue;
          }
          let q = dy;
          for (let c = 0; c < channels; c++) {
            const value = load<f32>(p + (<usize>c << 2));
            for (let m = 0; m < multiplier; m++) {
              store<f32>(w, load<f32>(w) + value * load<f32>(q));
              w += 4;
              q += 4;
            }
          }
        }
      }
      dy += step;
    }
  }
}

/** image = the gradient of the image. */
export function depthwiseInputGradient(
  image: usize, filter: usize, dy: usize, multiplier: i32,
  height: i32, width: i32, channels: i32, outHeight: i32, outWidth: i32, kernelHeight: i32, kernelWidth: i32,
  strideHeight: i32, strideWidth: i32, dilationHeight: i32, dilationWidth: i32, top: i32, left: i32,
): void {
  const pixel = <usize>channels << 2;
  const step = pixel * multiplier;
  memory.fill(image, 0, <usize>(height * width) * pixel);
  for (let y = 0; y < outHeight; y++) {
    for (let x = 0; x < outWidth; x++) {
      for (let i = 0; i < kernelHeight; i++) {
        const row = y * strideHeight - top + i * dilationHeight;
        if (row < 0 || row >= height) continue;
        for (let j = 0; j < kernelWidth; j++) {
          const column = x * strideWidth - left + j * dilationWidth;
          if (column < 0 || column >= width) continue;
          let w = filter + <usize>(i * kernelWidth + j) * step;
          const p = image + <usize>(row * width + column) * pixel;
          if (multiplier == 1) {
            addProducts(p, w, dy, channels);
            continue;
          }
          let q = dy;
          for (let c = 0; c < channels; c++) {
            let sum: f32 = 0;
            for (let m = 0; m < multiplier; m++) {
              sum += load<f32>(w) * load<f32>(q);
              w += 4;
              q += 4;
            }
            const at = p + (<usize>c << 2);
            store<f32>(at, load<f32>(at) + sum);
          }
        }
      }
      dy += step;
    }
  }
}

// A depthwise convolution of one image [height, width, channels] with filter [kernelHeight, kernelWidth, channels, multiplier]
// to y [outHeight, outWidth, channels multiplier]; its gradients are in depthwise.as.ts.
import { loadPart, storePart } from './lanes.as';
import { endInside, firstInside } from './window.as';

/**
 * One pixel of y, from the `rows` by `columns` taps of its window that are in the image: p the pixel of the first of these,
 * w its weights. Eight channels at a time, one output each: two sums, since each addition waits for the one before.
 */
// @ts-ignore: decorator
@inline
function onePixel(
  y: usize, p: usize, line: usize, apart: usize, w: usize, wLine: usize, wApart: usize, rows: i32, columns: i32,
  channels: i32,
): void {
  let c = 0;
  for (; c + 8 <= channels; c += 8) {
    const offset = <usize>c << 2;
    let low = f32x4.splat(0);
    let high = low;
    let from = p + offset;
    let tap = w + offset;
    for (let i = rows; i > 0; i--) {
      let x = from;
      let weight = tap;
      for (let j = columns; j > 0; j--) {
        low = f32x4.add(low, f32x4.mul(v128.load(x), v128.load(weight)));
        high = f32x4.add(high, f32x4.mul(v128.load(x, 16), v128.load(weight, 16)));
        x += apart;
        weight += wApart;
      }
      from += line;
      tap += wLine;
    }
    v128.store(y + offset, low);
    v128.store(y + offset, high, 16);
  }
  for (; c < channels; c += 4) {
    const lanes = channels - c;
    const offset = <usize>c << 2;
    let sum = f32x4.splat(0);
    let from = p + offset;
    let tap = w + offset;
    for (let i = rows; i > 0; i--) {
      let x = from;
      let weight = tap;
      for (let j = columns; j > 0; j--) {
        sum = f32x4.add(sum, f32x4.mul(loadPart(x, lanes), loadPart(weight, lanes)));
        x += apart;
        weight += wApart;
      }
      from += line;
      tap += wLine;
    }
    storePart(y + offset, sum, lanes);
  }
}

/** The same with `multiplier` outputs of each channel. */
// @ts-ignore: decorator
@inline
function onePixelOfMany(
  y: usize, p: usize, line: usize, apart: usize, w: usize, wLine: usize, wApart: usize, rows: i32, columns: i32,
  channels: i32, multiplier: i32,
): void {
  for (let c = 0; c < channels; c++) {
    for (let m = 0; m < multiplier; m++) {
      let sum: f32 = 0;
      for (let i = 0; i < rows; i++) {
        let x = p + <usize>i * line;
        let weight = w + <usize>i * wLine;
        for (let j = columns; j > 0; j--) {
          sum += load<f32>(x) * load<f32>(weight);
          x += apart;
          weight += wApart;
        }
      }
      store<f32>(y, sum);
      y += 4;
      w += 4;
    }
    p += 4;
  }
}

export function depthwise(
  y: usize, image: usize, filter: usize, multiplier: i32,
  height: i32, width: i32, channels: i32, outHeight: i32, outWidth: i32, kernelHeight: i32, kernelWidth: i32,
  strideHeight: i32, strideWidth: i32, dilationHeight: i32, dilationWidth: i32, top: i32, left: i32,
): void {
  const pixel = <usize>channels << 2;
  const wApart = pixel * multiplier;
  const wLine = wApart * kernelWidth;
  const line = pixel * width * dilationHeight;
  const apart = pixel * dilationWidth;
  for (let row = 0; row < outHeight; row++) {
    const v = row * strideHeight - top;
    const i = firstInside(v, dilationHeight);
    const rows = endInside(v, dilationHeight, kernelHeight, height) - i;
    for (let column = 0; column < outWidth; column++) {
      const h = column * strideWidth - left;
      const j = firstInside(h, dilationWidth);
      const columns = endInside(h, dilationWidth, kernelWidth, width) - j;
      const p = image + <usize>((v + i * dilationHeight) * width + h + j * dilationWidth) * pixel;
      const w = filter + <usize>i * wLine + <usize>j * wApart;
      if (multiplier == 1) onePixel(y, p, line, apart, w, wLine, wApart, rows, columns, channels);
      else onePixelOfMany(y, p, line, apart, w, wLine, wApart, rows, columns, channels, multiplier);
      y += wApart;
    }
  }
}

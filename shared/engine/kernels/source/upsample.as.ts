// Images made larger by repeating their pixels, and the gradient of that. An image is [height, width, channels].
import { loadPart, storePart } from './lanes.as';

/** out [rows sizeY, width sizeX, channels]: each pixel of x [rows, width, channels] sizeX times across and sizeY times down. */
export function repeatPixels(out: usize, x: usize, rows: i32, width: i32, channels: i32, sizeY: i32, sizeX: i32): void {
  const pixel = <usize>channels << 2;
  const line = <usize>(width * sizeX) * pixel;
  for (; rows > 0; rows--) {
    let to = out;
    for (let column = 0; column < width; column++) {
      for (let i = 0; i < sizeX; i++) {
        memory.copy(to, x, pixel);
        to += pixel;
      }
      x += pixel;
    }
    for (let i = 1; i < sizeY; i++) {
      memory.copy(to, out, line);
      to += line;
    }
    out = to;
  }
}

/** dx [rows, width, channels] = the sums of the gradients dy of a pixel's repetitions. */
export function sumPixels(dx: usize, dy: usize, rows: i32, width: i32, channels: i32, sizeY: i32, sizeX: i32): void {
  const pixel = <usize>channels << 2;
  const line = <usize>(width * sizeX) * pixel;
  for (; rows > 0; rows--) {
    for (let column = 0; column < width; column++) {
      const from = dy + <usize>(column * sizeX) * pixel;
      for (let c = 0; c < channels; c += 4) {
        const at = <usize>c << 2;
        const left = channels - c;
        let sum = f32x4.splat(0);
        for (let i = 0; i < sizeY; i++) {
          for (let j = 0; j < sizeX; j++) sum = f32x4.add(sum, loadPart(from + <usize>i * line + <usize>j * pixel + at, left));
        }
        storePart(dx + at, sum, left);
      }
      dx += pixel;
    }
    dy += line * sizeY;
  }
}

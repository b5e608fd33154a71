/** Side of a digit as MNIST has it, in pixels; the ink itself fits into the box. */
export const side = 28;
const box = 20;

/** Ink by pixel, row-major: 0 (paper) to 1. */
export interface Ink {
  readonly width: number;
  readonly height: number;
  readonly values: Float32Array;
}

/**
 * A drawing as MNIST prepares its digits (Y. LeCun, C. Cortes, C. Burges, The MNIST Database): the ink is scaled into a box of
 * 20 x 20 with its shape kept, by averaging over areas, and its centre of mass is put in the middle of 28 x 28.
 * @returns 784 values from 0 to 1, or null when there is no ink
 */
export function toDigit(ink: Ink): Float32Array | null {
  const bounds = boundsOf(ink);
  if (bounds === null) return null;
  const scale = box / Math.max(bounds.width, bounds.height);
  const width = Math.max(1, Math.round(bounds.width * scale));
  const height = Math.max(1, Math.round(bounds.height * scale));
  const small = shrink(ink, bounds, width, height);
  const [x, y] = centreOf(small);
  const left = clamp(Math.round(side / 2 - x), side - width);
  const top = clamp(Math.round(side / 2 - y), side - height);
  const digit = new Float32Array(side * side);
  for (let row = 0; row < height; row++) {
    digit.set(small.values.subarray(row * width, (row + 1) * width), (top + row) * side + left);
  }
  return digit;
}

interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** Fainter is paper. */
const faint = 0.05;

function boundsOf({ width, height, values }: Ink): Box | null {
  let [left, top, right, bottom] = [width, height, -1, -1];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (values[y * width + x]! < faint) continue;
      left = Math.min(left, x);
      right = Math.max(right, x);
      top = Math.min(top, y);
      bottom = y;
    }
  }
  return right < 0 ? null : { left, top, width: right - left + 1, height: bottom - top + 1 };
}

/** Each pixel is the mean of the area that it stands for. */
function shrink(ink: Ink, bounds: Box, width: number, height: number): Ink {
  const values = new Float32Array(width * height);
  const [stepX, stepY] = [bounds.width / width, bounds.height / height];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      values[y * width + x] = meanOf(ink, bounds.left + x * stepX, bounds.top + y * stepY, stepX, stepY);
    }
  }
  return { width, height, values };
}

function meanOf({ width, height, values }: Ink, left: number, top: number, across: number, down: number): number {
  let sum = 0;
  for (let y = Math.floor(top); y < Math.min(height, top + down); y++) {
    const ofRow = Math.min(y + 1, top + down) - Math.max(y, top);
    for (let x = Math.floor(left); x < Math.min(width, left + across); x++) {
      const ofColumn = Math.min(x + 1, left + across) - Math.max(x, left);
      sum += values[y * width + x]! * ofRow * ofColumn;
    }
  }
  return Math.min(1, sum / (across * down));
}

function centreOf({ width, height, values }: Ink): readonly [x: number, y: number] {
  let [mass, x, y] = [0, 0, 0];
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const value = values[row * width + column]!;
      mass += value;
      x += value * (column + 0.5);
      y += value * (row + 0.5);
    }
  }
  return [x / mass, y / mass];
}

const clamp = (value: number, most: number): number => Math.min(most, Math.max(0, value));

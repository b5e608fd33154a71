// Normalisation: of the columns of x [rows, n] by statistics over the rows (a batch normalization), and of its rows by
// statistics over the columns (a layer normalization). A variance is the mean of squared distances. Statistics are summed in
// double precision, squares only after the mean is taken off: thousands of rows far from zero cost no digits.
import { loadPart, storePart } from './lanes.as';

// @ts-ignore: decorator
@inline
function lowDoubles(v: v128): v128 {
  return f64x2.promote_low_f32x4(v);
}

// @ts-ignore: decorator
@inline
function highDoubles(v: v128): v128 {
  return f64x2.promote_low_f32x4(v128.shuffle<u32>(v, v, 2, 3, 2, 3));
}

/** Four floats from two and two doubles, times `scale`. */
// @ts-ignore: decorator
@inline
function toFloats(low: v128, high: v128, scale: f64): v128 {
  const factor = f64x2.splat(scale);
  const a = f32x4.demote_f64x2_zero(f64x2.mul(low, factor));
  const b = f32x4.demote_f64x2_zero(f64x2.mul(high, factor));
  return v128.shuffle<u64>(a, b, 0, 2);
}

// @ts-ignore: decorator
@inline
function sumOfDoubles(v: v128): f64 {
  return f64x2.extract_lane(v, 0) + f64x2.extract_lane(v, 1);
}

/** mean [n], variance [n] = those of the columns of x [rows, n]. */
export function columnMoments(mean: usize, variance: usize, x: usize, rows: i32, n: i32): void {
  const row = <usize>n << 2;
  const share = <f64>1 / <f64>rows;
  for (let j = 0; j < n; j += 4) {
    const lanes = n - j;
    const offset = <usize>j << 2;
    let low = f64x2.splat(0);
    let high = low;
    let p = x + offset;
    for (let i = 0; i < rows; i++) {
      const v = loadPart(p, lanes);
      low = f64x2.add(low, lowDoubles(v));
      high = f64x2.add(high, highDoubles(v));
      p += row;
    }
    const center = toFloats(low, high, share);
    low = f64x2.splat(0);
    high = low;
    p = x + offset;
    for (let i = 0; i < rows; i++) {
      const distance = f32x4.sub(loadPart(p, lanes), center);
      const square = f32x4.mul(distance, distance);
      low = f64x2.add(low, lowDoubles(square));
      high = f64x2.add(high, highDoubles(square));
      p += row;
    }
    storePart(mean + offset, center, lanes);
    storePart(variance + offset, toFloats(low, high, share), lanes);
  }
}

/** scale [n] = 1 / sqrt(variance + epsilon) */
export function inverseDeviations(scale: usize, variance: usize, n: i32, epsilon: f32): void {
  for (; n > 0; n -= 4) {
    const deviation = f32x4.sqrt(f32x4.add(loadPart(variance, n), f32x4.splat(epsilon)));
    storePart(scale, f32x4.div(f32x4.splat(1), deviation), n);
    scale += 16;
    variance += 16;
  }
}

/** y [rows, n] = gamma (x - mean) scale + beta, column by column. */
export function normaliseColumns(
  y: usize, x: usize, mean: usize, scale: usize, gamma: usize, beta: usize, rows: i32, n: i32,
): void {
  const row = <usize>n << 2;
  for (; rows > 0; rows--) {
    for (let j = 0; j < n; j += 4) {
      const lanes = n - j;
      const offset = <usize>j << 2;
      const slope = f32x4.mul(loadPart(gamma + offset, lanes), loadPart(scale + offset, lanes));
      const distance = f32x4.sub(loadPart(x + offset, lanes), loadPart(mean + offset, lanes));
      storePart(y + offset, f32x4.add(f32x4.mul(slope, distance), loadPart(beta + offset, lanes)), lanes);
    }
    x += row;
    y += row;
  }
}

/** dBeta [n] = the sums of the columns of dy, dGamma [n] = those of dy (x - mean) scale. */
export function normalisedColumnsGradient(
  dGamma: usize, dBeta: usize, dy: usize, x: usize, mean: usize, scale: usize, rows: i32, n: i32,
): void {
  const row = <usize>n << 2;
  for (let j = 0; j < n; j += 4) {
    const lanes = n - j;
    const offset = <usize>j << 2;
    const center = loadPart(mean + offset, lanes);
    let low = f64x2.splat(0), high = low, lowProducts = low, highProducts = low;
    let p = x + offset;
    let q = dy + offset;
    for (let i = 0; i < rows; i++) {
      const gradient = loadPart(q, lanes);
      const product = f32x4.mul(gradient, f32x4.sub(loadPart(p, lanes), center));
      low = f64x2.add(low, lowDoubles(gradient));
      high = f64x2.add(high, highDoubles(gradient));
      lowProducts = f64x2.add(lowProducts, lowDoubles(product));
      highProducts = f64x2.add(highProducts, highDoubles(product));
      p += row;
      q += row;
    }
    storePart(dBeta + offset, toFloats(low, high, 1), lanes);
    const products = toFloats(lowProducts, highProducts, 1);
    storePart(dGamma + offset, f32x4.mul(products, loadPart(scale + offset, lanes)), lanes);
  }
}

/**
 * The gradient of x, in place of dy, where mean and variance are those of x itself:
 * dx = gamma scale (dy - (dBeta + (x - mean) scale dGamma) / rows).
 * @see Ioffe and Szegedy 2015, section 3
 */
export function normaliseColumnsBack(
  dy: usize, x: usize, mean: usize, scale: usize, gamma: usize, dGamma: usize, dBeta: usize, rows: i32, n: i32,
): void {
  const row = <usize>n << 2;
  const share = f32x4.splat(<f32>1 / <f32>rows);
  for (; rows > 0; rows--) {
    for (let j = 0; j < n; j += 4) {
      const lanes = n - j;
      const offset = <usize>j << 2;
      const inverse = loadPart(scale + offset, lanes);
      const normal = f32x4.mul(f32x4.sub(loadPart(x + offset, lanes), loadPart(mean + offset, lanes)), inverse);
      const shared = f32x4.add(loadPart(dBeta + offset, lanes), f32x4.mul(normal, loadPart(dGamma + offset, lanes)));
      const own = f32x4.sub(loadPart(dy + offset, lanes), f32x4.mul(share, shared));
      storePart(dy + offset, f32x4.mul(f32x4.mul(loadPart(gamma + offset, lanes), inverse), own), lanes);
    }
    dy += row;
    x += row;
  }
}

/** moving [n] = momentum moving + (1 - momentum) value */
export function moveTowards(moving: usize, value: usize, n: i32, momentum: f32, rest: f32): void {
  for (; n > 0; n -= 4) {
    const kept = f32x4.mul(f32x4.splat(momentum), loadPart(moving, n));
    storePart(moving, f32x4.add(kept, f32x4.mul(f32x4.splat(rest), loadPart(value, n))), n);
    moving += 16;
    value += 16;
  }
}

/**
 * y [rows, n] = gamma (x - mean) scale + beta, where the mean and the scale 1 / sqrt(variance + epsilon) are those of each
 * row, and are kept in mean [rows] and scale [rows].
 */
export function normaliseRows(
  y: usize, x: usize, mean: usize, scale: usize, gamma: usize, beta: usize, rows: i32, n: i32, epsilon: f32,
): void {
  const row = <usize>n << 2;
  const share = <f64>1 / <f64>n;
  for (; rows > 0; rows--) {
    let sum = f64x2.splat(0);
    for (let j = 0; j < n; j += 4) {
      const v = loadPart(x + (<usize>j << 2), n - j);
      sum = f64x2.add(sum, f64x2.add(lowDoubles(v), highDoubles(v)));
    }
    const center = <f32>(sumOfDoubles(sum) * share);
    const middle = f32x4.splat(center);
    let squares: f64 = 0;
    for (let j = 0; j < n; j += 4) {
      const distance = f32x4.sub(loadPart(x + (<usize>j << 2), n - j), middle);
      const square = f32x4.mul(distance, distance);
      if (n - j >= 4) squares += sumOfDoubles(f64x2.add(lowDoubles(square), highDoubles(square)));
      else squares += sumOfPart(square, n - j);
    }
    const inverse = <f32>(<f64>1 / sqrt<f64>(squares * share + <f64>epsilon));
    const factor = f32x4.splat(inverse);
    for (let j = 0; j < n; j += 4) {
      const lanes = n - j;
      const offset = <usize>j << 2;
      const normal = f32x4.mul(f32x4.sub(loadPart(x + offset, lanes), middle), factor);
      const value = f32x4.add(f32x4.mul(normal, loadPart(gamma + offset, lanes)), loadPart(beta + offset, lanes));
      storePart(y + offset, value, lanes);
    }
    store<f32>(mean, center);
    store<f32>(scale, inverse);
    mean += 4;
    scale += 4;
    x += row;
    y += row;
  }
}

/** The first `lanes` of a vector, 1 to 3. */
// @ts-ignore: decorator
@inline
function sumOfPart(v: v128, lanes: i32): f64 {
  let sum = <f64>f32x4.extract_lane(v, 0);
  if (lanes > 1) sum += <f64>f32x4.extract_lane(v, 1);
  if (lanes > 2) sum += <f64>f32x4.extract_lane(v, 2);
  return sum;
}

/** dGamma [n] = the sums over the rows of dy (x - mean) scale, with each row's mean and scale. */
export function normalisedRowsGradient(
  dGamma: usize, dy: usize, x: usize, mean: usize, scale: usize, rows: i32, n: i32,
): void {
  const row = <usize>n << 2;
  for (let j = 0; j < n; j += 4) {
    const lanes = n - j;
    const offset = <usize>j << 2;
    let low = f64x2.splat(0), high = low;
    let p = x + offset;
    let q = dy + offset;
    for (let i: usize = 0; i < <usize>rows << 2; i += 4) {
      const distance = f32x4.sub(loadPart(p, lanes), v128.load32_splat(mean + i));
      const product = f32x4.mul(loadPart(q, lanes), f32x4.mul(distance, v128.load32_splat(scale + i)));
      low = f64x2.add(low, lowDoubles(product));
      high = f64x2.add(high, highDoubles(product));
      p += row;
      q += row;
    }
    storePart(dGamma + offset, toFloats(low, high, 1), lanes);
  }
}

/**
 * The gradient of x, in place of dy: with g = gamma dy and the normal value v = (x - mean) scale of each place,
 * dx = scale (g - mean of g - v mean of (g v)), the means over the row.
 */
export function normaliseRowsBack(
  dy: usize, x: usize, mean: usize, scale: usize, gamma: usize, rows: i32, n: i32,
): void {
  const row = <usize>n << 2;
  const share = <f64>1 / <f64>n;
  for (; rows > 0; rows--) {
    const middle = v128.load32_splat(mean);
    const factor = v128.load32_splat(scale);
    let sum = f64x2.splat(0);
    let products = sum;
    for (let j = 0; j < n; j += 4) {
      const lanes = n - j;
      const offset = <usize>j << 2;
      // Behind the end gamma and dy are read as zeros.
      const g = f32x4.mul(loadPart(gamma + offset, lanes), loadPart(dy + offset, lanes));
      const product = f32x4.mul(g, f32x4.mul(f32x4.sub(loadPart(x + offset, lanes), middle), factor));
      sum = f64x2.add(sum, f64x2.add(lowDoubles(g), highDoubles(g)));
      products = f64x2.add(products, f64x2.add(lowDoubles(product), highDoubles(product)));
    }
    const meanGradient = f32x4.splat(<f32>(sumOfDoubles(sum) * share));
    const meanProduct = f32x4.splat(<f32>(sumOfDoubles(products) * share));
    for (let j = 0; j < n; j += 4) {
      const lanes = n - j;
      const offset = <usize>j << 2;
      const g = f32x4.mul(loadPart(gamma + offset, lanes), loadPart(dy + offset, lanes));
      const normal = f32x4.mul(f32x4.sub(loadPart(x + offset, lanes), middle), factor);
      const own = f32x4.sub(f32x4.sub(g, meanGradient), f32x4.mul(normal, meanProduct));
      storePart(dy + offset, f32x4.mul(factor, own), lanes);
    }
    mean += 4;
    scale += 4;
    dy += row;
    x += row;
  }
}

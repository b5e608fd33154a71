// Losses: each returns the sum of its terms over all outputs (in double precision) and turns the outputs into the gradient
// of scale times that sum. The cross entropies take logits. `scale` 0 leaves the outputs as they are.
import { exp4, log } from './math.as';

// @ts-ignore: decorator
@inline
function exp1(x: f32): f32 {
  return f32x4.extract_lane(exp4(f32x4.splat(x)), 0);
}

/** log of the sum of e^z over a row, as its largest element and the logarithm of the rest. */
function logSum(z: usize, n: i32, top: f32): f64 {
  let sum: f64 = 0;
  let p = z;
  let left = n;
  const shift = f32x4.splat(top);
  for (; left >= 4; left -= 4) {
    const e = exp4(f32x4.sub(v128.load(p), shift));
    sum += <f64>(f32x4.extract_lane(e, 0) + f32x4.extract_lane(e, 1) + (f32x4.extract_lane(e, 2) + f32x4.extract_lane(e, 3)));
    p += 16;
  }
  for (; left > 0; left--) {
    sum += <f64>exp1(load<f32>(p) - top);
    p += 4;
  }
  return log(sum);
}

// @ts-ignore: decorator
@inline
function largest(z: usize, n: i32): f32 {
  let top: f32 = -Infinity;
  for (let j = 0; j < n; j++) top = max(top, load<f32>(z + (<usize>j << 2)));
  return top;
}

/** -log softmax(z)[label] for each row of z [rows, n]; gradient softmax(z) - onehot(label). Labels are int32. */
export function sparseCrossEntropy(z: usize, labels: usize, rows: i32, n: i32, scale: f32): f64 {
  let loss: f64 = 0;
  for (; rows > 0; rows--) {
    const label = <usize>load<i32>(labels);
    const top = largest(z, n);
    const spread = logSum(z, n, top); // in double precision, not added to a large `top`
    loss += spread - <f64>(load<f32>(z + (label << 2)) - top);
    if (scale != 0) {
      const shift = top + <f32>spread;
      for (let j: usize = 0; j < <usize>n; j++) {
        const at = z + (j << 2);
        const p = exp1(load<f32>(at) - shift);
        store<f32>(at, scale * (j == label ? p - 1 : p));
      }
    }
    z += <usize>n << 2;
    labels += 4;
  }
  return loss;
}

/** -sum t log softmax(z) for each row; gradient softmax(z) sum(t) - t. */
export function crossEntropy(z: usize, targets: usize, rows: i32, n: i32, scale: f32): f64 {
  let loss: f64 = 0;
  for (; rows > 0; rows--) {
    const top = largest(z, n);
    const spread = logSum(z, n, top);
    const shift = top + <f32>spread;
    let total: f32 = 0;
    for (let j = 0; j < n; j++) {
      const t = load<f32>(targets + (<usize>j << 2));
      total += t;
      loss += <f64>t * (spread - <f64>(load<f32>(z + (<usize>j << 2)) - top));
    }
    if (scale != 0) {
      for (let j = 0; j < n; j++) {
        const at = z + (<usize>j << 2);
        store<f32>(at, scale * (exp1(load<f32>(at) - shift) * total - load<f32>(targets + (<usize>j << 2))));
      }
    }
    z += <usize>n << 2;
    targets += <usize>n << 2;
  }
  return loss;
}

/** max(z, 0) - z t + log(1 + e^-|z|) for each of `count` logits; gradient sigmoid(z) - t. */
export function binaryCrossEntropy(z: usize, targets: usize, count: i32, scale: f32): f64 {
  let loss: f64 = 0;
  for (; count > 0; count--) {
    const x = load<f32>(z);
    const t = load<f32>(targets);
    const e = exp1(-abs(x));
    loss += <f64>max(x, <f32>0) - <f64>x * <f64>t + log(1 + <f64>e);
    if (scale != 0) store<f32>(z, scale * ((x >= 0 ? 1 : e) / (1 + e) - t));
    z += 4;
    targets += 4;
  }
  return loss;
}

const SQUARED = 0;
const ABSOLUTE = 1;

/** (y - t)², |y - t|, or Huber's loss with delta 1, for each of `count` outputs. */
export function distance(y: usize, targets: usize, count: i32, kind: i32, scale: f32): f64 {
  let loss: f64 = 0;
  for (; count > 0; count--) {
    const e = load<f32>(y) - load<f32>(targets);
    const size = abs(e);
    let slope: f32 = e > 0 ? 1 : e < 0 ? -1 : e; // NaN stays NaN
    if (kind == SQUARED) {
      loss += <f64>e * <f64>e;
      slope = 2 * e;
    } else if (kind == ABSOLUTE) {
      loss += <f64>size;
    } else if (size <= 1) {
      loss += 0.5 * <f64>e * <f64>e;
      slope = e;
    } else {
      loss += <f64>size - 0.5;
    }
    if (scale != 0) store<f32>(y, scale * slope);
    y += 4;
    targets += 4;
  }
  return loss;
}

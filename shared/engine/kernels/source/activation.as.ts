// Activations, in place and over rows: y = f(x + bias), and from dy the gradient of x, by y where the derivative can be told
// from the value, else by x + bias. The numbers of `kind` are those of ../activations.ts.
import { loadPart, storePart } from './lanes.as';
import { erfc4, exp4, sigmoid4, tanh4 } from './math.as';

const LINEAR = 0;
const RELU = 1;
const RELU6 = 2;
const ELU = 3;
const SELU = 4;
const SIGMOID = 5;
const TANH = 6;
const SOFTPLUS = 7;
const GELU = 8;
const SWISH = 9;

// Klambauer et al. 2017, Self-Normalizing Neural Networks, section 2
const SELU_SCALE: f32 = 1.0507009873554805;
const SELU_ALPHA: f32 = 1.6732632423543772;

// @ts-ignore: decorator
@inline
function elu4(x: v128, alpha: f32): v128 {
  const zero = f32x4.splat(0);
  const e = f32x4.mul(f32x4.splat(alpha), f32x4.sub(exp4(f32x4.min(x, zero)), f32x4.splat(1)));
  return v128.bitselect(x, e, f32x4.gt(x, zero));
}

/** log(1 + e^x) = max(x, 0) + log(1 + e^-|x|), the logarithm by 2 artanh(t / (2 + t)). */
// @ts-ignore: decorator
@inline
function softplus4(x: v128): v128 {
  const t = exp4(f32x4.neg(f32x4.abs(x)));
  const s = f32x4.div(t, f32x4.add(t, f32x4.splat(2))); // 0 to 1/3
  const q = f32x4.mul(s, s);
  let p = f32x4.splat(1.0 / 13.0);
  p = f32x4.add(f32x4.mul(p, q), f32x4.splat(1.0 / 11.0));
  p = f32x4.add(f32x4.mul(p, q), f32x4.splat(1.0 / 9.0));
  p = f32x4.add(f32x4.mul(p, q), f32x4.splat(1.0 / 7.0));
  p = f32x4.add(f32x4.mul(p, q), f32x4.splat(1.0 / 5.0));
  p = f32x4.add(f32x4.mul(p, q), f32x4.splat(1.0 / 3.0));
  p = f32x4.add(f32x4.mul(p, q), f32x4.splat(1));
  return f32x4.add(f32x4.max(x, f32x4.splat(0)), f32x4.mul(f32x4.add(s, s), p));
}

/** Φ, the distribution function of the normal distribution. */
// @ts-ignore: decorator
@inline
function normal4(x: v128): v128 {
  const tail = f32x4.mul(f32x4.splat(0.5), erfc4(f32x4.mul(f32x4.abs(x), f32x4.splat(0.7071067811865476))));
  return v128.bitselect(tail, f32x4.sub(f32x4.splat(1), tail), f32x4.lt(x, f32x4.splat(0)));
}

// @ts-ignore: decorator
@inline
function value4(kind: i32, x: v128): v128 {
  switch (kind) {
    case RELU:
      return f32x4.max(x, f32x4.splat(0));
    case RELU6:
      return f32x4.min(f32x4.max(x, f32x4.splat(0)), f32x4.splat(6));
    case ELU:
      return elu4(x, 1);
    case SELU:
      return f32x4.mul(f32x4.splat(SELU_SCALE), elu4(x, SELU_ALPHA));
    case SIGMOID:
      return sigmoid4(x);
    case TANH:
      return tanh4(x);
    case SOFTPLUS:
      return softplus4(x);
    case GELU: // x Φ(x), Hendrycks and Gimpel 2016
      return f32x4.mul(x, normal4(x));
    case SWISH: // x / (1 + e^-x), Ramachandran et al. 2017
      return f32x4.mul(x, sigmoid4(x));
    default:
      return x;
  }
}

/** The derivative at x, told from x = y where the kind is GELU or SWISH, from y = f(x) for all others. */
// @ts-ignore: decorator
@inline
function slope4(kind: i32, y: v128): v128 {
  const zero = f32x4.splat(0);
  const one = f32x4.splat(1);
  switch (kind) {
    case RELU:
      return v128.and(one, f32x4.gt(y, zero));
    case RELU6:
      return v128.and(one, v128.and(f32x4.gt(y, zero), f32x4.lt(y, f32x4.splat(6))));
    case ELU:
      return v128.bitselect(one, f32x4.add(y, one), f32x4.gt(y, zero));
    case SELU: {
      const below = f32x4.add(y, f32x4.splat(SELU_SCALE * SELU_ALPHA));
      return v128.bitselect(f32x4.splat(SELU_SCALE), below, f32x4.gt(y, zero));
    }
    case SIGMOID:
      return f32x4.mul(y, f32x4.sub(one, y));
    case TANH:
      return f32x4.sub(one, f32x4.mul(y, y));
    case SOFTPLUS:
      return f32x4.sub(one, exp4(f32x4.neg(y)));
    case GELU: {
      const density = f32x4.mul(f32x4.splat(0.3989422804014327), exp4(f32x4.mul(f32x4.splat(-0.5), f32x4.mul(y, y))));
      return f32x4.add(normal4(y), f32x4.mul(y, density));
    }
    case SWISH: {
      const s = sigmoid4(y);
      return f32x4.mul(s, f32x4.add(one, f32x4.mul(y, f32x4.sub(one, s))));
    }
    default:
      return one;
  }
}

/** x [rows, n] becomes f(x + bias); no bias where its address is 0. */
export function activate(x: usize, bias: usize, rows: i32, n: i32, kind: i32): void {
  if (bias == 0) {
    if (kind == LINEAR) return;
    n *= rows;
    rows = 1;
  }
  for (; rows > 0; rows--) {
    let b = bias;
    let left = n;
    for (; left >= 4; left -= 4) {
      let v = v128.load(x);
      if (bias != 0) v = f32x4.add(v, v128.load(b));
      v128.store(x, value4(kind, v));
      x += 16;
      b += 16;
    }
    if (left > 0) {
      let v = loadPart(x, left);
      if (bias != 0) v = f32x4.add(v, loadPart(b, left));
      storePart(x, value4(kind, v), left);
      x += <usize>left << 2;
    }
  }
}

/** dy [count] becomes the gradient before the activation: dy f'(x), from y = f(x), or from y = x for GELU and SWISH. */
export function activateBack(dy: usize, y: usize, count: i32, kind: i32): void {
  if (kind == LINEAR) return;
  for (; count >= 4; count -= 4) {
    v128.store(dy, f32x4.mul(v128.load(dy), slope4(kind, v128.load(y))));
    dy += 16;
    y += 16;
  }
  if (count > 0) storePart(dy, f32x4.mul(loadPart(dy, count), slope4(kind, loadPart(y, count))), count);
}

/** out[j] = alpha times the sum of column j of x [rows, n] + beta out[j]: the gradient of a bias. */
export function columnSums(out: usize, x: usize, rows: i32, n: i32, alpha: f32, beta: f32): void {
  const stride = <usize>n << 2;
  let column = 0;
  for (; column + 4 <= n; column += 4) {
    let even = f32x4.splat(0);
    let odd = even;
    let p = x;
    let row = rows;
    for (; row >= 2; row -= 2) {
      even = f32x4.add(even, v128.load(p));
      odd = f32x4.add(odd, v128.load(p + stride));
      p += stride << 1;
    }
    if (row > 0) even = f32x4.add(even, v128.load(p));
    const sum = f32x4.mul(f32x4.splat(alpha), f32x4.add(even, odd));
    v128.store(out, beta == 0 ? sum : f32x4.add(sum, f32x4.mul(f32x4.splat(beta), v128.load(out))));
    x += 16;
    out += 16;
  }
  for (; column < n; column++) {
    let sum: f32 = 0;
    let p = x;
    for (let row = rows; row > 0; row--) {
      sum += load<f32>(p);
      p += stride;
    }
    store<f32>(out, beta == 0 ? alpha * sum : alpha * sum + beta * load<f32>(out));
    x += 4;
    out += 4;
  }
}

/** x [rows, n] becomes the softmax of each row, stable for any size of x. */
export function softmax(x: usize, rows: i32, n: i32): void {
  for (; rows > 0; rows--) {
    let top: f32 = -Infinity;
    for (let j = 0; j < n; j++) top = max(top, load<f32>(x + (<usize>j << 2)));
    const shift = f32x4.splat(top);
    let sum: f32 = 0;
    let p = x;
    let left = n;
    for (; left >= 4; left -= 4) {
      const e = exp4(f32x4.sub(v128.load(p), shift));
      v128.store(p, e);
      sum += f32x4.extract_lane(e, 0) + f32x4.extract_lane(e, 1) + (f32x4.extract_lane(e, 2) + f32x4.extract_lane(e, 3));
      p += 16;
    }
    if (left > 0) {
      const e = exp4(f32x4.sub(loadPart(p, left), shift));
      storePart(p, e, left);
      for (let j = 0; j < left; j++) sum += load<f32>(p + (<usize>j << 2));
    }
    const scale: f32 = <f32>1 / sum;
    for (let j = 0; j < n; j++) {
      const at = x + (<usize>j << 2);
      store<f32>(at, load<f32>(at) * scale);
    }
    x += <usize>n << 2;
  }
}

/** dy [rows, n] becomes scale times the gradient before a softmax, y (dy - the sum of dy y over the row), from y. */
export function softmaxBack(dy: usize, y: usize, rows: i32, n: i32, scale: f32): void {
  for (; rows > 0; rows--) {
    let sums = f32x4.splat(0);
    let at: usize = 0;
    for (let left = n; left > 0; left -= 4) {
      sums = f32x4.add(sums, f32x4.mul(loadPart(dy + at, left), loadPart(y + at, left)));
      at += 16;
    }
    const shift = f32x4.splat(
      f32x4.extract_lane(sums, 0) + f32x4.extract_lane(sums, 1) + (f32x4.extract_lane(sums, 2) + f32x4.extract_lane(sums, 3)),
    );
    at = 0;
    for (let left = n; left > 0; left -= 4) {
      const slope = f32x4.mul(f32x4.splat(scale), f32x4.mul(loadPart(y + at, left), f32x4.sub(loadPart(dy + at, left), shift)));
      storePart(dy + at, slope, left);
      at += 16;
    }
    dy += <usize>n << 2;
    y += <usize>n << 2;
  }
}

// The optimizers, one pass over `count` weights each: w weights, g gradient, m, s and v their state.
import { loadPart, storePart } from './lanes.as';

/** g += scale w: the gradient of an L2 penalty, and other sums. */
export function addScaled(g: usize, w: usize, count: i32, scale: f32): void {
  const k = f32x4.splat(scale);
  for (; count > 0; count -= 4) {
    storePart(g, f32x4.add(loadPart(g, count), f32x4.mul(k, loadPart(w, count))), count);
    g += 16;
    w += 16;
  }
}

/** x *= scale */
export function scaleBy(x: usize, count: i32, scale: f32): void {
  const k = f32x4.splat(scale);
  for (; count > 0; count -= 4) {
    storePart(x, f32x4.mul(k, loadPart(x, count)), count);
    x += 16;
  }
}

/** x *= y */
export function multiply(x: usize, y: usize, count: i32): void {
  for (; count > 0; count -= 4) {
    storePart(x, f32x4.mul(loadPart(x, count), loadPart(y, count)), count);
    x += 16;
    y += 16;
  }
}

/** Cuts each value off at ± limit. */
export function clipValues(g: usize, count: i32, limit: f32): void {
  const top = f32x4.splat(limit);
  const bottom = f32x4.splat(-limit);
  for (; count > 0; count -= 4) {
    storePart(g, f32x4.min(f32x4.max(loadPart(g, count), bottom), top), count);
    g += 16;
  }
}

/** The sum of squares, in double precision. */
export function sumOfSquares(g: usize, count: i32): f64 {
  let even = f64x2.splat(0);
  let odd = even;
  for (; count > 0; count -= 4) {
    const four = loadPart(g, count);
    const a = f64x2.promote_low_f32x4(four);
    const b = f64x2.promote_low_f32x4(v128.shuffle<u32>(four, four, 2, 3, 2, 3));
    even = f64x2.add(even, f64x2.mul(a, a));
    odd = f64x2.add(odd, f64x2.mul(b, b));
    g += 16;
  }
  const sum = f64x2.add(even, odd);
  return f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1);
}

/** v = decay v + g; w -= rate v, or with Nesterov's look ahead w -= rate (g + decay v). */
export function momentum(w: usize, g: usize, v: usize, count: i32, rate: f32, decay: f32, ahead: bool): void {
  const k = f32x4.splat(rate);
  const d = f32x4.splat(decay);
  for (; count > 0; count -= 4) {
    const slope = loadPart(g, count);
    const next = f32x4.add(f32x4.mul(d, loadPart(v, count)), slope);
    storePart(v, next, count);
    const move = ahead ? f32x4.add(slope, f32x4.mul(d, next)) : next;
    storePart(w, f32x4.sub(loadPart(w, count), f32x4.mul(k, move)), count);
    w += 16;
    g += 16;
    v += 16;
  }
}

/**
 * Adam: m = beta1 m + gain1 g, v = beta2 v + gain2 g², w -= rate m / (sqrt(v) root + epsilon), where a gain is 1 - beta, rate
 * is the learning rate / (1 - beta1^t) and root is 1 / sqrt(1 - beta2^t); and AdamW's w -= shrink w.
 */
export function adam(
  w: usize,
  g: usize,
  m: usize,
  v: usize,
  count: i32,
  rate: f32,
  beta1: f32,
  gain1: f32,
  beta2: f32,
  gain2: f32,
  root: f32,
  epsilon: f32,
  shrink: f32,
): void {
  for (; count > 0; count -= 4) {
    const slope = loadPart(g, count);
    const mean = f32x4.add(f32x4.mul(f32x4.splat(beta1), loadPart(m, count)), f32x4.mul(f32x4.splat(gain1), slope));
    const square = f32x4.add(
      f32x4.mul(f32x4.splat(beta2), loadPart(v, count)),
      f32x4.mul(f32x4.splat(gain2), f32x4.mul(slope, slope)),
    );
    storePart(m, mean, count);
    storePart(v, square, count);
    const size = f32x4.add(f32x4.mul(f32x4.sqrt(square), f32x4.splat(root)), f32x4.splat(epsilon));
    const old = loadPart(w, count);
    const kept = f32x4.sub(old, f32x4.mul(f32x4.splat(shrink), old));
    storePart(w, f32x4.sub(kept, f32x4.div(f32x4.mul(f32x4.splat(rate), mean), size)), count);
    w += 16;
    g += 16;
    m += 16;
    v += 16;
  }
}

/** s = decay s + gain g²; w -= rate g / (sqrt(s) + epsilon): RMSprop with gain 1 - decay, Adagrad with decay and gain 1. */
export function rootScaled(
  w: usize,
  g: usize,
  s: usize,
  count: i32,
  rate: f32,
  decay: f32,
  gain: f32,
  epsilon: f32,
): void {
  for (; count > 0; count -= 4) {
    const slope = loadPart(g, count);
    const square = f32x4.add(
      f32x4.mul(f32x4.splat(decay), loadPart(s, count)),
      f32x4.mul(f32x4.splat(gain), f32x4.mul(slope, slope)),
    );
    storePart(s, square, count);
    const size = f32x4.add(f32x4.sqrt(square), f32x4.splat(epsilon));
    const move = f32x4.div(f32x4.mul(f32x4.splat(rate), slope), size);
    storePart(w, f32x4.sub(loadPart(w, count), move), count);
    w += 16;
    g += 16;
    s += 16;
  }
}

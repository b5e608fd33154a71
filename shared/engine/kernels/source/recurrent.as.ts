// The gates of recurrent layers at one place of a sequence, over `batch` examples of `units` units. Every address is that of
// the first example; the next one lies the named number of bytes further on. Products of matrices come from outside.
import { loadPart, storePart } from './lanes.as';
import { sigmoid4, tanh4 } from './math.as';

/** y (1 - y): the slope of a sigmoid with value y. */
// @ts-ignore: decorator
@inline
function sigmoidSlope(y: v128): v128 {
  return f32x4.mul(y, f32x4.sub(f32x4.splat(1), y));
}

/** 1 - y²: the slope of a hyperbolic tangent with value y. */
// @ts-ignore: decorator
@inline
function tanhSlope(y: v128): v128 {
  return f32x4.sub(f32x4.splat(1), f32x4.mul(y, y));
}

/**
 * One step of an LSTM. z holds the four products [i, f, c, o] of `units` each, to which `bias` is added; it becomes the
 * gates after their activation. c = f cBefore + i g; h = o tanh c.
 * @param cBefore - the cells before, or 0 at the first place
 * @param h - for the next place, or 0 at the last one
 * @param y - the same as h, for the next layer, or 0
 */
export function lstmStep(
  z: usize, zApart: usize, bias: usize, cBefore: usize, c: usize, cApart: usize,
  h: usize, hApart: usize, y: usize, yApart: usize, batch: i32, units: i32,
): void {
  const block = <usize>units << 2;
  for (; batch > 0; batch--) {
    for (let u = 0; u < units; u += 4) {
      const lanes = units - u;
      const offset = <usize>u << 2;
      const zi = z + offset;
      const zf = zi + block;
      const zg = zf + block;
      const zo = zg + block;
      const b = bias + offset;
      const i = sigmoid4(f32x4.add(loadPart(zi, lanes), loadPart(b, lanes)));
      const f = sigmoid4(f32x4.add(loadPart(zf, lanes), loadPart(b + block, lanes)));
      const g = tanh4(f32x4.add(loadPart(zg, lanes), loadPart(b + 2 * block, lanes)));
      const o = sigmoid4(f32x4.add(loadPart(zo, lanes), loadPart(b + 3 * block, lanes)));
      storePart(zi, i, lanes);
      storePart(zf, f, lanes);
      storePart(zg, g, lanes);
      storePart(zo, o, lanes);
      let cell = f32x4.mul(i, g);
      if (cBefore != 0) cell = f32x4.add(cell, f32x4.mul(f, loadPart(cBefore + offset, lanes)));
      storePart(c + offset, cell, lanes);
      const hidden = f32x4.mul(o, tanh4(cell));
      if (h != 0) storePart(h + offset, hidden, lanes);
      if (y != 0) storePart(y + offset, hidden, lanes);
    }
    z += zApart;
    c += cApart;
    if (cBefore != 0) cBefore += cApart;
    if (h != 0) h += hApart;
    if (y != 0) y += yApart;
  }
}

/**
 * The way back through one step. z holds the gates and becomes the gradient before their activation; dc [batch, units], the
 * gradient of c from the step after, becomes that of cBefore.
 * @param dh - [batch, units], the gradient of h from the step after
 * @param dy - the gradient of h from the next layer, or 0 for none
 */
export function lstmStepBack(
  z: usize, zApart: usize, cBefore: usize, c: usize, cApart: usize,
  dh: usize, dc: usize, dy: usize, dyApart: usize, batch: i32, units: i32,
): void {
  const block = <usize>units << 2;
  for (; batch > 0; batch--) {
    for (let u = 0; u < units; u += 4) {
      const lanes = units - u;
      const offset = <usize>u << 2;
      const zi = z + offset;
      const zf = zi + block;
      const zg = zf + block;
      const zo = zg + block;
      const i = loadPart(zi, lanes);
      const f = loadPart(zf, lanes);
      const g = loadPart(zg, lanes);
      const o = loadPart(zo, lanes);
      const t = tanh4(loadPart(c + offset, lanes));
      let dHidden = loadPart(dh + offset, lanes);
      if (dy != 0) dHidden = f32x4.add(dHidden, loadPart(dy + offset, lanes));
      const dCell = f32x4.add(
        loadPart(dc + offset, lanes),
        f32x4.mul(f32x4.mul(dHidden, o), tanhSlope(t)),
      );
      storePart(zi, f32x4.mul(f32x4.mul(dCell, g), sigmoidSlope(i)), lanes);
      let df = f32x4.splat(0);
      if (cBefore != 0) df = f32x4.mul(f32x4.mul(dCell, loadPart(cBefore + offset, lanes)), sigmoidSlope(f));
      storePart(zf, df, lanes);
      storePart(zg, f32x4.mul(f32x4.mul(dCell, i), tanhSlope(g)), lanes);
      storePart(zo, f32x4.mul(f32x4.mul(dHidden, t), sigmoidSlope(o)), lanes);
      storePart(dc + offset, f32x4.mul(dCell, f), lanes);
    }
    z += zApart;
    c += cApart;
    if (cBefore != 0) cBefore += cApart;
    dh += block;
    dc += block;
    if (dy != 0) dy += dyApart;
  }
}

/**
 * The gates of a GRU. z holds the products of [z, r] and, still without the recurrent part, h; the first two become the
 * gates, with `bias` added before. kept = r hBefore, what the candidate is to be multiplied from.
 */
export function gruGates(
  z: usize, zApart: usize, bias: usize, hBefore: usize, kept: usize, hApart: usize, batch: i32, units: i32,
): void {
  const block = <usize>units << 2;
  for (; batch > 0; batch--) {
    for (let u = 0; u < units; u += 4) {
      const lanes = units - u;
      const offset = <usize>u << 2;
      const zz = z + offset;
      const zr = zz + block;
      const b = bias + offset;
      const reset = sigmoid4(f32x4.add(loadPart(zr, lanes), loadPart(b + block, lanes)));
      storePart(zz, sigmoid4(f32x4.add(loadPart(zz, lanes), loadPart(b, lanes))), lanes);
      storePart(zr, reset, lanes);
      storePart(kept + offset, f32x4.mul(reset, loadPart(hBefore + offset, lanes)), lanes);
    }
    z += zApart;
    hBefore += hApart;
    kept += hApart;
  }
}

/**
 * The end of a GRU's step: the third part of z becomes the candidate g = tanh(. + bias), and h = z hBefore + (1 - z) g.
 * @param h - for the next place, or 0 at the last one
 * @param y - the same, for the next layer, or 0
 */
export function gruStep(
  z: usize, zApart: usize, bias: usize, hBefore: usize, h: usize, hApart: usize, y: usize, yApart: usize,
  batch: i32, units: i32,
): void {
  const block = <usize>units << 2;
  for (; batch > 0; batch--) {
    for (let u = 0; u < units; u += 4) {
      const lanes = units - u;
      const offset = <usize>u << 2;
      const zg = z + offset + 2 * block;
      const update = loadPart(z + offset, lanes);
      const candidate = tanh4(f32x4.add(loadPart(zg, lanes), loadPart(bias + offset + 2 * block, lanes)));
      storePart(zg, candidate, lanes);
      // g + z (hBefore - g)
      const change = f32x4.sub(loadPart(hBefore + offset, lanes), candidate);
      const hidden = f32x4.add(candidate, f32x4.mul(update, change));
      if (h != 0) storePart(h + offset, hidden, lanes);
      if (y != 0) storePart(y + offset, hidden, lanes);
    }
    z += zApart;
    hBefore += hApart;
    if (h != 0) h += hApart;
    if (y != 0) y += yApart;
  }
}

/**
 * The way back to the candidate: the third part of z becomes the gradient before its activation, the first part that of the
 * update gate; dh [batch, units], the gradient of h from the step after, becomes the part of hBefore's that goes past the
 * candidate.
 * @param dy - the gradient of h from the next layer, or 0 for none
 */
export function gruStepBack(
  z: usize, zApart: usize, hBefore: usize, hApart: usize, dh: usize, dy: usize, dyApart: usize, batch: i32, units: i32,
): void {
  const block = <usize>units << 2;
  for (; batch > 0; batch--) {
    for (let u = 0; u < units; u += 4) {
      const lanes = units - u;
      const offset = <usize>u << 2;
      const zz = z + offset;
      const zg = zz + 2 * block;
      const update = loadPart(zz, lanes);
      const g = loadPart(zg, lanes);
      let dHidden = loadPart(dh + offset, lanes);
      if (dy != 0) dHidden = f32x4.add(dHidden, loadPart(dy + offset, lanes));
      const change = f32x4.sub(loadPart(hBefore + offset, lanes), g);
      storePart(zz, f32x4.mul(f32x4.mul(dHidden, change), sigmoidSlope(update)), lanes);
      const dCandidate = f32x4.mul(dHidden, f32x4.sub(f32x4.splat(1), update));
      storePart(zg, f32x4.mul(dCandidate, tanhSlope(g)), lanes);
      storePart(dh + offset, f32x4.mul(dHidden, update), lanes);
    }
    z += zApart;
    hBefore += hApart;
    dh += block;
    if (dy != 0) dy += dyApart;
  }
}

/**
 * The way back through the reset gate, from dKept [batch, units]: the second part of z becomes the gradient before its
 * activation, and what went through `kept` is added to dh [batch, units].
 */
export function gruResetBack(
  z: usize, zApart: usize, hBefore: usize, hApart: usize, dKept: usize, dh: usize, batch: i32, units: i32,
): void {
  const block = <usize>units << 2;
  for (; batch > 0; batch--) {
    for (let u = 0; u < units; u += 4) {
      const lanes = units - u;
      const offset = <usize>u << 2;
      const zr = z + offset + block;
      const reset = loadPart(zr, lanes);
      const dk = loadPart(dKept + offset, lanes);
      storePart(zr, f32x4.mul(f32x4.mul(dk, loadPart(hBefore + offset, lanes)), sigmoidSlope(reset)), lanes);
      storePart(dh + offset, f32x4.add(loadPart(dh + offset, lanes), f32x4.mul(dk, reset)), lanes);
    }
    z += zApart;
    hBefore += hApart;
    dKept += block;
    dh += block;
  }
}

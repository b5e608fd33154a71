import type { LayerOf } from '../../tasks/layers.ts';
import { gemm, gemmScratch, rowMajor, transposed, type Matrix } from '../kernels/gemm.ts';
import type { Kernels } from '../kernels/load.ts';
import type { Landing, Pass, Place, Stage } from './stage.ts';

/**
 * Recurrent layers. What does not depend on the place before is done for all places at once: the products of the inputs with
 * the kernel, and all gradients of weights. What is left for each place is one product of the hidden states with the
 * recurrent kernel, which is packed once a pass, and a kernel for the gates.
 *
 * All sequences lie as the data comes, [batch, length, ...]: a place of all examples is a matrix whose rows are far apart,
 * which a product reads as well.
 */

/** Sizes and addresses that LSTM and GRU share. */
interface Recurrence {
  readonly channels: number;
  readonly length: number;
  readonly units: number;
  /** Gates of a unit. */
  readonly gates: number;
  /** [batch, length, gates units]: products, then gates, then their gradients. */
  readonly z: number;
  /** [batch, length, units]: the hidden state before each place. */
  readonly before: number;
  readonly output: number;
  /** Distance of two examples in a sequence of `units`. */
  readonly apart: number;
  readonly zApart: number;
  /** Address of memory that is free in a pass: for the packed recurrent kernel and its company, or for `gemm`. */
  readonly scratch: () => number;
}

/** @param work - floats that a pass needs beside the packed recurrent kernel */
function recurrence(place: Place, gates: number, units: number, work: number): Recurrence {
  const { arena, capacity, inputShape, outputShape } = place;
  const [length, channels] = inputShape as [number, number];
  const width = gates * units;
  const rows = capacity * length;
  // Packed in panels of 8 columns, the recurrent kernel takes up to 7 columns more for each of one or two parts.
  const packed = width * units + 16 * width;
  const products = [
    gemmScratch(rows, width, channels),
    gemmScratch(rows, channels, width),
    gemmScratch(channels, width, rows),
    gemmScratch(units, width, rows),
  ];
  return {
    channels,
    length,
    units,
    gates,
    z: arena.reserve(rows * width),
    before: arena.reserve(rows * units),
    output: arena.reserve(capacity * outputShape.reduce((a, b) => a * b)),
    apart: 4 * length * units,
    zApart: 4 * length * width,
    scratch: place.scratch(Math.max(packed + work, Math.max(...products) / 4)),
  };
}

/** Where h or its gradient lies at a place, in [batch, length, units] or, of the last place only, in [batch, units]. */
const outside = (
  at: number,
  t: number,
  { length, units }: Recurrence,
  all: boolean,
): readonly [at: number, apart: number] =>
  all ? [at + 4 * t * units, 4 * length * units] : [t === length - 1 ? at : 0, 4 * units];

/** z = x · kernel, and no hidden state before the first place. */
function startForward({ kernels, arena, input, weights }: Place, r: Recurrence, count: number): void {
  const width = r.gates * r.units;
  const rows = count * r.length;
  const w = rowMajor(weights[0]!.at, width);
  gemm(kernels, r.z, [rows, width, r.channels], rowMajor(input, r.channels), w, { scratch: r.scratch() });
  arena.floats(r.before, rows * r.units).fill(0);
}

/** A matrix that is packed for many products from the left. */
interface Packed {
  readonly at: number;
  readonly k: number;
  readonly n: number;
  /** Address behind it. */
  readonly end: number;
}

/** Packs b [k, n]. @param at - of 8 k ceil(n / 8) floats */
function packFor(kernels: Kernels, at: number, b: Matrix, k: number, n: number): Packed {
  kernels.pack(at, 32 * k, b.at, b.row, b.column, k, n, 8);
  return { at, k, n, end: at + 32 * k * Math.ceil(n / 8) };
}

/** c = a · b + beta c, for `count` rows of a and c that are so many bytes apart. */
function multiply(
  kernels: Kernels,
  [c, cRow]: readonly [number, number],
  count: number,
  [a, aRow]: readonly [number, number],
  { at, k, n }: Packed,
  beta: number,
): void {
  kernels.product(c, cRow, count, n, a, aRow, 4 * aRow, 4, 0, 1, k, at, 32, 32 * k, 1, beta);
}

/** From the gradient z: that of the input, and of the weights but for the recurrent kernel. */
function finishBackward(
  { kernels, input, weights }: Place,
  r: Recurrence,
  { count, land }: Pass,
  dInput: number | null,
): void {
  const [kernel, , bias] = weights;
  const width = r.gates * r.units;
  const rows = count * r.length;
  const dz = rowMajor(r.z, width);
  const scratch = r.scratch();
  if (dInput !== null) {
    gemm(kernels, dInput, [rows, r.channels, width], dz, transposed(rowMajor(kernel!.at, width)), { scratch });
  }
  const { at, alpha, beta } = land(kernel!);
  const x = transposed(rowMajor(input, r.channels));
  gemm(kernels, at, [r.channels, width, rows], x, dz, { alpha, beta, scratch });
  const landing = land(bias!);
  kernels.columnSums(landing.at, r.z, rows, width, landing.alpha, landing.beta);
}

/** The gradient of `columns` columns of the recurrent kernel from `from` on, from what they were multiplied with. */
function recurrentGradient(
  { kernels }: Place,
  r: Recurrence,
  count: number,
  multiplied: number,
  { at, alpha, beta }: Landing,
  [from, columns]: readonly [number, number],
): void {
  const width = r.gates * r.units;
  const h = transposed(rowMajor(multiplied, r.units));
  const dz = { at: r.z + 4 * from, row: 4 * width, column: 4 };
  const size = [r.units, columns, count * r.length] as const;
  gemm(kernels, at + 4 * from, size, h, dz, { alpha, beta, row: 4 * width, scratch: r.scratch() });
}

/** c = f c + i g, h = o tanh c. */
export function lstmStage({ units, returnSequences }: LayerOf<'lstm'>, place: Place): Stage {
  const { kernels, arena, capacity } = place;
  const [, recurrent, bias] = place.weights;
  const width = 4 * units;
  const r = recurrence(place, 4, units, 2 * capacity * units);
  const { length, z, before, apart, zApart } = r;
  const cells = arena.reserve(capacity * length * units);
  const r0 = rowMajor(recurrent!.at, width);
  return {
    output: r.output,
    forward({ count }) {
      startForward(place, r, count);
      const packed = packFor(kernels, r.scratch(), r0, units, width);
      for (let t = 0; t < length; t++) {
        const zt = z + 4 * t * width;
        const own = 4 * t * units;
        const next = t === length - 1 ? 0 : before + own + 4 * units;
        const cBefore = t === 0 ? 0 : cells + own - 4 * units;
        const [y, yApart] = outside(r.output, t, r, returnSequences);
        if (t > 0) multiply(kernels, [zt, zApart], count, [before + own, apart], packed, 1);
        kernels.lstmStep(zt, zApart, bias!.at, cBefore, cells + own, apart, next, apart, y, yApart, count, units);
      }
    },
    backward(pass, dOutput, dInput) {
      const { count } = pass;
      const dh = r.scratch();
      const dc = dh + 4 * count * units;
      arena.floats(dh, 2 * count * units).fill(0);
      const packed = packFor(kernels, dc + 4 * count * units, transposed(r0), width, units);
      for (let t = length - 1; t >= 0; t--) {
        const zt = z + 4 * t * width;
        const c = cells + 4 * t * units;
        const cBefore = t === 0 ? 0 : c - 4 * units;
        const [dy, dyApart] = outside(dOutput, t, r, returnSequences);
        kernels.lstmStepBack(zt, zApart, cBefore, c, apart, dh, dc, dy, dyApart, count, units);
        if (t > 0) multiply(kernels, [dh, 4 * units], count, [zt, zApart], packed, 0);
      }
      finishBackward(place, r, pass, dInput);
      recurrentGradient(place, r, count, before, pass.land(recurrent!), [0, width]);
    },
  };
}

/** h = z h + (1 - z) tanh(x Wh + (r h) Rh + bh): the reset gate acts before the product. */
export function gruStage({ units, returnSequences }: LayerOf<'gru'>, place: Place): Stage {
  const { kernels, arena, capacity } = place;
  const [, recurrent, bias] = place.weights;
  const width = 3 * units;
  const r = recurrence(place, 3, units, 2 * capacity * units);
  const { length, z, before, apart, zApart } = r;
  /** [batch, length, units]: r h, what the candidate comes from. */
  const kept = arena.reserve(capacity * length * units);
  const gates = rowMajor(recurrent!.at, width);
  const candidate = { ...gates, at: gates.at + 8 * units };
  return {
    output: r.output,
    forward({ count }) {
      startForward(place, r, count);
      const forGates = packFor(kernels, r.scratch(), gates, units, 2 * units);
      const forCandidate = packFor(kernels, forGates.end, candidate, units, units);
      for (let t = 0; t < length; t++) {
        const zt = z + 4 * t * width;
        const own = 4 * t * units;
        const next = t === length - 1 ? 0 : before + own + 4 * units;
        const [y, yApart] = outside(r.output, t, r, returnSequences);
        if (t > 0) multiply(kernels, [zt, zApart], count, [before + own, apart], forGates, 1);
        kernels.gruGates(zt, zApart, bias!.at, before + own, kept + own, apart, count, units);
        if (t > 0) multiply(kernels, [zt + 8 * units, zApart], count, [kept + own, apart], forCandidate, 1);
        kernels.gruStep(zt, zApart, bias!.at, before + own, next, apart, y, yApart, count, units);
      }
    },
    backward(pass, dOutput, dInput) {
      const { count } = pass;
      const dh = r.scratch();
      const dKept = dh + 4 * count * units;
      arena.floats(dh, count * units).fill(0);
      const forGates = packFor(kernels, dKept + 4 * count * units, transposed(gates), 2 * units, units);
      const forCandidate = packFor(kernels, forGates.end, transposed(candidate), units, units);
      for (let t = length - 1; t >= 0; t--) {
        const zt = z + 4 * t * width;
        const own = 4 * t * units;
        const [dy, dyApart] = outside(dOutput, t, r, returnSequences);
        kernels.gruStepBack(zt, zApart, before + own, apart, dh, dy, dyApart, count, units);
        multiply(kernels, [dKept, 4 * units], count, [zt + 8 * units, zApart], forCandidate, 0);
        kernels.gruResetBack(zt, zApart, before + own, apart, dKept, dh, count, units);
        if (t > 0) multiply(kernels, [dh, 4 * units], count, [zt, zApart], forGates, 1);
      }
      finishBackward(place, r, pass, dInput);
      const landing = pass.land(recurrent!);
      recurrentGradient(place, r, count, before, landing, [0, 2 * units]);
      recurrentGradient(place, r, count, kept, landing, [2 * units, units]);
    },
  };
}

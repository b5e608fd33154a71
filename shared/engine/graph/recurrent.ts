import * as tf from '@tensorflow/tfjs-core';
import type { LayerOf } from '../../tasks/layers.ts';
import { withGradients, type Saved } from './custom-gradient.ts';
import { product } from './dense.ts';
import type { Pass } from './pass.ts';

/**
 * Recurrent layers over [batch, time, channels]. What the input adds to the gates is one product for all times; only the
 * recurrent part goes step by step. The way back is written by hand: each derivative that does not wait for a later time is
 * computed for all times at once, and so is the gradient of the recurrent kernel.
 */

interface Cell {
  /**
   * @param gates - [batch, time, gates * units], the input's part
   * @param recurrent - [units, gates * units]
   * @returns the states [batch, time, units]
   */
  readonly forward: (gates: tf.Tensor, recurrent: tf.Tensor) => Saved;
  /** To the gradients of both. */
  readonly backward: (dy: tf.Tensor, saved: tf.Tensor[]) => tf.Tensor[];
}

function run(cell: Cell, x: tf.Tensor, { take }: Pass, returnSequences: boolean): tf.Tensor {
  const [kernel, recurrent, bias] = [take(), take(), take()];
  const gates = tf.add(product(x, kernel), bias);
  const states = withGradients([gates, recurrent], () => cell.forward(gates, recurrent), cell.backward);
  const [batch, time, units] = states.shape as [number, number, number];
  return returnSequences ? states : tf.reshape(tf.slice(states, [0, time - 1, 0], [batch, 1, units]), [batch, units]);
}

const stack = (steps: tf.Tensor[]): tf.Tensor => tf.stack(steps, 1);

/** States [batch, time, units] as each was before its step: from zeros. */
function before(states: tf.Tensor): tf.Tensor {
  const [batch, time, units] = states.shape as [number, number, number];
  const zeros = tf.zeros([batch, 1, units]);
  return tf.concat([zeros, tf.slice(states, [0, 0, 0], [batch, time - 1, units])], 1);
}

/** Σ aᵀ b over batch and time. @param a - [batch, time, m] @param b - [batch, time, n] @returns [m, n] */
function outer(a: tf.Tensor, b: tf.Tensor): tf.Tensor {
  const rows = (x: tf.Tensor): tf.Tensor => tf.reshape(x, [-1, x.shape[2]!]);
  return tf.matMul(rows(a), rows(b), true, false);
}

/** The derivatives of sigmoid and tanh by their values. */
const sigmoidSlope = (y: tf.Tensor): tf.Tensor => tf.mul(y, tf.sub(1, y));
const tanhSlope = (y: tf.Tensor): tf.Tensor => tf.sub(1, tf.square(y));

/** c = f c + i g and h = o tanh(c) from zeros; i, f and o through sigmoid, g through tanh; gates in the order i, f, g, o. */
const lstmCell: Cell = {
  forward(gates, recurrent) {
    const [batch, , width] = gates.shape as [number, number, number];
    let h: tf.Tensor = tf.zeros([batch, width / 4]);
    let c = h;
    const steps = tf.unstack(gates, 1).map((input) => {
      const [i, f, g, o] = tf.split(tf.add(input, tf.matMul(h, recurrent)), 4, 1);
      const active = [tf.sigmoid(i!), tf.sigmoid(f!), tf.tanh(g!), tf.sigmoid(o!)] as const;
      c = tf.add(tf.mul(active[1], c), tf.mul(active[0], active[2]));
      h = tf.mul(active[3], tf.tanh(c));
      return { active: tf.concat([...active], 1), c, h };
    });
    const value = stack(steps.map((step) => step.h));
    const saved = [stack(steps.map(({ active }) => active)), stack(steps.map((step) => step.c)), value, recurrent];
    return { value, saved };
  },

  backward(dy, [active, cells, states, recurrent]) {
    const [i, f, g, o] = tf.split(active!, 4, 2) as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
    const squashed = tf.tanh(cells!);
    // By c for the first three gates, by h for the last.
    const slopes = [
      tf.mul(g, sigmoidSlope(i)),
      tf.mul(before(cells!), sigmoidSlope(f)),
      tf.mul(i, tanhSlope(g)),
      tf.mul(squashed, sigmoidSlope(o)),
    ];
    const gateSlopes = tf.unstack(tf.concat(slopes, 2), 1);
    const cellSlopes = tf.unstack(tf.mul(o, tanhSlope(squashed)), 1);
    const kept = tf.unstack(f, 1);
    const given = tf.unstack(dy, 1);
    const dGates: tf.Tensor[] = [];
    let dState: tf.Tensor | null = null;
    let dCell: tf.Tensor | null = null;
    for (let t = given.length - 1; t >= 0; t--) {
      const dh: tf.Tensor = dState === null ? given[t]! : tf.add(given[t]!, dState);
      const through = tf.mul(dh, cellSlopes[t]!);
      const dc: tf.Tensor = dCell === null ? through : tf.add(dCell, through);
      dGates[t] = tf.mul(tf.concat([dc, dc, dc, dh], 1), gateSlopes[t]!);
      dCell = tf.mul(dc, kept[t]!);
      dState = tf.matMul(dGates[t]!, recurrent!, false, true);
    }
    const all = stack(dGates);
    return [all, outer(before(states!), all)];
  },
};

/** h = z h + (1 - z) c with c = tanh(x + (r h) U) from zeros; z and r through sigmoid; gates in the order z, r, c. */
const gruCell: Cell = {
  forward(gates, recurrent) {
    const [batch, , width] = gates.shape as [number, number, number];
    const units = width / 3;
    const [recurrentGates, recurrentCandidate] = tf.split(recurrent, [2 * units, units], 1);
    let h: tf.Tensor = tf.zeros([batch, units]);
    const steps = tf.unstack(gates, 1).map((input) => {
      const [inputGates, inputCandidate] = tf.split(input, [2 * units, units], 1);
      const active = tf.sigmoid(tf.add(inputGates!, tf.matMul(h, recurrentGates!)));
      const [z, r] = tf.split(active, 2, 1);
      const candidate = tf.tanh(tf.add(inputCandidate!, tf.matMul(tf.mul(r!, h), recurrentCandidate!)));
      h = tf.add(candidate, tf.mul(z!, tf.sub(h, candidate)));
      return { active: tf.concat([active, candidate], 1), h };
    });
    const value = stack(steps.map((step) => step.h));
    return { value, saved: [stack(steps.map(({ active }) => active)), value, recurrent] };
  },

  backward(dy, [active, states, recurrent]) {
    const units = states!.shape[2]!;
    const [recurrentGates, recurrentCandidate] = tf.split(recurrent!, [2 * units, units], 1);
    const [z, r, candidate] = tf.split(active!, 3, 2) as [tf.Tensor, tf.Tensor, tf.Tensor];
    const earlier = before(states!);
    const updateSlopes = tf.unstack(tf.mul(tf.sub(earlier, candidate), sigmoidSlope(z)), 1);
    const resetSlopes = tf.unstack(tf.mul(earlier, sigmoidSlope(r)), 1);
    const candidateSlopes = tf.unstack(tf.mul(tf.sub(1, z), tanhSlope(candidate)), 1);
    const [zs, rs, given] = [tf.unstack(z, 1), tf.unstack(r, 1), tf.unstack(dy, 1)];
    const dGates: tf.Tensor[] = []; // of z and r
    const dCandidates: tf.Tensor[] = [];
    let dState: tf.Tensor | null = null;
    for (let t = given.length - 1; t >= 0; t--) {
      const dh: tf.Tensor = dState === null ? given[t]! : tf.add(given[t]!, dState);
      dCandidates[t] = tf.mul(dh, candidateSlopes[t]!);
      const dReset = tf.matMul(dCandidates[t]!, recurrentCandidate!, false, true); // of r h
      dGates[t] = tf.concat([tf.mul(dh, updateSlopes[t]!), tf.mul(dReset, resetSlopes[t]!)], 1);
      const direct = tf.add(tf.mul(dh, zs[t]!), tf.mul(dReset, rs[t]!));
      dState = tf.add(direct, tf.matMul(dGates[t]!, recurrentGates!, false, true));
    }
    const [gates, candidates] = [stack(dGates), stack(dCandidates)];
    return [
      tf.concat([gates, candidates], 2),
      tf.concat([outer(earlier, gates), outer(tf.mul(r, earlier), candidates)], 1),
    ];
  },
};

/** @see Hochreiter and Schmidhuber 1997; Gers, Schmidhuber and Cummins 2000 (forget gate) */
export const lstm = ({ returnSequences }: LayerOf<'lstm'>, x: tf.Tensor, pass: Pass): tf.Tensor =>
  run(lstmCell, x, pass, returnSequences);

/** @see Cho et al., Learning Phrase Representations using RNN Encoder-Decoder, 2014 */
export const gru = ({ returnSequences }: LayerOf<'gru'>, x: tf.Tensor, pass: Pass): tf.Tensor =>
  run(gruCell, x, pass, returnSequences);

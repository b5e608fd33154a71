import { losses, type LossName } from '../tasks/model.ts';
import type { Examples } from './engine.ts';

/** How many right answers there are, by the kind of task that a loss stands for. */

function largest(values: Examples['ys'], from: number, n: number): number {
  let best = from;
  for (let i = from + 1; i < from + n; i++) if (values[i]! > values[best]!) best = i;
  return best - from;
}

/** Whether there are right answers: classes, and for a binary cross entropy targets of 0 and 1 and no amounts between. */
export const hasAnswers = (loss: LossName, ys: Examples['ys']): boolean =>
  losses[loss].end !== null && (loss !== 'binary-crossentropy' || ys.every((y) => y === 0 || y === 1));

/**
 * Right answers among the outputs, where `hasAnswers`.
 * @param outputs - [rows, n] logits: a binary one is a yes from 0 on
 */
export function countRight(loss: LossName, outputs: Float32Array, ys: Examples['ys'], n: number): number {
  let right = 0;
  switch (loss) {
    case 'sparse-categorical-crossentropy':
      for (let row = 0; row < ys.length; row++) if (largest(outputs, row * n, n) === ys[row]) right++;
      return right;
    case 'categorical-crossentropy':
      for (let at = 0; at < outputs.length; at += n) if (largest(outputs, at, n) === largest(ys, at, n)) right++;
      return right;
    default:
      for (let i = 0; i < ys.length; i++) if (outputs[i]! >= 0 === (ys[i] === 1)) right++;
      return right;
  }
}

/**
 * The class that each row of outputs stands for.
 * @param outputs - [rows, n] logits: a single one is class 1 from 0 on
 * @param into - length rows
 */
export function classesOf(outputs: Float32Array, n: number, into: Int32Array): void {
  for (let row = 0; row < into.length; row++) {
    into[row] = n === 1 ? Number(outputs[row]! >= 0) : largest(outputs, row * n, n);
  }
}

/** The answers in so many outputs. */
export const answersIn = (loss: LossName, outputs: number, n: number): number =>
  loss === 'binary-crossentropy' ? outputs : outputs / n;

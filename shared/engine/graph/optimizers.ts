import * as tf from '@tensorflow/tfjs-core';
import type { OptimizerSpec } from '../../tasks/optimizer.ts';
import type { WeightSpec } from '../../tasks/layers.ts';
import type { UpdateRule } from '../engine.ts';
import { constantOf } from '../pull.ts';
import { sizeOf } from '../../weights.ts';

/** A weight that a gradient moves. */
export interface Trained {
  /** Of its first value in the flat vector. */
  readonly offset: number;
  readonly variable: tf.Variable;
  readonly role: WeightSpec['role'];
}

/** Applies an `UpdateRule`, and holds its state on the device. */
export interface Updater {
  /**
   * Moves the weights by one step.
   * @param gradients - of the loss, in the order of the weights
   */
  apply(gradients: readonly tf.Tensor[], rate: number): void;
  dispose(): void;
}

/** One weight's part of the state: the vectors m, v or s of the formulas. */
interface Slots {
  first: tf.Tensor;
  second: tf.Tensor;
}

/** What one optimizer makes of a gradient. */
interface Method {
  /** How many vectors of state each weight has. */
  readonly slots: 0 | 1 | 2;
  /** Their first values. */
  readonly initial?: number;
  /**
   * @param step - from 1
   * @returns what is subtracted from the weight, and the new state
   */
  readonly change: (
    gradient: tf.Tensor,
    state: Slots,
    context: { readonly rate: number; readonly step: number; readonly weight: Trained },
  ) => { readonly change: tf.Tensor; readonly first?: tf.Tensor; readonly second?: tf.Tensor };
}

/** a x + b y */
const blend = (a: number, x: tf.Tensor, b: number, y: tf.Tensor): tf.Tensor =>
  tf.add(tf.mul(x, a), b === 1 ? y : tf.mul(y, b));

/** rate g / (sqrt(s) + epsilon) */
const scaledByRoot = (rate: number, gradient: tf.Tensor, squares: tf.Tensor, epsilon: number): tf.Tensor =>
  tf.div(tf.mul(gradient, rate), tf.add(tf.sqrt(squares), epsilon));

/** The formulas are at the specs in shared/tasks/optimizer.ts. */
function methodOf(spec: OptimizerSpec): Method {
  switch (spec.name) {
    case 'sgd':
      return { slots: 0, change: (gradient, _, { rate }) => ({ change: tf.mul(gradient, rate) }) };
    case 'momentum':
    case 'nesterov':
      return {
        slots: 1,
        change(gradient, { first }, { rate }) {
          const velocity = blend(spec.momentum, first, 1, gradient);
          const direction = spec.name === 'momentum' ? velocity : blend(spec.momentum, velocity, 1, gradient);
          return { change: tf.mul(direction, rate), first: velocity };
        },
      };
    case 'adam':
    case 'adamw':
      return {
        slots: 2,
        change(gradient, state, { rate, step, weight: { variable, role } }) {
          const { beta1, beta2, epsilon } = spec;
          const first = blend(beta1, state.first, 1 - beta1, gradient);
          const second = blend(beta2, state.second, 1 - beta2, tf.square(gradient));
          const unbiased = tf.div(second, 1 - beta2 ** step);
          const change = scaledByRoot(rate / (1 - beta1 ** step), first, unbiased, epsilon);
          const decays = spec.name === 'adamw' && role === 'kernel';
          return {
            change: decays ? blend(rate * spec.weightDecay, variable, 1, change) : change,
            first,
            second,
          };
        },
      };
    case 'rmsprop':
      return {
        slots: 1,
        change(gradient, state, { rate }) {
          const first = blend(spec.decay, state.first, 1 - spec.decay, tf.square(gradient));
          return { change: scaledByRoot(rate, gradient, first, spec.epsilon), first };
        },
      };
    case 'adagrad':
      return {
        slots: 1,
        initial: spec.initialAccumulator,
        change(gradient, state, { rate }) {
          const first = tf.add(state.first, tf.square(gradient));
          return { change: scaledByRoot(rate, gradient, first, spec.epsilon), first };
        },
      };
    default:
      return spec satisfies never;
  }
}

/**
 * L2 and the pull, then clipping by value, then clipping by the norm of all gradients together.
 * @param constants - of the pull, for each weight
 */
function prepared(
  gradients: readonly tf.Tensor[],
  weights: readonly Trained[],
  constants: readonly tf.Tensor[],
  { l2 = 0, pull, gradientClipValue, gradientClipNorm }: UpdateRule,
): readonly tf.Tensor[] {
  const clipped = gradients.map((gradient, i) => {
    const { variable, role } = weights[i]!;
    const regularised = l2 > 0 && role === 'kernel' ? blend(2 * l2, variable, 1, gradient) : gradient;
    const whole = pull === undefined ? regularised : tf.add(blend(pull.mu, variable, 1, regularised), constants[i]!);
    return gradientClipValue === undefined ? whole : tf.clipByValue(whole, -gradientClipValue, gradientClipValue);
  });
  if (gradientClipNorm === undefined) return clipped;
  const squares = clipped.map((gradient) => tf.sum(tf.square(gradient)));
  const norm = tf.sqrt(tf.addN(squares));
  // max(norm, clip) and not min(1, clip / norm): a gradient of zero would divide by zero.
  const factor = tf.div(gradientClipNorm, tf.maximum(norm, gradientClipNorm));
  return clipped.map((gradient) => tf.mul(gradient, factor));
}

/**
 * An updater with fresh state for weights on the current backend.
 * @param all - that have gradients
 * @param size - d
 */
export function createUpdater(rule: UpdateRule, all: readonly Trained[], size: number): Updater {
  const { pull, frozen = [] } = rule;
  const isFrozen = ({ offset }: Trained): boolean => frozen.some(({ start, end }) => start <= offset && offset < end);
  const moved = all.flatMap((weight, i) => (isFrozen(weight) ? [] : [i]));
  const weights = moved.map((i) => all[i]!);
  const constant = pull === undefined ? null : constantOf(pull, size);
  const constants = weights.flatMap(({ offset, variable: { shape } }) => {
    if (constant === null) return [];
    return [tf.keep(tf.tensor(constant.slice(offset, offset + sizeOf(shape)), shape))];
  });
  const { slots, initial = 0, change: changeOf } = methodOf(rule.optimizer);
  const empty = tf.keep(tf.scalar(0)); // stands where a method has no second slot
  const filled = (index: number, { variable }: Trained): tf.Tensor =>
    index < slots ? tf.keep(tf.fill(variable.shape, initial)) : empty;
  const states: Slots[] = weights.map((weight) => ({ first: filled(0, weight), second: filled(1, weight) }));
  let step = 0;

  const replace = (state: Slots, slot: keyof Slots, next: tf.Tensor | undefined): void => {
    if (next === undefined) return;
    state[slot].dispose();
    state[slot] = tf.keep(next);
  };

  return {
    apply(gradients, rate) {
      step++;
      tf.tidy(() => {
        const used = moved.map((i) => gradients[i]!);
        for (const [i, gradient] of prepared(used, weights, constants, rule).entries()) {
          const weight = weights[i]!;
          const state = states[i]!;
          const { change, first, second } = changeOf(gradient, state, { rate, step, weight });
          weight.variable.assign(tf.sub(weight.variable, change));
          replace(state, 'first', first);
          replace(state, 'second', second);
        }
      });
    },
    dispose() {
      for (const { first, second } of states) tf.dispose([first, second]);
      empty.dispose();
      tf.dispose(constants);
    },
  };
}

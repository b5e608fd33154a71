import type { UpdateRule } from '../engine.ts';
import type { Kernels } from '../kernels/load.ts';
import { constantOf } from '../pull.ts';
import type { Arena } from './arena.ts';
import { isTrained } from './stages.ts';
import type { Landing, Weight } from './stage.ts';

/** How many vectors of state each optimizer keeps. */
const slots = { sgd: 0, momentum: 1, nesterov: 1, adam: 2, adamw: 2, rmsprop: 1, adagrad: 1 } as const;

/** Turns the gradients of a batch into a step, as `UpdateRule` says. */
export interface Optimizer {
  /** Where the gradient of a weight goes in a step with this learning rate. */
  land(weight: Weight, rate: number): Landing;
  /** After all gradients have landed. */
  finish(rate: number): void;
}

/**
 * Plain SGD: each gradient is subtracted from its weight by the product that makes it, which scales the weight as well: that
 * is all of L2, and the part of a pull that changes with the weight.
 */
function plain({ l2 = 0, pull }: UpdateRule, { kernels }: OptimizerContext, moved: Moved): Optimizer {
  const decay = pull?.mu ?? 0;
  return {
    land: (weight, rate) => {
      const { at, role } = weight;
      if (moved.isFrozen(weight)) return { at, alpha: 0, beta: 1 };
      return { at, alpha: -rate, beta: 1 - (decay + (role === 'kernel' ? 2 * l2 : 0)) * rate };
    },
    finish(rate) {
      if (moved.constant === null) return;
      for (const { at, size } of moved.weights) kernels.addScaled(at, moved.constant + (at - moved.base), size, -rate);
    },
  };
}

/** The weights that a rule moves. */
interface Moved {
  readonly weights: readonly Weight[];
  isFrozen(weight: Weight): boolean;
  /** Address of the constant part of the pull, or null without one. */
  readonly constant: number | null;
  readonly base: number;
}

export interface OptimizerContext {
  readonly kernels: Kernels;
  readonly arena: Arena;
  readonly weights: readonly Weight[];
  /** Address of the first weight. */
  readonly base: number;
}

/** An optimizer with fresh state. Reserves the gradients of all weights and its state in the arena, unless it needs none. */
export function createOptimizer(rule: UpdateRule, { kernels, arena, weights, base }: OptimizerContext): Optimizer {
  const { optimizer, l2 = 0, gradientClipValue, gradientClipNorm } = rule;
  const { pull, frozen = [] } = rule;
  const size = weights.reduce((sum, weight) => sum + weight.size, 0);
  const offsetOf = ({ at }: Weight): number => (at - base) / 4;
  const isFrozen = (weight: Weight): boolean =>
    frozen.some(({ start, end }) => start <= offsetOf(weight) && offsetOf(weight) < end);
  const trained = weights.filter((weight) => isTrained(weight) && !isFrozen(weight));
  const constant = pull === undefined ? null : arena.reserve(size);
  if (pull !== undefined) {
    arena.commit();
    arena.floats(constant!, size).set(constantOf(pull, size));
  }
  const clips = gradientClipValue !== undefined || gradientClipNorm !== undefined;
  if (optimizer.name === 'sgd' && !clips) {
    return plain(rule, { kernels, arena, weights, base }, { weights: trained, isFrozen, constant, base });
  }
  const gradients = arena.reserve(size);
  const states = Array.from({ length: slots[optimizer.name] }, () => arena.reserve(size));
  arena.commit();
  const initial = optimizer.name === 'adagrad' ? optimizer.initialAccumulator : 0;
  for (const state of states) arena.floats(state, size).fill(initial);
  let steps = 0;

  const move = (weight: Weight, rate: number): void => {
    const offset = weight.at - base;
    const g = gradients + offset;
    const [first = 0, second = 0] = states.map((state) => state + offset);
    switch (optimizer.name) {
      case 'sgd':
        return kernels.addScaled(weight.at, g, weight.size, -rate);
      case 'momentum':
      case 'nesterov': {
        const isAhead = optimizer.name === 'nesterov';
        return kernels.momentum(weight.at, g, first, weight.size, rate, optimizer.momentum, isAhead);
      }
      case 'adam':
      case 'adamw': {
        const { beta1, beta2, epsilon } = optimizer;
        const corrected = rate / (1 - beta1 ** steps);
        const root = 1 / Math.sqrt(1 - beta2 ** steps);
        const shrink = optimizer.name === 'adamw' && weight.role === 'kernel' ? rate * optimizer.weightDecay : 0;
        const gains = [1 - beta1, 1 - beta2] as const;
        const { at, size: count } = weight;
        return kernels.adam(
          at,
          g,
          first,
          second,
          count,
          corrected,
          beta1,
          gains[0],
          beta2,
          gains[1],
          root,
          epsilon,
          shrink,
        );
      }
      case 'rmsprop': {
        const { decay, epsilon } = optimizer;
        return kernels.rootScaled(weight.at, g, first, weight.size, rate, decay, 1 - decay, epsilon);
      }
      case 'adagrad':
        return kernels.rootScaled(weight.at, g, first, weight.size, rate, 1, 1, optimizer.epsilon);
      default:
        return optimizer satisfies never;
    }
  };

  return {
    land: ({ at }) => ({ at: gradients + (at - base), alpha: 1, beta: 0 }),
    finish(rate) {
      steps++;
      for (const { at, size: count, role } of trained) {
        const g = gradients + (at - base);
        if (l2 !== 0 && role === 'kernel') kernels.addScaled(g, at, count, 2 * l2);
        if (pull !== undefined && constant !== null) {
          if (pull.mu !== 0) kernels.addScaled(g, at, count, pull.mu);
          kernels.addScaled(g, constant + (at - base), count, 1);
        }
        if (gradientClipValue !== undefined) kernels.clipValues(g, count, gradientClipValue);
      }
      if (gradientClipNorm !== undefined) {
        const squares = trained.map(({ at, size: count }) => kernels.sumOfSquares(gradients + (at - base), count));
        const norm = Math.sqrt(squares.reduce((sum, square) => sum + square, 0));
        if (norm > gradientClipNorm) {
          for (const { at, size: count } of trained) {
            kernels.scaleBy(gradients + (at - base), count, gradientClipNorm / norm);
          }
        }
      }
      for (const weight of trained) move(weight, rate);
    },
  };
}

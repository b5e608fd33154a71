import type { UpdateRule } from '../../../shared/engine/engine.ts';
import { weightSpecs, type ModelSpec } from '../../../shared/tasks/model.ts';
import { layoutOf, sizeOf } from '../../../shared/weights.ts';

/** The rule of a model's steps in float64, with its state. */
export class ReferenceRule {
  readonly #rule: UpdateRule;
  /** 1 for weights of kernels, which alone are regularised and decay. */
  readonly #isKernel: Float64Array;
  readonly #isTrained: Float64Array;
  /** Velocity, or the mean of gradients. */
  readonly #first: Float64Array;
  /** Sum or mean of squares. */
  readonly #second: Float64Array;
  #steps = 0;

  constructor(model: ModelSpec, rule: UpdateRule) {
    this.#rule = rule;
    const specs = weightSpecs(model);
    const size = specs.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
    const offsets = layoutOf(specs).map(({ offset }) => offset);
    this.#isKernel = new Float64Array(size);
    this.#isTrained = new Float64Array(size);
    for (const [i, { role, shape }] of specs.entries()) {
      const isFrozen = rule.frozen?.some(({ start, end }) => start <= offsets[i]! && offsets[i]! < end) ?? false;
      if (role !== 'statistic' && !isFrozen) this.#isTrained.fill(1, offsets[i]!, offsets[i]! + sizeOf(shape));
      if (role === 'kernel') this.#isKernel.fill(1, offsets[i]!, offsets[i]! + sizeOf(shape));
    }
    this.#first = new Float64Array(size);
    this.#second = new Float64Array(size);
    if (rule.optimizer.name === 'adagrad') this.#second.fill(rule.optimizer.initialAccumulator);
  }

  /**
   * What one step adds to the weights.
   * @param gradient - of the loss, length d
   */
  step(weights: Float64Array, gradient: Float64Array, rate: number): Float64Array {
    this.#steps++;
    const g = this.#prepared(weights, gradient);
    return weights.map((weight, i) => this.#isTrained[i]! * -rate * this.#direction(weight, g[i]!, i));
  }

  /** With L2 regularisation, then cut off value by value, then scaled down to the norm. */
  #prepared(weights: Float64Array, gradient: Float64Array): Float64Array {
    const { l2 = 0, pull, gradientClipValue = Infinity, gradientClipNorm = Infinity } = this.#rule;
    const clipped = gradient.map((value, i) => {
      const regularised = value + 2 * l2 * this.#isKernel[i]! * weights[i]!;
      const toAnchor = pull?.anchor === undefined ? 0 : pull.mu * (weights[i]! - pull.anchor[i]!);
      const pulled = this.#isTrained[i]! * (regularised + toAnchor + (pull?.drift?.[i] ?? 0));
      return Math.min(gradientClipValue, Math.max(-gradientClipValue, pulled));
    });
    const norm = Math.sqrt(clipped.reduce((sum, value) => sum + value ** 2, 0));
    return norm <= gradientClipNorm ? clipped : clipped.map((value) => (value * gradientClipNorm) / norm);
  }

  /** What the rate is multiplied by for one weight. */
  #direction(weight: number, g: number, i: number): number {
    const { optimizer } = this.#rule;
    const first = this.#first;
    const second = this.#second;
    switch (optimizer.name) {
      case 'sgd':
        return g;
      case 'momentum':
        first[i] = optimizer.momentum * first[i]! + g;
        return first[i]!;
      case 'nesterov':
        first[i] = optimizer.momentum * first[i]! + g;
        return g + optimizer.momentum * first[i]!;
      case 'adam':
      case 'adamw': {
        const { beta1, beta2, epsilon } = optimizer;
        first[i] = beta1 * first[i]! + (1 - beta1) * g;
        second[i] = beta2 * second[i]! + (1 - beta2) * g ** 2;
        const mean = first[i]! / (1 - beta1 ** this.#steps);
        const square = second[i]! / (1 - beta2 ** this.#steps);
        const decay = optimizer.name === 'adamw' ? optimizer.weightDecay * this.#isKernel[i]! * weight : 0;
        return mean / (Math.sqrt(square) + epsilon) + decay;
      }
      case 'rmsprop':
        second[i] = optimizer.decay * second[i]! + (1 - optimizer.decay) * g ** 2;
        return g / (Math.sqrt(second[i]!) + optimizer.epsilon);
      case 'adagrad':
        second[i]! += g ** 2;
        return g / (Math.sqrt(second[i]!) + optimizer.epsilon);
      default:
        return optimizer satisfies never;
    }
  }
}

import type { Examples } from '../../../shared/engine/engine.ts';
import { seeded } from '../../../shared/random.ts';
import { modelLayout, type ModelSpec } from '../../../shared/tasks/model.ts';
import { layoutSize, sizeOf, type Layout, type LayoutEntry } from '../../../shared/weights.ts';
import { referenceLoss, stagesOf, type Stage } from './network.ts';

/** The slope of the loss along one weight. */
export interface Slope {
  readonly index: number;
  /** (L(w + h) - L(w - h)) / 2h */
  readonly central: number;
  /** The slope to the right less the slope to the left: h L'' where the loss is smooth, more at a kink. */
  readonly gap: number;
}

/**
 * In float64 the rounding of a loss near 1 over this step is 1e-10, and the curvature's part of a central difference is of
 * the order of its square.
 */
const step = 2e-6;
/** What rounding leaves of the difference of two gaps, for a loss near 1. */
const rounding = 1e-14 / (step / 4);

/** Float64 central differences of the loss in training mode, each computed once. */
export class Differences {
  readonly #model: ModelSpec;
  readonly #weights: Float64Array;
  readonly #batch: Examples;
  readonly #mode: { readonly training: true; readonly seed: number };
  readonly #stages: readonly Stage[];
  readonly #starts: readonly number[];
  readonly #known = new Map<number, Slope>();
  /** At the weights themselves. */
  readonly loss: number;

  /** @param weights - length d; float32 values, as the engine has them */
  constructor(model: ModelSpec, weights: Float32Array, batch: Examples, seed = 0) {
    this.#model = model;
    this.#weights = Float64Array.from(weights);
    this.#batch = batch;
    this.#mode = { training: true, seed };
    this.#stages = stagesOf(model, this.#weights, batch, this.#mode);
    const layout = modelLayout(model);
    this.#starts = this.#stages.map(({ weights: first }) => layout[first]?.offset ?? weights.length);
    this.loss = this.#lossFrom(0);
  }

  slope(index: number): Slope {
    const known = this.#known.get(index) ?? this.#slopeOver(index, step);
    this.#known.set(index, known);
    return known;
  }

  /**
   * How much of a weight's gap is a kink near it, in units of the slope. The gap of a smooth loss halves with the step;
   * three steps are compared, since two miss a kink at one place between them.
   */
  kink(index: number): number {
    const [whole, half, quarter] = [step, step / 2, step / 4].map((h) => this.#slopeOver(index, h).gap) as [
      number,
      number,
      number,
    ];
    const kink = Math.max(Math.abs(whole - 2 * half), Math.abs(half - 2 * quarter));
    return kink <= rounding ? 0 : kink;
  }

  #slopeOver(index: number, h: number): Slope {
    const layer = this.#starts.findLastIndex((from) => from <= index);
    const before = this.#weights[index]!;
    this.#weights[index] = before + h;
    const right = this.#lossFrom(layer);
    this.#weights[index] = before - h;
    const left = this.#lossFrom(layer);
    this.#weights[index] = before;
    return { index, central: (right - left) / (2 * h), gap: (right - 2 * this.loss + left) / h };
  }

  /** The loss, from the layer on: what lies before it is as it was. */
  #lossFrom(layer: number): number {
    const from = { stage: this.#stages[layer]!, layer };
    return referenceLoss(this.#model, this.#weights, this.#batch, this.#mode, from);
  }
}

/**
 * Weights to look at: all where d is at most `budget`, else as many of every tensor as its fair part, drawn by the seed.
 */
export function sampleWeights(model: ModelSpec, budget: number, seed: number): number[] {
  const layout = modelLayout(model);
  const all = (entry: LayoutEntry) => Array.from({ length: sizeOf(entry.shape) }, (_, i) => entry.offset + i);
  if (layoutSize(layout) <= budget) return layout.flatMap(all);
  const each = Math.max(1, Math.floor(budget / layout.length));
  return layout.flatMap((entry) => {
    const size = sizeOf(entry.shape);
    if (size <= each) return all(entry);
    const random = seeded(seed, 'weights to look at', entry.name);
    const chosen = new Set<number>();
    while (chosen.size < each) chosen.add(entry.offset + random.below(size));
    return [...chosen].toSorted((a, b) => a - b);
  });
}

/** The number of the tensor in which a weight lies. */
export const tensorOf = (layout: Layout, index: number): number =>
  layout.findLastIndex(({ offset }) => offset <= index);

export interface CentralDifferences {
  readonly loss: number;
  /** At the given indices that lie at no kink. */
  readonly slopes: readonly Slope[];
  /** How many indices were left out, since there the loss has a kink (relu, the largest of a pool). */
  readonly skipped: number;
}

/**
 * Central differences of the loss at the given weights.
 * @param tolerance - the largest kink that does not matter, as a part of the largest slope of the same tensor
 */
export function centralDifferences(
  model: ModelSpec,
  differences: Differences,
  indices: readonly number[],
  tolerance = 4e-5,
): CentralDifferences {
  const slopes = indices.map((index) => differences.slope(index));
  const layout = modelLayout(model);
  const largest = new Float64Array(layout.length);
  for (const { index, central } of slopes) {
    const tensor = tensorOf(layout, index);
    largest[tensor] = Math.max(largest[tensor]!, Math.abs(central));
  }
  const smooth = slopes.filter(({ index, gap }) => {
    const most = tolerance * largest[tensorOf(layout, index)]!;
    return Math.abs(gap) <= most || differences.kink(index) <= most;
  });
  return { loss: differences.loss, slopes: smooth, skipped: slopes.length - smooth.length };
}

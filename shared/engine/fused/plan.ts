import { outlineLayer } from '../../tasks/layers.ts';
import type { ModelSpec } from '../../tasks/model.ts';
import { losses, outputShape } from '../../tasks/model.ts';
import { sizeOf } from '../../weights.ts';
import type { Kernels } from '../kernels/load.ts';
import type { Arena } from './arena.ts';
import type { Stage, Weight } from './stage.ts';
import { buildStage } from './stages.ts';

/** Stages and buffers for batches up to `capacity`. */
export interface Plan {
  readonly capacity: number;
  /** Address of the input, [capacity, ...input]. */
  readonly input: number;
  /** Address of labels or targets. */
  readonly targets: number;
  readonly stages: readonly Stage[];
  /** Two buffers that the gradients of the stages' outputs take in turn. */
  readonly gradients: readonly [number, number];
  /** The first stage with weights: no gradient goes before it. */
  readonly first: number;
}

export interface PlanContext {
  readonly kernels: Kernels;
  readonly arena: Arena;
  /** All of the model's, in order of its layout. */
  readonly weights: readonly Weight[];
}

/** Builds a stage for each layer, one after the other in the arena. The arena has to be committed before they run. */
export function planFor(model: ModelSpec, capacity: number, { kernels, arena, weights }: PlanContext): Plan {
  let scratchSize = 0;
  let scratchAt = 0;
  const scratch = (size: number): (() => number) => {
    scratchSize = Math.max(scratchSize, size);
    return () => scratchAt;
  };
  const stages: Stage[] = [];
  const start = arena.reserve(capacity * sizeOf(model.input));
  const targets = arena.reserve(capacity * sizeOf(outputShape(model)));
  let input = start;
  let inputShape: readonly number[] = model.input;
  let next = 0;
  let dropouts = 0;
  let largest = 0;
  let first = -1;
  for (const [index, layer] of model.layers.entries()) {
    const outline = outlineLayer(layer, `${index + 1}`, inputShape);
    const mine = weights.slice(next, next + outline.weights.length);
    if (first < 0 && mine.length > 0) first = index;
    const stage = buildStage(layer, {
      kernels,
      arena,
      capacity,
      input,
      inputShape,
      outputShape: outline.output,
      weights: mine,
      fromLogits: index === model.layers.length - 1 && losses[model.loss].end !== null,
      dropouts,
      scratch,
    });
    stages.push(stage);
    next += mine.length;
    if (layer.type === 'dropout') dropouts++;
    largest = Math.max(largest, sizeOf(inputShape), sizeOf(outline.output));
    input = stage.output;
    inputShape = outline.output;
  }
  const gradients = [arena.reserve(capacity * largest), arena.reserve(capacity * largest)] as const;
  scratchAt = arena.reserve(scratchSize);
  return { capacity, input: start, targets, stages, gradients, first };
}

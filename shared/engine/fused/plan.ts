import { losses, outputShape, type ModelSpec } from '../../tasks/model.ts';
import { sizeOf } from '../../weights.ts';
import type { Kernels } from '../kernels/load.ts';
import type { Arena } from './arena.ts';
import { buildChain } from './chain.ts';
import type { Chain, Weight } from './stage.ts';

/** Stages and buffers for batches up to `capacity`. */
export interface Plan {
  readonly capacity: number;
  /** Address of the input, [capacity, ...input]. */
  readonly input: number;
  /** Address of labels or targets. */
  readonly targets: number;
  readonly chain: Chain;
  /** Two buffers that the gradients of the stages' outputs take in turn. */
  readonly gradients: readonly [number, number];
}

export interface PlanContext {
  readonly kernels: Kernels;
  readonly arena: Arena;
  /** All of the model's, in order of its layout. */
  readonly weights: readonly Weight[];
}

/** Lays out a model's stages and buffers in the arena, which has to be committed before they run. */
export function planFor(model: ModelSpec, capacity: number, { kernels, arena, weights }: PlanContext): Plan {
  const shared = { scratch: sharedBuffer(), inner: [sharedBuffer(), sharedBuffer()] as const };
  const input = arena.reserve(capacity * sizeOf(model.input));
  const targets = arena.reserve(capacity * sizeOf(outputShape(model)));
  const chain = buildChain({
    layers: model.layers,
    kernels,
    arena,
    capacity,
    input,
    inputShape: model.input,
    weights,
    fromLogits: losses[model.loss].end !== null,
    dropouts: 0,
    scratch: shared.scratch.ask,
    innerGradients: (size) => {
      const [one, other] = shared.inner.map(({ ask }) => ask(size)) as [() => number, () => number];
      return () => [one(), other()];
    },
  });
  const gradients = [arena.reserve(capacity * chain.largest), arena.reserve(capacity * chain.largest)] as const;
  for (const buffer of [shared.scratch, ...shared.inner]) buffer.place((size) => arena.reserve(size));
  return { capacity, input, targets, chain, gradients };
}

/** A buffer as large as the largest that anybody asks for; its address is known when all have asked. */
function sharedBuffer(): {
  ask(size: number): () => number;
  place(reserve: (size: number) => number): void;
} {
  let most = 0;
  let at = 0;
  return {
    ask(size) {
      most = Math.max(most, size);
      return () => at;
    },
    place(reserve) {
      at = reserve(most);
    },
  };
}

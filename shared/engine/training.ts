import { asFederatedError, FederatedError } from '../errors.ts';
import type { TrainingPlan } from '../tasks/task.ts';
import { BatchReader, epochOrder } from './batches.ts';
import type { Engine, Examples } from './engine.ts';
import { firstNotFinite } from './examples.ts';

export interface TrainLocallyOptions {
  /** With the round, seeds the order of the batches. */
  readonly seed: number | string;
  readonly round: number;
  readonly signal?: AbortSignal;
  /** Called after each pause with the part that is done, 0 to 1. */
  readonly onProgress?: (fraction: number) => void;
  /** Steps between two pauses in which the thread can see messages and the abort; default 16. */
  readonly yieldEvery?: number;
}

export interface LocalUpdate {
  /** New weights minus old, length d. */
  readonly delta: Float32Array;
  /** Examples trained on. */
  readonly examples: number;
  /** `loss`: mean over the examples of the last epoch, each measured before the step that used it. */
  readonly metrics: { readonly loss: number };
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

const diverged = (what: string): FederatedError =>
  new FederatedError('TRAINING_FAILED', `training: ${what}; the training diverged, lower clientLearningRate`);

/**
 * E epochs of stochastic gradient descent from the engine's weights. Each epoch takes the examples in a fresh seeded order;
 * the last batch of an epoch may be smaller. The same weights, examples, seed and round give the same bytes on one backend.
 * @throws FederatedError ABORTED; TRAINING_FAILED when loss or weights are no longer finite, or the backend fails
 * @see McMahan et al., AISTATS 2017, Algorithm 1, ClientUpdate
 */
export async function trainLocally(
  engine: Engine,
  examples: Examples,
  plan: TrainingPlan,
  { seed, round, signal, onProgress, yieldEvery = 16 }: TrainLocallyOptions,
): Promise<LocalUpdate> {
  const { count } = examples;
  const batchSize = plan.batchSize === 'full' ? count : Math.min(plan.batchSize, count);
  const steps = plan.localEpochs * Math.ceil(count / batchSize);
  const before = engine.getWeights();
  const reader = batchSize === count ? null : new BatchReader(examples, batchSize);
  let done = 0;
  let loss = 0;
  for (let epoch = 0; epoch < plan.localEpochs; epoch++) {
    const order = epochOrder(seed, round, epoch, count);
    let sum = 0;
    for (let from = 0; from < count; from += batchSize) {
      if (signal?.aborted) throw new FederatedError('ABORTED', 'training: stopped before its end');
      const batch = reader?.read(order, from, Math.min(count, from + batchSize)) ?? examples;
      sum += batch.count * stepOf(engine, batch, plan.clientLearningRate);
      if (!Number.isFinite(sum)) throw diverged(`the loss is not finite in epoch ${epoch + 1}`);
      if (++done % yieldEvery === 0) {
        await pause();
        onProgress?.(done / steps);
      }
    }
    loss = sum / count;
  }
  const delta = engine.getWeights();
  for (let i = 0; i < delta.length; i++) delta[i]! -= before[i]!;
  if (firstNotFinite(delta) >= 0) throw diverged('the weights are not finite');
  onProgress?.(1);
  return { delta, examples: count, metrics: { loss } };
}

function stepOf(engine: Engine, batch: Examples, learningRate: number): number {
  try {
    return engine.step(batch, learningRate);
  } catch (thrown) {
    throw asFederatedError(thrown, 'TRAINING_FAILED');
  }
}

import { asFederatedError, FederatedError } from '../errors.ts';
import { learningRateAt } from '../tasks/optimizer.ts';
import type { Span } from '../tasks/spans.ts';
import { localSteps, stepSize } from '../tasks/steps.ts';
import type { TrainingPlan } from '../tasks/task.ts';
import { BatchReader, epochOrder } from './batches.ts';
import { stepSeeds } from './dropout.ts';
import type { Engine, Examples, UpdateRule } from './engine.ts';
import { firstNotFinite } from './examples.ts';
import { pause } from './pause.ts';
import type { Pull } from './pull.ts';

/** What a federated algorithm changes of plain local training. */
export interface Adjustments {
  /** Added to every gradient. */
  readonly pull?: Pull;
  /** Weights that stay as they are. */
  readonly frozen?: readonly Span[];
  /** Measures the loss of the weights that it begins with, over all examples, as `initial-loss`. */
  readonly measureFirst?: boolean;
}

export interface TrainLocallyOptions {
  /** With the round, seeds the order of the batches and what dropout drops. */
  readonly seed: number | string;
  readonly round: number;
  readonly signal?: AbortSignal;
  /** Called after each pause with the part that is done, 0 to 1. */
  readonly onProgress?: (fraction: number) => void;
  /** Which examples to train on, in the client's own order; default: all. */
  readonly indices?: Uint32Array;
  readonly adjust?: Adjustments | undefined;
  /** The engine's weights, length d, where the caller has them at hand; default: they are read from the engine. Not changed. */
  readonly before?: Float32Array;
  /** Memory for the delta, length d; default: new. */
  readonly into?: Float32Array | undefined;
  /** Steps between two pauses in which the thread can see messages and the abort; default 16. */
  readonly yieldEvery?: number;
}

export interface LocalUpdate {
  /** New weights minus old, length d. */
  readonly delta: Float32Array;
  /** Examples trained on. */
  readonly examples: number;
  /**
   * `loss`: mean over the examples of the last epoch, each measured before the step that used it. `initial-loss` where it is
   * asked for.
   */
  readonly metrics: { readonly loss: number; readonly 'initial-loss'?: number };
}

const diverged = (what: string): FederatedError =>
  new FederatedError('TRAINING_FAILED', `training: ${what}; the training diverged, lower clientLearningRate`);

/** What a plan does with each gradient. */
const ruleOf = (
  { optimizer, l2, gradientClipNorm, gradientClipValue }: TrainingPlan,
  { pull, frozen }: Adjustments,
): UpdateRule => ({
  optimizer,
  l2,
  ...(pull === undefined ? {} : { pull }),
  ...(frozen === undefined ? {} : { frozen }),
  ...(gradientClipNorm === undefined ? {} : { gradientClipNorm }),
  ...(gradientClipValue === undefined ? {} : { gradientClipValue }),
});

/** The examples of an epoch in their order: the same as if the client had its own copy of them. */
function orderOf(indices: Uint32Array | undefined, order: Uint32Array | null): Uint32Array {
  if (indices === undefined) return order ?? new Uint32Array(0); // the whole batch is read as it is
  return order?.map((place) => indices[place]!) ?? indices;
}

/**
 * E epochs from the engine's weights, with a fresh optimizer. Each epoch takes the examples in a fresh seeded order; the
 * last batch of an epoch may be smaller. The same weights, examples, seed and round give the same bytes on one backend.
 * @throws FederatedError ABORTED; TRAINING_FAILED when loss or weights are no longer finite, or the backend fails
 * @see McMahan et al., AISTATS 2017, Algorithm 1, ClientUpdate
 */
export async function trainLocally(
  engine: Engine,
  examples: Examples,
  plan: TrainingPlan,
  options: TrainLocallyOptions,
): Promise<LocalUpdate> {
  const { seed, round, signal, onProgress, indices, adjust = {}, into, yieldEvery = 16 } = options;
  const count = indices?.length ?? examples.count;
  const batchSize = stepSize(plan, count);
  const steps = localSteps(plan, count);
  const rate = learningRateAt(plan.clientLearningRate, plan.schedule, round);
  const before = options.before ?? (await engine.getWeights());
  const isFull = batchSize === count;
  const reader = isFull && indices === undefined ? null : new BatchReader(examples, batchSize);
  const nextSeed = stepSeeds(seed, round);
  let done = 0;
  let loss = 0;
  let initial: number | null = null;
  try {
    engine.setRule(ruleOf(plan, adjust));
    if (adjust.measureFirst === true) initial = await lossOf(engine, examples, indices);
    for (let epoch = 0; epoch < plan.localEpochs; epoch++) {
      await engine.takeLoss(); // of this epoch alone
      const order = orderOf(indices, isFull ? null : epochOrder(seed, round, epoch, count));
      for (let from = 0; from < count; from += batchSize) {
        if (signal?.aborted) throw new FederatedError('ABORTED', 'training: stopped before its end');
        engine.step(reader?.read(order, from, Math.min(count, from + batchSize)) ?? examples, rate, nextSeed());
        if (++done % yieldEvery === 0) {
          await pause();
          onProgress?.(done / steps);
        }
      }
      loss = await engine.takeLoss();
      if (!Number.isFinite(loss)) throw diverged(`the loss is not finite in epoch ${epoch + 1}`);
    }
  } catch (thrown) {
    throw asFederatedError(thrown, 'TRAINING_FAILED');
  }
  const delta = await engine.getWeights(into);
  for (let i = 0; i < delta.length; i++) delta[i]! -= before[i]!;
  if (firstNotFinite(delta) >= 0) throw diverged('the weights are not finite');
  onProgress?.(1);
  return { delta, examples: count, metrics: initial === null ? { loss } : { loss, 'initial-loss': initial } };
}

/** Mean loss of an engine's weights over a client's examples. */
async function lossOf(engine: Engine, examples: Examples, indices: Uint32Array | undefined): Promise<number> {
  if (indices === undefined) return (await engine.evaluate(examples)).loss;
  const part = 1_000; // at once, so that no copy of all of them is made
  const reader = new BatchReader(examples, Math.min(part, indices.length));
  let sum = 0;
  for (let from = 0; from < indices.length; from += part) {
    const to = Math.min(indices.length, from + part);
    sum += (await engine.evaluate(reader.read(indices, from, to))).loss * (to - from);
  }
  return sum / indices.length;
}

import type { OptimizerSpec } from './optimizer.ts';
import type { TrainingPlan } from './task.ts';

/** Examples in a step of a client that has `count` of them. */
export const stepSize = ({ batchSize }: Pick<TrainingPlan, 'batchSize'>, count: number): number =>
  batchSize === 'full' ? count : Math.min(batchSize, count);

/** tau: the steps that a client with `count` examples takes in a round. */
export const localSteps = (plan: Pick<TrainingPlan, 'batchSize' | 'localEpochs'>, count: number): number =>
  plan.localEpochs * Math.ceil(count / stepSize(plan, count));

/**
 * |a|_1 of FedNova: how many gradients, in all, `steps` steps of an optimizer add up to, since momentum uses a gradient again in
 * later steps. For momentum m it is (tau - m (1 - m^tau) / (1 - m)) / (1 - m), which is summed here, since it cancels near m = 1.
 * Null for an optimizer that scales each coordinate differently, where there is no such number.
 * @see Wang, Liu, Liang, Joshi, Poor, NeurIPS 2020, section 4.1
 */
export function accumulatedSteps(optimizer: OptimizerSpec, steps: number): number | null {
  if (optimizer.name === 'sgd') return steps;
  if (optimizer.name !== 'momentum' && optimizer.name !== 'nesterov') return null;
  const m = optimizer.momentum;
  let velocity = 0;
  let polyak = 0;
  for (let step = 0; step < steps; step++) {
    velocity = m * velocity + 1;
    polyak += velocity;
  }
  // Nesterov's step is g + m v: each gradient once, and m times what Polyak's velocity makes of it.
  return optimizer.name === 'momentum' ? polyak : steps + m * polyak;
}

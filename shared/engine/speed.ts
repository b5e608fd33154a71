import { initialWeights } from '../tasks/initial.ts';
import type { ModelSpec } from '../tasks/model.ts';
import type { Engine } from './engine.ts';
import { sampleBatch } from './sample-batch.ts';

/** Examples in a batch, as small as federated clients often have them. */
const batchSize = 10;
const warmUpSteps = 3;
/** Steps between two looks at the clock: a graphics card is fast only when it need not answer after each. */
const groupSteps = 3;
const groups = 5;
/** Ends the measurement after the group in which it is exceeded. */
const enoughMs = 1_000;

/**
 * How fast an engine trains: the median over a few groups of steps on made-up examples. Leaves the weights changed.
 * @param now - a clock in ms
 * @returns examples in a second
 */
export async function measureSpeed(engine: Engine, model: ModelSpec, now: () => number): Promise<number> {
  const batch = sampleBatch(model, batchSize);
  engine.setWeights(initialWeights(model, 0));
  const train = async (steps: number): Promise<void> => {
    for (let i = 0; i < steps; i++) engine.step(batch, 1e-3);
    await engine.takeLoss(); // waits until all is computed
  };
  await train(warmUpSteps); // compiles what is compiled at first use
  const times: number[] = [];
  let total = 0;
  while (times.length < groups && total < enoughMs) {
    const start = now();
    await train(groupSteps);
    const time = Math.max(now() - start, 1e-3); // browsers blur their clocks, to 0 at worst
    times.push(time);
    total += time;
  }
  const median = times.toSorted((a, b) => a - b)[times.length >> 1]!;
  return Math.round((batchSize * groupSteps * 1_000) / median);
}

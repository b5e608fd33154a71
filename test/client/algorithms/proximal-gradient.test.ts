import { expect } from 'chai';
import { LocalTrainer } from '../../../client/local-training.ts';
import { createEngine } from '../../../shared/engine/create-engine.ts';
import type { Examples } from '../../../shared/engine/engine.ts';
import { seeded } from '../../../shared/random.ts';
import { initialWeights } from '../../../shared/tasks/initial.ts';
import { checkTask } from '../../../shared/tasks/task.ts';

const task = checkTask({
  format: 'fedloom-task-1',
  name: 'small',
  model: {
    input: [4],
    layers: [
      { type: 'dense', units: 5, activation: 'tanh' },
      { type: 'dense', units: 3, activation: 'softmax' },
    ],
    loss: 'sparse-categorical-crossentropy',
  },
  data: { features: [4], labels: { classes: 3 } },
  training: { localEpochs: 1, batchSize: 'full', clientLearningRate: 1, optimizer: 'sgd' },
});
const random = seeded('proximal');
const examples: Examples = {
  xs: Float32Array.from({ length: 40 }, () => 2 * random.float() - 1),
  ys: Int32Array.from({ length: 10 }, () => random.below(3)),
  count: 10,
};
const mu = 0.7;

describe('a step with a pull', () => {
  it('is the slope of F(w) + mu/2 |w - anchor|² + <drift, w>, by finite differences', async () => {
    const weights = initialWeights(task.model, 1);
    const anchor = weights.map((value) => value + random.float() - 0.5);
    const drift = weights.map(() => random.float() - 0.5);
    const trainer = new LocalTrainer({ backend: 'wasm' });
    await trainer.load(task, examples);
    const { delta } = await trainer.train({
      task,
      weights,
      round: 1,
      seed: 1,
      adjust: { pull: { mu, anchor, drift } },
      signal: new AbortController().signal,
      onProgress: () => {},
    });
    await trainer.close();

    const engine = await createEngine({ model: task.model, backend: 'cpu' });
    const objective = async (at: Float32Array): Promise<number> => {
      engine.setWeights(at);
      const { loss } = await engine.evaluate(examples);
      const added = at.reduce((sum, w, i) => sum + (mu / 2) * (w - anchor[i]!) ** 2 + drift[i]! * w, 0);
      return loss + added;
    };
    const h = 2 ** -7; // float32 losses: smaller steps lose more to rounding than they gain
    for (let i = 0; i < weights.length; i++) {
      const slope =
        ((await objective(weights.with(i, weights[i]! + h))) - (await objective(weights.with(i, weights[i]! - h)))) /
        (2 * h);
      expect(-delta[i]!, `weight ${i}`).to.be.closeTo(slope, 1e-4);
    }
    engine.dispose();
  });
});

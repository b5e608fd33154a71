import type { Trainer, TrainRequest } from '../../../client/trainer.ts';
import { utf8 } from '../../../shared/bytes.ts';
import { floatBytes } from '../../../shared/weights.ts';
import type { Contribution } from './reference.ts';
import { gridSteps } from './reference.ts';
import { mix } from './primitives.ts';

export interface TrainingWorld {
  after(ms: number, run: () => void): () => void;
  /** How long this training takes, ms. */
  length(): number;
  examples(): number;
  begun(request: TrainRequest): void;
  done(request: TrainRequest, contribution: Contribution): void;
}

/** A vector that nobody would meet by chance, from what the training is about alone. */
function deltaOf({ seed, round, weights }: TrainRequest): Float32Array {
  const words = new DataView(mix(4 * weights.length, utf8(`${seed} ${round}`), floatBytes(weights)).buffer);
  return weights.map((_, i) => (words.getInt32(4 * i) >> 12) / gridSteps); // within ± 4
}

/** Training that takes virtual time. */
export const simulatedTrainer = (world: TrainingWorld): Trainer => ({
  backend: 'simulated',
  load: async () => {},
  train: (request) =>
    new Promise((resolve, reject) => {
      world.begun(request);
      const cancel = world.after(world.length(), () => {
        const contribution = { delta: deltaOf(request), examples: world.examples() };
        request.onProgress(0.5);
        world.done(request, contribution);
        resolve({ delta: contribution.delta.slice(), examples: contribution.examples, metrics: { loss: 0.5 } });
      });
      request.signal.addEventListener('abort', () => {
        cancel();
        reject(new Error('aborted'));
      });
    }),
  close: async () => {},
});

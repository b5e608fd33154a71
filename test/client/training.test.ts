import { expect } from 'chai';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { LocalTrainer } from '../../client/local-training.ts';
import { spawnNodeWorker } from '../../client/node/worker.ts';
import type { Trainer, TrainRequest } from '../../client/trainer.ts';
import type { WorkerAnswer, WorkerEvents, WorkerPort, WorkerRequest } from '../../client/worker-messages.ts';
import { WorkerTrainer } from '../../client/worker-trainer.ts';
import type { Examples } from '../../shared/engine/engine.ts';
import { initialWeights } from '../../shared/tasks/initial.ts';
import { checkTask, type Task } from '../../shared/tasks/task.ts';
import { refuses } from '../contracts/store.ts';

const task: Task = checkTask({
  format: 'fedloom-task-1',
  name: 'small',
  model: {
    input: [4],
    layers: [
      { type: 'dense', units: 6, activation: 'relu' },
      { type: 'dense', units: 3, activation: 'softmax' },
    ],
    loss: 'sparse-categorical-crossentropy',
  },
  data: { features: [4], labels: { classes: 3 } },
  training: { localEpochs: 2, batchSize: 2, clientLearningRate: 0.1, optimizer: 'sgd' },
});
const examples: Examples = {
  xs: Float32Array.from({ length: 24 }, (_, i) => ((i * 5) % 7) - 3),
  ys: Int32Array.of(0, 1, 2, 2, 1, 0),
  count: 6,
};
const weights = initialWeights(task.model, 1);
const request = (over: Partial<TrainRequest> = {}): TrainRequest => ({
  task,
  weights,
  round: 1,
  seed: 1,
  signal: new AbortController().signal,
  onProgress: () => {},
  ...over,
});
const endless: Task = { ...task, training: { ...task.training, localEpochs: 10_000 } };

const trainers: Trainer[] = [];
const use = <T extends Trainer>(trainer: T): T => {
  trainers.push(trainer);
  return trainer;
};
const expectedDelta = async (): Promise<Float32Array> => {
  const local = use(new LocalTrainer({ backend: 'cpu' }));
  await local.load(task, examples);
  return (await local.train(request())).delta;
};

describe('local training', () => {
  it('refuses targets for which a cross entropy has no lowest value', async () => {
    for (const [activation, loss] of [
      ['sigmoid', 'binary-crossentropy'],
      ['softmax', 'categorical-crossentropy'],
    ]) {
      const model = { input: [4], layers: [{ type: 'dense', units: 2, activation }], loss };
      const parts = checkTask({ ...task, model, data: { features: [4], labels: { targets: 2 } } });
      const trainer = use(new LocalTrainer({ backend: 'wasm' }));
      const xs = new Float32Array(8);
      for (const target of [-0.1, 1.1, 5]) {
        await refuses(trainer.load(parts, { xs, ys: Float32Array.of(0, 1, 0.5, target), count: 2 }), 'BAD_DATA');
      }
      await trainer.load(parts, { xs, ys: Float32Array.of(0, 1, 0.5, 0.5), count: 2 });
    }
  });

  afterEach(async () => {
    for (const trainer of trainers.splice(0)) await trainer.close();
  });

  for (const [name, make] of [
    ['in this thread', () => new LocalTrainer({ backend: 'cpu' })],
    ['in a worker', () => new WorkerTrainer(spawnNodeWorker, { backend: 'cpu' })],
  ] as const) {
    describe(name, () => {
      it('gives delta, examples, loss and backend, and leaves the given weights as they are', async () => {
        const trainer = use(make());
        await trainer.load(task, examples);
        expect(trainer.backend).to.equal('cpu');
        const before = weights.slice();
        const progress: number[] = [];
        const result = await trainer.train(request({ onProgress: (fraction) => progress.push(fraction) }));
        expect(result.delta).to.deep.equal(await expectedDelta());
        expect(result.delta.some((value) => value !== 0)).to.equal(true);
        expect(result.examples).to.equal(6);
        expect(result.metrics['loss']).to.be.within(0.1, 5);
        expect(progress.at(-1)).to.equal(1);
        expect(weights).to.deep.equal(before);
      });

      it('starts each round from the weights that it is given', async () => {
        const trainer = use(make());
        await trainer.load(task, examples);
        const first = await trainer.train(request());
        expect((await trainer.train(request())).delta).to.deep.equal(first.delta);
      });

      it('refuses data that do not fit the task', async () => {
        await refuses(use(make()).load(task, { ...examples, ys: Int32Array.of(0, 1, 2, 2, 1, 3) }), 'BAD_DATA');
      });

      it('refuses a task that contradicts itself, weights of a wrong length, and training before loading', async () => {
        const trainer = use(make());
        await refuses(trainer.train(request()), 'BAD_STATE');
        await refuses(
          trainer.load({ ...task, data: { ...task.data, labels: { classes: 4, positions: 1 } } }, examples),
          'BAD_TASK',
        );
        await trainer.load(task, examples);
        await refuses(trainer.train(request({ weights: new Float32Array(2) })), 'WRONG_SHAPE');
      });

      it('stops when it is aborted, and can train again', async () => {
        const trainer = use(make());
        await trainer.load(endless, examples);
        const abort = new AbortController();
        const onProgress = (): void => abort.abort();
        await refuses(trainer.train(request({ task: endless, signal: abort.signal, onProgress })), 'ABORTED');
        await refuses(trainer.train(request({ signal: abort.signal })), 'ABORTED');
        expect((await trainer.train(request())).delta).to.deep.equal(await expectedDelta());
      });

      it('fails with NO_BACKEND for a backend that does not exist', async () => {
        const options = { backend: 'abacus' };
        const trainer =
          name === 'in a worker' ? new WorkerTrainer(spawnNodeWorker, options) : new LocalTrainer(options);
        await refuses(use(trainer).load(task, examples), 'NO_BACKEND');
      });
    });
  }

  describe('in a worker that dies', () => {
    /** Real workers, and a way to end the newest. */
    const mortal = (): { spawn: () => WorkerPort; kill: () => Promise<void>; spawned: () => number } => {
      const ports: WorkerPort[] = [];
      const spawn = (): WorkerPort => {
        const port = spawnNodeWorker();
        ports.push(port);
        return port;
      };
      return { spawn, kill: () => ports.at(-1)!.terminate(), spawned: () => ports.length };
    };

    it('fails the training in progress, and trains in a new worker with the same data', async () => {
      const workers = mortal();
      const trainer = use(new WorkerTrainer(workers.spawn, { backend: 'cpu' }));
      await trainer.load(endless, examples);
      const onProgress = (): void => void workers.kill();
      await refuses(trainer.train(request({ task: endless, onProgress })), 'TRAINING_FAILED');
      expect((await trainer.train(request())).delta).to.deep.equal(await expectedDelta());
      expect(workers.spawned()).to.equal(2);
    });

    it('fails what waits when it is closed', async () => {
      const trainer = use(new WorkerTrainer(spawnNodeWorker, { backend: 'cpu' }));
      await trainer.load(endless, examples);
      const training = trainer.train(request({ task: endless, onProgress: () => void trainer.close() }));
      await refuses(training, 'ABORTED');
    });

    it('reports an error of the worker itself', async () => {
      let events: WorkerEvents | undefined;
      const port: WorkerPort = {
        post: () => events?.died('out of memory'),
        listen: (given) => {
          events = given;
        },
        terminate: async () => {},
      };
      await refuses(use(new WorkerTrainer(() => port)).load(task, examples), 'TRAINING_FAILED');
    });
  });

  it('gives a worker a copy of the weights whose memory moves, and keeps the caller’s', async () => {
    const posted: { message: WorkerRequest; transfer: readonly ArrayBuffer[] }[] = [];
    let events: WorkerEvents | undefined;
    const result = { delta: new Float32Array(weights.length), examples: 6, metrics: {} };
    const port: WorkerPort = {
      post(message, transfer) {
        posted.push({ message, transfer });
        const answer: WorkerAnswer =
          message.type === 'load'
            ? { type: 'loaded', id: message.id, backend: 'fake' }
            : { type: 'trained', id: message.id, result };
        queueMicrotask(() => events?.message(answer));
      },
      listen: (given) => {
        events = given;
      },
      terminate: async () => {},
    };
    const trainer = use(new WorkerTrainer(() => port));
    await trainer.load(task, examples);
    await trainer.train(request());
    expect(trainer.backend).to.equal('fake');
    expect(posted[0]!.transfer).to.deep.equal([]);
    const { message, transfer } = posted[1]!;
    expect(message.type === 'train' && message.weights).to.deep.equal(weights);
    expect(transfer).to.have.length(1);
    expect(transfer[0]).not.to.equal(weights.buffer);
  });

  describe('by a module of the user', () => {
    let folder = '';
    before(() => {
      folder = mkdtempSync(join(tmpdir(), 'fedloom-test-'));
    });
    after(() => rmSync(folder, { recursive: true, force: true }));
    const moduleOf = (name: string, code: string): URL => {
      const path = join(folder, `${name}.mjs`);
      writeFileSync(path, code);
      return pathToFileURL(path);
    };
    const trainerOf = (name: string, code: string): Trainer =>
      use(new WorkerTrainer(spawnNodeWorker, { module: moduleOf(name, code) }));

    it('trains with its function, which gets the data, the weights and the plan', async () => {
      const trainer = trainerOf(
        'shift',
        `export async function train({ task, weights, examples, round, onProgress }) {
           onProgress(0.5);
           return { delta: weights.map(() => round), metrics: { loss: examples.ys.length, lr: task.training.clientLearningRate } };
         }`,
      );
      await trainer.load(task, examples);
      const progress: number[] = [];
      const result = await trainer.train(request({ round: 3, onProgress: (fraction) => progress.push(fraction) }));
      expect(trainer.backend).to.equal('module');
      expect(result).to.deep.equal({
        delta: new Float32Array(weights.length).fill(3),
        examples: 6,
        metrics: { loss: 6, lr: 0.1 },
      });
      expect(progress).to.deep.equal([0.5]);
    });

    it('is told of an abort', async () => {
      const code = `export const train = ({ signal, onProgress }) => new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(new Error('stopped')));
        onProgress(0);
      });`;
      const trainer = trainerOf('waiting', code);
      await trainer.load(task, examples);
      const abort = new AbortController();
      await refuses(trainer.train(request({ signal: abort.signal, onProgress: () => abort.abort() })), 'ABORTED');
    });

    it('is refused when it cannot be loaded or exports no train', async () => {
      await refuses(trainerOf('broken', 'this is no code').load(task, examples), 'TRAINING_FAILED');
      await refuses(trainerOf('empty', 'export const fit = 1;').load(task, examples), 'TRAINING_FAILED');
    });

    for (const [name, result] of [
      ['nothing', 'undefined'],
      ['a-short-delta', '{ delta: new Float32Array(2) }'],
      ['a-delta-that-is-not-finite', '{ delta: weights.map(() => NaN) }'],
      ['an-array', '{ delta: [...weights] }'],
      ['no-examples', '{ delta: weights.slice(), examples: 0 }'],
      ['a-metric-that-is-not-finite', '{ delta: weights.slice(), metrics: { loss: NaN } }'],
    ] as const) {
      it(`fails when it returns ${name.replaceAll('-', ' ')}`, async () => {
        const trainer = trainerOf(name, `export const train = async ({ weights }) => (${result});`);
        await trainer.load(task, examples);
        await refuses(trainer.train(request()), 'TRAINING_FAILED');
      });
    }
  });
});

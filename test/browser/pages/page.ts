import { train, type TrainingAnswer, type TrainingRequest } from './training.ts';

/** The page's script: offers training in the page and in a worker to the test that drives it. */

const inWorker = (request: TrainingRequest): Promise<TrainingAnswer> =>
  new Promise((resolve, fail) => {
    const worker = new Worker('/worker.js', { type: 'module' });
    worker.onmessage = ({ data }: MessageEvent<TrainingAnswer | { readonly error: string }>) => {
      worker.terminate();
      if ('error' in data) fail(new Error(data.error));
      else resolve(data);
    };
    worker.onerror = ({ message }) => fail(new Error(message));
    worker.postMessage(request);
  });

export interface PageApi {
  readonly train: typeof train;
  readonly inWorker: typeof inWorker;
}

Object.assign(globalThis, { fedloomTest: { train, inWorker } satisfies PageApi });

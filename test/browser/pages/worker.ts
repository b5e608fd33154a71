import { train, type TrainingRequest } from './training.ts';

/** The worker's script: trains as it is told. */
globalThis.onmessage = ({ data }: MessageEvent<TrainingRequest>) => {
  train(data).then(
    (answer) => globalThis.postMessage(answer),
    (error: unknown) => globalThis.postMessage({ error: String(error) }),
  );
};

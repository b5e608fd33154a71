import { Worker } from 'node:worker_threads';
import { workerEntry } from '../../shared/worker-entry.ts';
import type { WorkerAnswer, WorkerPort } from '../worker-messages.ts';

/** The training worker as a thread of Node. */
export function spawnNodeWorker(): WorkerPort {
  const { entry, eval: isCode } = workerEntry('../worker', import.meta.url);
  const worker = new Worker(entry, { eval: isCode, name: 'fedloom-training' });
  return {
    post: (message, transfer) => worker.postMessage(message, [...transfer]),
    listen({ message, died }) {
      let isOver = false;
      const over = (reason: string): void => {
        if (!isOver) died(reason);
        isOver = true;
      };
      worker.on('message', (answer: WorkerAnswer) => message(answer));
      worker.on('messageerror', (error: Error) => over(error.message));
      worker.on('error', (error: Error) => over(error.message)); // also ERR_WORKER_OUT_OF_MEMORY
      worker.on('exit', (code) => over(`it ended with code ${code}`));
    },
    async terminate() {
      await worker.terminate();
    },
  };
}

import { Queue } from '../client/queue.ts';
import type { SimulatedRound, SimulationResult } from './result.ts';
import { runSimulation, type Ended } from './run-simulation.ts';
import type { SimulationOptions } from './simulate-options.ts';

export type { SimulatedRound, SimulationResult } from './result.ts';
export type { SimulationOptions } from './simulate-options.ts';

/** A simulation: iterate over its rounds, or await its result. It begins with whichever comes first. */
export interface Simulation extends AsyncIterable<SimulatedRound> {
  /** @throws FederatedError for what cannot be simulated, and when it cannot go on */
  readonly result: Promise<SimulationResult>;
  /** The last model, length d; null for a run that had ended before and was found in its folder. */
  readonly weights: Promise<Float32Array | null>;
}

/**
 * Many clients on one machine: the coordinator, the sessions and the pipeline of a deployment, with a pool of threads that train.
 * The same options with the same seed give the same model to the last bit, with any number of workers, on every transport, and
 * also when the run was interrupted.
 *
 * ```ts
 * for await (const { round, accuracy } of simulate({ task: 'mnist-2nn', clients: 100, clientsPerRound: 10, rounds: 20 })) {
 *   console.log(round, accuracy)
 * }
 * ```
 * Leaving the loop ends the simulation.
 */
export function simulate(options: SimulationOptions): Simulation {
  const rounds = new Queue<SimulatedRound>();
  const left = new AbortController();
  const signal = options.signal === undefined ? left.signal : AbortSignal.any([options.signal, left.signal]);
  let running: Promise<Ended> | null = null;
  const start = (): Promise<Ended> => {
    if (running !== null) return running;
    running = runSimulation(options, { onRound: (round) => rounds.push(round), signal });
    running.then(
      () => rounds.end(),
      (error: unknown) => rounds.fail(error),
    );
    return running;
  };
  return {
    get result() {
      return start().then(({ result }) => result);
    },
    get weights() {
      return start().then(({ weights }) => weights);
    },
    async *[Symbol.asyncIterator]() {
      const ended = start();
      try {
        yield* rounds;
      } finally {
        left.abort();
        await ended.catch(() => {}); // the queue throws it; everything is closed then
      }
    },
  };
}

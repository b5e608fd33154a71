import type { RunConfigInput } from '../server/config.ts';
import type { Task } from '../shared/tasks/task.ts';
import type { LoadedData } from './datasets/loaded.ts';
import type { DeviceModel } from './devices.ts';
import type { Partitioner } from './partitions/partitioner.ts';

export const transports = ['memory', 'ws'] as const;

/**
 * What a simulation is made of. Beside what is listed here it takes every setting of a run (`rounds`, `clientsPerRound`,
 * `strategy`, `overselect`, `roundTimeout`, `targetAccuracy`, ...).
 */
export interface SimulationOptions extends Partial<Omit<RunConfigInput, 'task' | 'minClients' | 'seed'>> {
  /** By name, or itself. */
  readonly task: string | Task;
  /** A spec (`mnist`, `adult:sex=Female`), or the examples. Default: what the task names. */
  readonly data?: string | LoadedData;
  /** What the model is measured on after a round. Default: the test examples of `data`; `none`: it is not measured. */
  readonly test?: string | LoadedData;
  /** Default `iid`. */
  readonly partition?: string | Partitioner;
  /** K. Default: 100, or as many as the partition makes by itself. */
  readonly clients?: number;
  /** E, B and the clients' learning rate; default: the task's. */
  readonly localEpochs?: number;
  readonly batchSize?: number | 'full';
  readonly clientLearningRate?: number;
  /** Of everything that is drawn. Default 1. */
  readonly seed?: number;
  /** Threads that train; default: as many as there are cores. The result does not depend on it. */
  readonly workers?: number;
  /** `memory` (default): messages as objects, on virtual time. `ws`: a server and clients over encrypted sockets, on real time. */
  readonly transport?: (typeof transports)[number];
  /** `auto` (default), or a backend by name. */
  readonly backend?: string;
  /** What the clients' devices are like. Default: ideal ones, which take no time. Only with the transport `memory`. */
  readonly devices?: DeviceModel;
  /**
   * After so many rounds, and after the last, the model is measured on every client's own test examples: those of the same natural
   * client, else what `clientTest` has held out. Default 0: never.
   */
  readonly evaluateClients?: number;
  /** Part of each client's examples that is held out to measure the model there, 0 to 0.9; default 0. */
  readonly clientTest?: number;
  /**
   * Measure how far the updates of each round point apart: `drift/l2`, `drift/cosine`, `drift/diversity` (see `Drift`), of those
   * that count, as they were reported. Default false. Not under secure aggregation, where nobody sees single updates.
   */
  readonly drift?: boolean;
  /** Clients that do not do what they should, as a spec (`sign-flip:0.2`, `backdoor:0.1,target=7`): see `parseAttack`. */
  readonly attack?: string;
  /** Also keep the model of every n-th round in the folder; default 0: of the best and the last. */
  readonly checkpointEvery?: number;
  /** Folder of the run. A run that was interrupted there goes on. Default: nothing is written. */
  readonly out?: string;
  readonly signal?: AbortSignal;
}

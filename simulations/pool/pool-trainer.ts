import type { Trainer, TrainRequest, TrainResult } from '../../client/trainer.ts';
import type { Rows } from './messages.ts';
import type { TrainingPool } from './pool.ts';

/** Changes what a client sends, as an attacker would. Must not change what it is given. */
export type Tamper = (update: TrainResult, request: Pick<TrainRequest, 'round' | 'weights'>) => Promise<TrainResult>;

/** One client's training in the pool: its examples are there already. */
export class PoolTrainer implements Trainer {
  readonly backend: string;
  readonly adjusts = true;
  readonly handsOver = true;
  readonly #pool: TrainingPool;
  readonly #rows: Rows;
  readonly #due: () => number;
  readonly #tamper: Tamper | null;

  /** @param due - of two trainings that wait the one that is due first goes first */
  constructor(pool: TrainingPool, rows: Rows, due: () => number, tamper: Tamper | null = null) {
    this.backend = pool.backend;
    this.#pool = pool;
    this.#rows = rows;
    this.#due = due;
    this.#tamper = tamper;
  }

  holds(): number {
    return this.#rows.to - this.#rows.from;
  }

  async load(): Promise<void> {}

  async train({ task, weights, round, seed, adjust, signal }: TrainRequest): Promise<TrainResult> {
    const job = { rows: this.#rows, weights, plan: task.training, round, seed, adjust };
    const update = await this.#pool.train(job, this.#due(), signal);
    return this.#tamper === null ? update : this.#tamper(update, { round, weights });
  }

  async close(): Promise<void> {}
}

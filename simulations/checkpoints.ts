import type { ServerEvent } from '../server/operations.ts';
import type { RunConfig } from '../server/config.ts';
import type { StoredRound } from '../server/store/store.ts';
import type { Sha256 } from '../shared/ids.ts';
import type { SimulatedFederation } from './federation.ts';
import type { SimulationFolder } from './simulation-folder.ts';

/** Models on the way that are kept in the run's folder: the best one, and every n-th. */
export class Checkpoints {
  readonly #folder: SimulationFolder;
  readonly #federation: Pick<SimulatedFederation, 'model'>;
  readonly #config: RunConfig;
  readonly #every: number;
  #newest: { readonly round: number; readonly weights: Sha256 } | null = null;
  #best = Number.NEGATIVE_INFINITY;
  #writing: Promise<void> = Promise.resolve();

  /**
   * @param rounds - so far
   * @param every - rounds from one to the next; 0: only the best
   */
  constructor(
    folder: SimulationFolder,
    federation: Pick<SimulatedFederation, 'model'>,
    { config, rounds, every }: { config: RunConfig; rounds: readonly StoredRound[]; every: number },
  ) {
    this.#folder = folder;
    this.#federation = federation;
    this.#config = config;
    this.#every = every;
    for (const { evaluation } of rounds) this.#best = Math.max(this.#best, goodness(evaluation ?? {}));
    const last = rounds.findLast(({ record }) => record.result !== 'abandoned')?.record;
    if (last !== undefined) this.#newest = { round: last.round, weights: last.weightsAfter }; // may be measured yet
  }

  take({ type, data }: Pick<ServerEvent, 'type' | 'data'>): void {
    if (type === 'round' && (data['result'] === 'done' || data['result'] === 'short')) {
      this.#newest = { round: data['round'] as number, weights: data['weights'] as Sha256 };
      const { round } = this.#newest;
      if (this.#every > 0 && round % this.#every === 0) this.#save(`round-${String(round).padStart(5, '0')}`);
    } else if (type === 'evaluation') {
      const good = goodness(data);
      if (good <= this.#best) return;
      this.#best = good;
      this.#save('best');
    }
  }

  /** Resolves when all are written. */
  settled(): Promise<void> {
    return this.#writing;
  }

  #save(name: string): void {
    if (this.#newest === null) return;
    const { round, weights } = this.#newest;
    const model = this.#federation.model(weights); // asked for now: the next round's model takes its place
    const written = this.#writing.then(async () =>
      this.#folder.saveCheckpoint(name, { round, weights: await model, config: this.#config }),
    );
    written.catch(() => {}); // `settled` throws it
    this.#writing = written;
  }
}

/** Accuracy, or where there is none the loss: more is better. */
function goodness(measured: Readonly<Record<string, unknown>>): number {
  const { accuracy, loss } = measured;
  if (typeof accuracy === 'number') return accuracy;
  return typeof loss === 'number' ? -loss : Number.NEGATIVE_INFINITY;
}

import { asFederatedError } from '../../shared/errors.ts';
import type { Sha256 } from '../../shared/ids.ts';
import { scoreOf } from '../best-model.ts';
import type { Host } from '../host.ts';
import type { StoredRun } from '../store/store.ts';

/** Models of a run that are kept where its settings do not say: as many as a run of the default length has. */
const keptByDefault = 100;
/** After a start so many of those that were to be removed are removed once more: a crash may have come in between. */
const removedAgain = 1_000;

/** A model that a round has ended with. */
export interface KeptModel {
  readonly id: Sha256;
  /** See `scoreOf`. */
  readonly score: number;
}

/**
 * The models that need not stay: all but the newest, and the best of all.
 * @param models - in order of their rounds
 * @param keep - how many of the newest stay, at least 1
 */
export function modelsToPrune(models: readonly KeptModel[], keep: number): readonly KeptModel[] {
  const best = models.reduce<KeptModel | null>((a, b) => (b.score > (a?.score ?? -Infinity) ? b : a), null);
  const stay = new Set(models.slice(-keep).map(({ id }) => id));
  if (best !== null) stay.add(best.id);
  return models.filter(({ id }) => !stay.has(id));
}

/**
 * Removes the models of a run that need not stay, so that weeks of rounds do not fill the disk: the first, the newest, the best, and
 * those that clients are at work from stay, and whatever another run has. Order: the row that says so is durable, then the blob goes. A
 * crash in between leaves a blob too many; the other way round it would leave a model that seems to be lost.
 *
 * To be run before a round's own blobs are put, since a model may be one that there was before.
 */
export class Pruner {
  readonly #host: Pick<Host, 'store' | 'blobs' | 'log'>;
  /** Models that were not removed yet, in order. */
  #models: KeptModel[] = [];
  /** The last record that was read. */
  #sequence = 0;
  #first: Sha256 | null = null;
  /** States of the strategy, oldest first: no row names the earlier ones, so that each restart leaves one or two of them. */
  #states: Sha256[] = [];
  /** What other runs have; null before the first look. They change no more while this run is at work. */
  #others: ReadonlySet<Sha256> | null = null;

  constructor(host: Pick<Host, 'store' | 'blobs' | 'log'>) {
    this.#host = host;
  }

  /** Never fails: what cannot be removed now is removed another time. */
  async run(stored: StoredRun): Promise<void> {
    try {
      await this.#prune(stored);
    } catch (thrown) {
      const { code, message } = asFederatedError(thrown);
      this.#host.log.warn({ code, run: stored.id }, `old models stay for now: ${message}`);
    }
  }

  async #prune({ id, config, weights, strategyState }: StoredRun): Promise<void> {
    const { store, blobs } = this.#host;
    const keep = config.keepModels ?? keptByDefault;
    if (keep === 'all' && strategyState === null) return;
    const isFirstLook = this.#others === null;
    this.#others ??= await this.#blobsOfOthers(id);
    for (const { record, evaluation } of await store.rounds(id, this.#sequence)) {
      this.#sequence = record.sequence;
      this.#first ??= record.weightsBefore;
      if (record.result !== 'abandoned') this.#models.push({ id: record.weightsAfter, score: scoreOf(evaluation) });
    }
    const bases = (await store.attempt(id))?.bases ?? [];
    const used = new Set([
      ...this.#others,
      this.#first,
      weights,
      strategyState,
      ...bases.map(([, base]) => base.weights),
    ]);
    const old = keep === 'all' ? [] : modelsToPrune(this.#models, keep).filter((model) => !used.has(model.id));
    const gone = [...new Set(old.map((model) => model.id))];
    if (gone.length > 0) {
      const known: ReadonlySet<Sha256> = isFirstLook ? await store.pruned(id) : new Set();
      const news = gone.filter((each) => !known.has(each));
      if (news.length > 0) await store.markPruned(id, news);
      await blobs.remove(news.length < gone.length ? [...new Set([...gone.slice(-removedAgain), ...news])] : gone);
      const isGone = new Set(gone);
      this.#models = this.#models.filter((model) => !isGone.has(model.id));
    }
    if (strategyState !== null && strategyState !== this.#states.at(-1)) this.#states.push(strategyState);
    const stay = new Set([...used, ...this.#models.map((model) => model.id), ...this.#states.slice(-2)]);
    const over = this.#states.slice(0, -2).filter((state) => !stay.has(state));
    if (over.length > 0) await blobs.remove(over);
    this.#states = this.#states.slice(-2);
  }

  async #blobsOfOthers(own: StoredRun['id']): Promise<ReadonlySet<Sha256>> {
    const { store } = this.#host;
    const others = new Set<Sha256>();
    for (const run of await store.runs()) {
      if (run.id === own) continue;
      for (const id of [run.task, run.weights, run.strategyState]) if (id !== null) others.add(id);
      const pruned = await store.pruned(run.id);
      for (const { record } of await store.rounds(run.id)) {
        for (const id of [record.weightsBefore, record.weightsAfter]) if (!pruned.has(id)) others.add(id);
      }
    }
    return others;
  }
}

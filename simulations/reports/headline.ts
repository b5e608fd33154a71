import { committed, fieldOf, tagsOf, type RunRecord } from './run-record.ts';

/** What one says first about a run. Null: not measured, or not there. */
export interface Headline {
  readonly task: string | null;
  readonly strategy: string | null;
  readonly seed: number | null;
  /** Rounds that changed the model, and those that the config asks for. */
  readonly rounds: number;
  readonly wanted: number | null;
  readonly abandoned: number;
  readonly short: number;
  readonly metric: string | null;
  readonly final: { readonly round: number; readonly value: number } | null;
  readonly best: { readonly round: number; readonly value: number } | null;
  readonly loss: number | null;
  readonly target: number | null;
  readonly roundsToTarget: number | null;
  readonly bytesUp: number | null;
  readonly bytesDown: number | null;
  /** Sum over all attempts, s. */
  readonly seconds: number | null;
  readonly reports: number | null;
  readonly epsilon: number | null;
  readonly secureAggregation: boolean | null;
}

const preferred = ['eval/accuracy', 'train/accuracy', 'eval/loss', 'train/loss'] as const;

/** Less is better for these. */
export const isLoss = (tag: string): boolean =>
  /loss|error|perplexity|std|gap|epsilon|bytes|time|seconds|drift\/(l2|diversity)|attack\/success/.test(tag);

export function headline(run: RunRecord, metric = mainMetric(run)): Headline {
  const rounds = committed(run);
  const series = metric === null ? [] : seriesOf(run, metric);
  const better = metric !== null && isLoss(metric) ? -1 : 1;
  const best = series.reduce<Headline['best']>(
    (top, each) => (top === null || better * each.value > better * top.value ? each : top),
    null,
  );
  const target = numberAt(run, 'targetAccuracy');
  const string = (path: string): string | null => {
    const value = fieldOf(run.config, path);
    return typeof value === 'string' ? value : null;
  };
  const secure = fieldOf(run.config, 'secureAggregation');
  return {
    task: string('task.name') ?? string('task'),
    strategy: string('strategy.name') ?? string('strategy'),
    seed: numberAt(run, 'seed'),
    rounds: rounds.length,
    wanted: numberAt(run, 'rounds'),
    abandoned: run.rounds.filter(({ result }) => result === 'abandoned').length,
    short: rounds.filter(({ result }) => result === 'short').length,
    metric,
    final: series.at(-1) ?? null,
    best,
    loss: seriesOf(run, 'eval/loss').at(-1)?.value ?? null,
    target,
    roundsToTarget: target === null ? null : roundsTo(run, 'eval/accuracy', target),
    bytesUp: total(run, 'bytes/up'),
    bytesDown: total(run, 'bytes/down'),
    seconds: total(run, 'time/round') || null, // in a simulation of ideal devices no time passes
    reports: total(run, 'clients/reported'),
    epsilon: seriesOf(run, 'privacy/epsilon').at(-1)?.value ?? null,
    secureAggregation: typeof secure === 'boolean' ? secure : null,
  };
}

const mainMetric = (run: RunRecord): string | null => {
  const there = new Set(tagsOf(run));
  return preferred.find((tag) => there.has(tag)) ?? null;
};

const numberAt = ({ config }: RunRecord, path: string): number | null => {
  const value = fieldOf(config, path);
  return typeof value === 'number' ? value : null;
};

/** The committed rounds that have a value of a tag. */
export const seriesOf = (
  run: Pick<RunRecord, 'rounds'>,
  tag: string,
): { readonly round: number; readonly value: number }[] =>
  committed(run).flatMap(({ round, values }) => {
    const value = values[tag];
    return value === undefined ? [] : [{ round, value }];
  });

/** The first round whose value reaches the target (at most it, for losses), or null. */
export const roundsTo = (run: Pick<RunRecord, 'rounds'>, tag: string, target: number): number | null =>
  seriesOf(run, tag).find(({ value }) => (isLoss(tag) ? value <= target : value >= target))?.round ?? null;

/** The sum over all attempts, or null when none has a value. */
export function total({ rounds }: Pick<RunRecord, 'rounds'>, tag: string): number | null {
  const values = rounds.flatMap(({ values: all }) => (all[tag] === undefined ? [] : [all[tag]]));
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0);
}

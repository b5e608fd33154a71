import { useSignal, useSignalEffect } from '@preact/signals';
import type { RoundSummary } from '../../operations.ts';
import { get } from '../api.ts';
import { ChartCard } from '../charts/chart-card.tsx';
import type { Line } from '../charts/chart.tsx';
import { bytes, duration, figure, percent, points, signed, tick } from '../format.ts';
import { accuracyOf, bestOf, lossOf, smooth } from '../store/history.ts';
import { chosenRound, isOver, past, rounds, run, runs } from '../store/state.ts';

/** Rounds that changed the model: the x of every curve. */
const all = (): readonly RoundSummary[] => rounds.value.filter(({ result }) => result !== 'abandoned');
/** The round that is looked at, and the best one, as upright lines. */
function marks(xOf: (round: RoundSummary, index: number) => number): { at: number; colour: string }[] {
  const list = all();
  const place = (round: RoundSummary | null): number =>
    round === null ? -1 : list.findIndex(({ round: each }) => each === round.round);
  const [at, best] = [place(chosenRound.value), isOver.value ? place(bestOf(list)) : -1];
  return [
    ...(best === -1 ? [] : [{ at: xOf(list[best]!, best), colour: 'ok' }]),
    ...(at === -1 ? [] : [{ at: xOf(list[at]!, at), colour: 'accent' }]),
  ];
}
const byRound = (round: RoundSummary): number => round.round;
const shown = (): RoundSummary | undefined => past.value.findLast(({ result }) => result !== 'abandoned');
const whole = (value: number): string => (Number.isInteger(value) ? String(value) : '');

/** `97.6 % at round 37, up 0.2` */
function sentence(
  valueOf: (round: RoundSummary) => number | null,
  say: (value: number) => string,
  change: (by: number) => string,
): string {
  const known = past.value.filter((round) => round.result !== 'abandoned' && valueOf(round) !== null);
  const last = known.at(-1);
  if (last === undefined) return shown() === undefined ? 'first point after round 1' : 'not measured in this run';
  const value = valueOf(last)!;
  const before = known.length > 1 ? valueOf(known.at(-2)!)! : null;
  const best = isOver.value && chosenRound.value === null ? bestOf(all()) : null;
  const by = before === null || !Number.isFinite(value - before) ? '' : `, ${change(value - before)}`;
  return `${say(value)} at round ${last.round}${by}${best === null ? '' : `; best at round ${best.round}`}`;
}
const turned = (text: string): string =>
  text.startsWith('+') ? `up ${text.slice(1)}` : text.startsWith('−') ? `down ${text.slice(1)}` : 'unchanged';

const axes = {
  round: { first: 'Round', say: whole },
  time: { first: 'Time', say: duration },
  bytes: { first: 'Bytes from clients', say: bytes },
} as const;
type Axis = keyof typeof axes;

function xsOf(list: readonly RoundSummary[], axis: Axis): number[] {
  if (axis === 'round') return list.map(byRound);
  if (axis === 'time') return list.map((round) => (round.endedAt - list[0]!.startedAt) / 1000);
  let sum = 0;
  return list.map(({ metrics }) => (sum += metrics['bytesUp'] ?? 0));
}

const smoothing = 0.7;

export function AccuracyCard() {
  const axis = useSignal<Axis>('round');
  const isLog = useSignal(false);
  const isSmooth = useSignal(false);
  const otherId = useSignal('');
  const other = useSignal<readonly RoundSummary[]>([]);
  useSignalEffect(() => {
    const id = otherId.value;
    other.value = [];
    if (id === '') return;
    get<RoundSummary[]>(`runs/${id}/history`)
      .then((found) => otherId.value === id && (other.value = found.filter(({ result }) => result !== 'abandoned')))
      .catch(() => (otherId.value = ''));
  });

  const list = all();
  const isHeld = list.some(({ evaluation }) => evaluation?.['accuracy'] !== undefined);
  const own = xsOf(list, axis.value);
  const theirs = xsOf(other.value, axis.value);
  const xs = theirs.length === 0 ? own : [...new Set([...own, ...theirs])].toSorted((a, b) => a - b);
  const placed = (at: readonly number[], values: readonly (number | null)[]): (number | null)[] => {
    const by = new Map(at.map((x, index) => [x, values[index] ?? null]));
    return isSmooth.value
      ? smooth(
          xs.map((x) => by.get(x) ?? null),
          smoothing,
        )
      : xs.map((x) => by.get(x) ?? null);
  };
  const metric = (name: string): (number | null)[] =>
    placed(
      own,
      list.map(({ metrics }) => metrics[name] ?? null),
    );
  const band: Line[] = [
    { label: '90th percentile of clients', values: metric('fairness/p90'), colour: 'accent', hidden: true },
    { label: '10th percentile of clients', values: metric('fairness/p10'), colour: 'accent', hidden: true },
  ];
  const hasBand = list.some(({ metrics }) => metrics['fairness/p10'] !== undefined);
  const lines: Line[] = [
    ...(hasBand ? band : []),
    ...(list.some(({ metrics }) => metrics['train/accuracy'] !== undefined)
      ? [
          {
            label: 'mean of clients, own data',
            values: metric('train/accuracy'),
            colour: 'muted',
            width: 1.5,
            dash: [4, 4],
          },
        ]
      : []),
    ...(isHeld || list.length === 0
      ? [
          {
            label: 'global model',
            values: placed(
              own,
              list.map(({ evaluation }) => evaluation?.['accuracy'] ?? null),
            ),
            colour: 'accent',
            width: 2.5,
          },
        ]
      : []),
    ...(theirs.length > 0
      ? [{ label: otherId.value, values: placed(theirs, other.value.map(accuracyOf)), colour: 'warn' }]
      : []),
  ];
  const others = runs.value.filter(({ id }) => id !== run.value?.id);
  return (
    <ChartCard
      title="Accuracy by round"
      sentence={`${sentence(
        accuracyOf,
        (value) => percent(value),
        (by) => turned(points(by)),
      )}${hasBand || list.length === 0 || run.value?.secureAggregation !== true ? '' : '. The spread over clients is hidden: the server sees sums only.'}`}
      span12={8}
      height={262}
      xs={xs}
      lines={lines}
      bands={hasBand ? [[0, 1]] : []}
      first={axes[axis.value].first}
      x={axes[axis.value].say}
      byRound={axis.value === 'round'}
      y={(value) => `${tick(value * 100)} %`}
      exact={(value) => percent(value, 2)}
      log={isLog.value}
      from={0}
      to={1}
      span={run.value?.rounds ?? 10}
      marks={marks((_, index) => own[index]!)}
      tools={
        <>
          <label class="inline">
            x
            <select value={axis.value} onChange={({ currentTarget }) => (axis.value = currentTarget.value as Axis)}>
              <option value="round">round</option>
              <option value="time">time</option>
              <option value="bytes">bytes</option>
            </select>
          </label>
          {others.length > 0 && (
            <label class="inline">
              and
              <select value={otherId.value} onChange={({ currentTarget }) => (otherId.value = currentTarget.value)}>
                <option value="">no other run</option>
                {others.map(({ id }) => (
                  <option key={id}>{id}</option>
                ))}
              </select>
            </label>
          )}
          <button
            type="button"
            class="quiet"
            aria-pressed={isSmooth.value}
            onClick={() => (isSmooth.value = !isSmooth.value)}
          >
            Smooth
          </button>
          <button type="button" class="quiet" aria-pressed={isLog.value} onClick={() => (isLog.value = !isLog.value)}>
            Log
          </button>
        </>
      }
    />
  );
}

export function LossCard() {
  const list = all();
  const value = (of: (round: RoundSummary) => number | null | undefined): (number | null)[] =>
    list.map((round) => {
      const found = of(round);
      return typeof found === 'number' && Number.isFinite(found) ? found : null;
    });
  const lines: Line[] = [
    ...(list.some(({ metrics }) => metrics['train/loss'] !== undefined)
      ? [
          {
            label: 'mean of clients',
            values: value(({ metrics }) => metrics['train/loss']),
            colour: 'muted',
            width: 1.5,
            dash: [4, 4],
          },
        ]
      : []),
    ...(list.length === 0 || list.some(({ evaluation }) => evaluation !== null)
      ? [{ label: 'held out', values: value(({ evaluation }) => evaluation?.['loss']), colour: 'violet', width: 2.5 }]
      : []),
  ];
  return (
    <ChartCard
      title="Loss"
      sentence={sentence(lossOf, figure, (by) => turned(signed(by, 3)))}
      span12={4}
      height={180}
      xs={list.map(byRound)}
      lines={lines}
      x={whole}
      byRound
      y={tick}
      exact={figure}
      from={0}
      span={run.value?.rounds ?? 10}
      marks={marks(byRound)}
    />
  );
}

export function BytesCard() {
  const list = all();
  const parameters = run.value?.parameters ?? 0;
  const raw = list.map(({ reports }) => 4 * parameters * reports);
  const last = shown();
  const sent = last?.metrics['bytesUp'];
  const text =
    sent === undefined
      ? 'first point after round 1'
      : `${bytes(sent)} from clients in round ${last!.round}; as plain 32-bit values ${bytes(4 * parameters * last!.reports)}`;
  return (
    <ChartCard
      title="Bytes by round"
      sentence={text}
      span12={6}
      height={180}
      xs={list.map(byRound)}
      lines={[
        { label: 'as plain values', values: raw, colour: 'muted', width: 1.5, dash: [4, 4] },
        { label: 'sent by clients', values: list.map(({ metrics }) => metrics['bytesUp'] ?? null), colour: 'accent' },
        { label: 'sent to clients', values: list.map(({ metrics }) => metrics['bytesDown'] ?? null), colour: 'violet' },
      ]}
      x={whole}
      byRound
      y={bytes}
      fromZero
      span={run.value?.rounds ?? 10}
      marks={marks(byRound)}
    />
  );
}

export function NormsCard() {
  const list = all();
  const of = (name: string): (number | null)[] => list.map(({ metrics }) => metrics[`norm/${name}`] ?? null);
  const last = shown()?.metrics;
  const isHidden = run.value?.secureAggregation === true;
  const text =
    last?.['norm/p50'] !== undefined
      ? `median ${figure(last['norm/p50'])}, from ${figure(last['norm/min'])} to ${figure(last['norm/max'])}`
      : isHidden
        ? 'Hidden: under secure aggregation the server sees no single update.'
        : list.length === 0
          ? 'first point after round 1'
          : 'A round with two reports or more shows a spread.';
  return (
    <ChartCard
      title="Update norms"
      sentence={text}
      span12={6}
      height={180}
      xs={list.map(byRound)}
      lines={[
        { label: '75th percentile', values: of('p75'), colour: 'accent', hidden: true },
        { label: '25th percentile', values: of('p25'), colour: 'accent', hidden: true },
        { label: 'largest', values: of('max'), colour: 'bad', width: 1, dash: [2, 3] },
        { label: 'smallest', values: of('min'), colour: 'muted', width: 1, dash: [2, 3] },
        { label: 'median', values: of('p50'), colour: 'accent' },
      ]}
      bands={[[0, 1]]}
      x={whole}
      byRound
      y={tick}
      exact={figure}
      from={0}
      span={run.value?.rounds ?? 10}
      marks={marks(byRound)}
    />
  );
}

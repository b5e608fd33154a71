import type { Bin } from '../store/history.ts';

/** Bars of counts. @param marked - bins that end at or below it are drawn as the worst */
export function Histogram(props: {
  readonly name: string;
  readonly bins: readonly Bin[];
  readonly marked: number;
  readonly label: (value: number) => string;
  readonly height: number;
}) {
  const { name, bins, marked, label, height } = props;
  const top = Math.max(1, ...bins.map(({ count }) => count));
  return (
    <div class="histogram" role="img" aria-label={name} style={{ height: `${height}px` }}>
      <div class="histogram-bars">
        {bins.map(({ from, to, count }) => (
          <div class="histogram-bin" title={`${label(from)} to ${label(to)}: ${count}`}>
            {count > 0 && <span>{count}</span>}
            <i class={from < marked ? 'worst' : ''} style={{ height: `${(count / top) * 100}%` }} />
          </div>
        ))}
      </div>
      <div class="histogram-axis">
        <span>{label(bins[0]!.from)}</span>
        <span>{label((bins[0]!.from + bins.at(-1)!.to) / 2)}</span>
        <span>{label(bins.at(-1)!.to)}</span>
      </div>
    </div>
  );
}

import { useComputed } from '@preact/signals';
import { Histogram } from '../charts/histogram.tsx';
import { percent, points } from '../format.ts';
import { Card } from '../parts/card.tsx';
import { histogram } from '../store/history.ts';
import { committed, detail, run } from '../store/state.ts';
import { spreadMetrics } from '../../run/spread.ts';

const bins = 20;

/** How equal the clients are: their accuracies on their own examples, in the round that is looked at. */
export function FairnessCard() {
  const accuracies = useComputed(() => detail.value?.clients.flatMap(({ accuracy }) => accuracy ?? []) ?? []);
  const stored = committed.value.at(-1)?.metrics;
  if (accuracies.value.length < 2) {
    return (
      <Card title="Fairness" span={4} {...(stored?.['fairness/std'] === undefined ? {} : { meta: summary(stored) })}>
        <p class="quiet-text tall">{whyNot()}</p>
      </Card>
    );
  }
  const low = Math.floor(Math.min(...accuracies.value) * 20) / 20;
  const high = Math.max(Math.ceil(Math.max(...accuracies.value) * 20) / 20, low + 0.05);
  const shown = histogram(accuracies.value, Math.min(bins, Math.round((high - low) * 40)), low, high);
  const metrics = spreadMetrics(detail.value!.clients);
  const meta = summary(metrics);
  return (
    <Card title="Fairness" span={4} meta={meta}>
      <Histogram
        name={`Clients by their accuracy on their own examples. ${meta}`}
        bins={shown}
        marked={metrics['fairness/p10']!}
        label={(value) => percent(value, 0)}
        height={180}
      />
    </Card>
  );
}

const summary = (metrics: Readonly<Record<string, number>>): string =>
  `worst 10 % below ${percent(metrics['fairness/p10'])} · Jain ${metrics['fairness/jain']?.toFixed(3)} · std ${points(metrics['fairness/std'] ?? 0).slice(1)} points`;

function whyNot(): string {
  if (run.value?.secureAggregation === true) {
    return 'Hidden. Under secure aggregation the server learns the mean over the clients and no single client’s accuracy.';
  }
  if (committed.value.length === 0) return 'First figures after round 1.';
  return detail.value?.timed === false
    ? 'Single accuracies are kept in memory for the recent rounds; of this one only the summary is stored.'
    : 'Shown when two clients or more have sent their accuracy.';
}

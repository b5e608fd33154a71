import { useComputed } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { Sparkline } from '../charts/sparkline.tsx';
import { bytes, count, figure, percent, points, signed } from '../format.ts';
import { accuracyOf, lossOf } from '../store/history.ts';
import { chosenRound, clients, committed, detail, run, server } from '../store/state.ts';

export function Tiles() {
  return (
    <>
      <AccuracyTile />
      <LossTile />
      <OnlineTile />
      <WorstTile />
      <PrivacyTile />
      <TrafficTile />
    </>
  );
}

function Tile(props: {
  readonly title: string;
  readonly value: string;
  readonly change?: string | undefined;
  readonly good?: boolean | undefined;
  readonly note?: ComponentChildren;
  readonly line?: readonly (number | null)[];
  readonly colour?: string;
}) {
  const { title, value, change, good, note, line, colour = 'accent' } = props;
  return (
    <section class="card tile" aria-label={title}>
      <h2>{title}</h2>
      <p class="kpi">
        {value}
        {change !== undefined && Number(change) !== 0 && (
          <span class={good === undefined ? 'change' : good ? 'change up' : 'change down'}>{change}</span>
        )}
      </p>
      {line !== undefined && <Sparkline values={line} colour={colour} />}
      {note !== undefined && <p class="meta">{note}</p>}
    </section>
  );
}

const held = (): boolean => committed.value.some(({ evaluation }) => evaluation !== null);

function AccuracyTile() {
  const line = useComputed(() => committed.value.map(accuracyOf));
  const known = line.value.filter((value) => value !== null);
  const [before, last] = [known.at(-2), known.at(-1)];
  const change = before === undefined || last === undefined ? undefined : points(last - before);
  const title = held() || known.length === 0 ? 'Held-out accuracy' : 'Accuracy on the clients';
  const note =
    last === undefined
      ? committed.value.length === 0
        ? 'first figure after round 1'
        : 'not measured in this run'
      : undefined;
  return (
    <Tile
      title={title}
      value={percent(last)}
      change={change}
      good={(last ?? 0) >= (before ?? 0)}
      note={note}
      line={line.value}
      colour="accent"
    />
  );
}

function LossTile() {
  const line = useComputed(() => committed.value.map(lossOf));
  const known = line.value.filter((value) => value !== null);
  const [before, last] = [known.at(-2), known.at(-1)];
  const change =
    before === undefined || last === undefined || !Number.isFinite(last - before)
      ? undefined
      : signed(last - before, 3);
  const title = held() || known.length === 0 ? 'Held-out loss' : 'Loss on the clients';
  const note =
    last === undefined
      ? committed.value.length === 0
        ? 'first figure after round 1'
        : 'not measured in this run'
      : undefined;
  return (
    <Tile
      title={title}
      value={figure(last)}
      change={change}
      good={(last ?? 0) <= (before ?? 0)}
      note={note}
      line={line.value}
      colour="violet"
    />
  );
}

function OnlineTile() {
  const connected = clients.value.filter((client) => client.connected).length;
  const needed = run.value?.current?.wanted;
  const inRound = detail.value?.clients.length ?? 0;
  if (chosenRound.value !== null) {
    return (
      <Tile title="Clients in the round" value={count(inRound)} note={`${count(chosenRound.value.reports)} reported`} />
    );
  }
  const line = committed.value.map(({ reports }) => reports);
  const note =
    needed === undefined
      ? `of ${count(clients.value.length)} known`
      : `of ${count(clients.value.length)} known · ${count(needed)} wanted`;
  return <Tile title="Clients online" value={count(connected)} note={note} line={line} colour="ok" />;
}

function WorstTile() {
  const line = committed.value.map(({ metrics }) => metrics['fairness/p10'] ?? null);
  const last = committed.value.at(-1);
  const worst = last?.metrics['fairness/p10'];
  if (worst === undefined) {
    const note =
      run.value?.secureAggregation === true
        ? 'Hidden: the server sees sums only.'
        : last === undefined
          ? 'first figure after round 1'
          : 'The clients sent no accuracy.';
    return <Tile title="Worst 10 % of clients" value="–" note={note} />;
  }
  const spread = (last!.metrics['fairness/p90'] ?? worst) - worst;
  return (
    <Tile
      title="Worst 10 % of clients"
      value={percent(worst)}
      note={`${points(spread).slice(1)} points below the best`}
      line={line}
      colour="warn"
    />
  );
}

function PrivacyTile() {
  return (
    <section class="card tile" aria-label="Privacy spent">
      <h2>Privacy spent</h2>
      <p class="kpi">Off</p>
      <p class="meta">
        Updates are encrypted, not noised. <a href="#privacy">What that means</a>
      </p>
    </section>
  );
}

function TrafficTile() {
  const at = chosenRound.value;
  const up = at === null ? server.value?.traffic.up : at.metrics['bytesUp'];
  const down = at === null ? server.value?.traffic.down : at.metrics['bytesDown'];
  const line = committed.value.map(({ metrics }) => metrics['bytesUp'] ?? null);
  const note = at === null ? `↓ ${bytes(down)} since the start` : `↓ ${bytes(down)} in round ${at.round}`;
  return <Tile title="Traffic" value={`↑ ${bytes(up)}`} note={note} line={line} colour="muted" />;
}

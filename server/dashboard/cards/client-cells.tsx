import { useComputed, useSignal } from '@preact/signals';
import { Component } from 'preact';
import { ChartCard } from '../charts/chart-card.tsx';
import { ago, count, plural, time } from '../format.ts';
import { Card } from '../parts/card.tsx';
import { clientRows, countLooks, looks, type ClientRow, type Look } from '../store/client-rows.ts';
import { stateCounts } from '../store/state-counts.ts';
import { chosenRound, clients, detail, dialog, now } from '../store/state.ts';

/** More clients are counted per state instead of shown one by one. */
const mostCells = 2_000;

export function ClientsCard() {
  const rows = useComputed(() => clientRows(clients.value, detail.value, chosenRound.value === null));
  const counts = countLooks(rows.value);
  if (rows.value.length > mostCells) return <CountsCard counts={counts} />;
  const meta =
    chosenRound.value === null
      ? `${count(clients.value.filter(({ connected }) => connected).length)} connected`
      : `in round ${chosenRound.value.round}`;
  return (
    <Card title="Clients" span={4} id="clients" meta={meta}>
      {rows.value.length === 0 ? <p class="quiet-text">No client has been here yet.</p> : <Cells rows={rows.value} />}
      <ul class="legend">
        {counts.map(([look, number]) => (
          <li key={look}>
            <i class={`cell ${look}`} aria-hidden="true">
              {looks[look].glyph}
            </i>{' '}
            {count(number)} {looks[look].word}
          </li>
        ))}
      </ul>
    </Card>
  );
}

function Cells({ rows }: { readonly rows: readonly ClientRow[] }) {
  const at = useSignal(0);
  const focused = Math.min(at.value, rows.length - 1);
  const told = rows[focused];
  const indexOf = (event: Event): number => Number((event.target as HTMLElement).dataset['at'] ?? -1);
  const open = (index: number): void => {
    if (rows[index] !== undefined) dialog.value = { kind: 'client', id: rows[index].id };
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const list = event.currentTarget as HTMLElement;
    const perLine = Math.max(1, Math.floor((list.clientWidth + 4) / (list.firstElementChild!.clientWidth + 4)));
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -perLine, ArrowDown: perLine }[event.key];
    if (event.key === 'Enter' || event.key === ' ') open(focused);
    else if (step !== undefined) {
      at.value = Math.min(rows.length - 1, Math.max(0, focused + step));
      (list.children[at.value] as HTMLElement).focus();
    } else return;
    event.preventDefault();
  };
  return (
    <>
      <div
        class={`cells ${rows.length <= 24 ? 'large' : rows.length <= 80 ? 'medium' : ''}`}
        role="listbox"
        aria-label="Clients"
        onKeyDown={onKeyDown}
        onMouseOver={(event) => indexOf(event) >= 0 && (at.value = indexOf(event))}
        onFocusIn={(event) => indexOf(event) >= 0 && (at.value = indexOf(event))}
        onClick={(event) => open(indexOf(event))}
      >
        {rows.map(({ id, name, look, state }, index) => (
          <Cell key={id} at={index} name={name} look={look} state={state} focusable={index === focused} />
        ))}
      </div>
      <p class="cell-told">{told === undefined ? '\u00a0' : describe(told)}</p>
    </>
  );
}

interface CellProps {
  readonly at: number;
  readonly name: string;
  readonly look: Look;
  readonly state: string;
  readonly focusable: boolean;
}

/** Drawn again only when something about it has changed: there may be thousands. */
class Cell extends Component<CellProps> {
  override shouldComponentUpdate(next: CellProps): boolean {
    return (Object.keys(next) as (keyof CellProps)[]).some((name) => next[name] !== this.props[name]);
  }
  override render({ at, name, look, state, focusable }: CellProps) {
    return (
      <div
        role="option"
        aria-selected={focusable}
        aria-label={`${name}, ${state}`}
        class={`cell ${look}`}
        data-at={at}
        tabIndex={focusable ? 0 : -1}
      >
        {looks[look].glyph}
      </div>
    );
  }
}

function describe({ name, state, view, part }: ClientRow): string {
  const examples = part?.examples ?? view?.examples;
  const parts = [name, state];
  if (view?.backend) parts.push(view.backend);
  if (examples !== null && examples !== undefined) parts.push(plural(examples, 'example'));
  if (view?.lastSeen)
    parts.push(view.connected ? `seen ${ago(now.peek() - view.lastSeen)}` : `last seen ${time(view.lastSeen)}`);
  return parts.join(' · ');
}

const lookColours: Readonly<Record<Look, string>> = {
  training: 'accent',
  uploading: 'violet',
  done: 'ok',
  dropped: 'bad',
  blocked: 'warn',
  idle: 'muted',
  off: 'muted',
  absent: 'muted',
};

/** How many clients were in which state since the page is open. */
function CountsCard({ counts }: { readonly counts: readonly (readonly [Look, number])[] }) {
  const samples = stateCounts.value;
  const start = samples[0]?.at ?? 0;
  return (
    <ChartCard
      title="Clients"
      sentence={counts.map(([look, number]) => `${count(number)} ${looks[look].word}`).join(' · ')}
      span12={4}
      height={220}
      first="Time"
      xs={samples.map(({ at }) => (at - start) / 1000)}
      lines={counts.map(([look]) => ({
        label: looks[look].word,
        colour: lookColours[look],
        values: samples.map(({ counts: then }) => then[look] ?? 0),
        ...(look === 'off' ? { dash: [3, 3] } : {}),
      }))}
      x={(value) => `${Math.round(value)} s`}
      byRound={false}
      y={count}
      fromZero
      span={60}
    />
  );
}

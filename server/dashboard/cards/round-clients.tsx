import { useComputed, useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { bytes, count, duration, figure, percent } from '../format.ts';
import { Card } from '../parts/card.tsx';
import { VirtualRows } from '../parts/virtual-rows.tsx';
import { clientRows, looks, type ClientRow } from '../store/client-rows.ts';
import { clients, detail, dialog } from '../store/state.ts';
import { Timeline } from './timeline.tsx';

interface Column {
  readonly title: string;
  readonly isNumber: boolean;
  readonly of: (row: ClientRow) => string | number | null;
  readonly text: (row: ClientRow) => string;
}

const isSecure = (): boolean => detail.value?.secureAggregation === true;
const examplesOf = ({ part, view }: ClientRow): number | null => part?.examples ?? view?.examples ?? null;
const backendOf = ({ part, view }: ClientRow): string => part?.backend || view?.backend || '';
const secondsOf = ({ part }: ClientRow): number | null =>
  part === undefined || part.countedAt === null || part.sentAt === null ? null : (part.countedAt - part.sentAt) / 1000;

const columns: readonly Column[] = [
  { title: 'Client', isNumber: false, of: ({ name }) => name, text: ({ name }) => name },
  { title: 'State', isNumber: false, of: ({ state }) => state, text: ({ state }) => state },
  {
    title: 'Device · backend',
    isNumber: false,
    of: backendOf,
    text: (row) => [row.view?.software, backendOf(row)].filter(Boolean).join(' · ') || '–',
  },
  { title: 'Examples', isNumber: true, of: examplesOf, text: (row) => count(examplesOf(row)) },
  {
    title: 'Accuracy',
    isNumber: true,
    of: ({ part }) => part?.accuracy ?? null,
    text: ({ part }) => percent(part?.accuracy),
  },
  { title: 'Norm', isNumber: true, of: ({ part }) => part?.norm ?? null, text: ({ part }) => figure(part?.norm) },
  {
    title: 'Sent',
    isNumber: true,
    of: ({ part }) => part?.bytes ?? null,
    text: ({ part }) => (part === undefined || part.bytes === 0 ? '–' : bytes(part.bytes)),
  },
  { title: 'Time', isNumber: true, of: secondsOf, text: (row) => duration(secondsOf(row)) },
];
/** What secure aggregation hides. */
const hidden = ['Accuracy', 'Norm'];

const rowHeight = 33;

export function RoundClientsCard() {
  const tab = useSignal<'table' | 'timeline'>('table');
  const filter = useSignal('');
  const sort = useSignal<{ title: string; down: boolean }>({ title: 'Client', down: false });
  const rows = useComputed(() => {
    const inRound = clientRows(
      clients.value,
      detail.value,
      detail.value !== null && detail.value.phase !== null,
    ).filter(({ part }) => part !== undefined);
    const text = filter.value.trim().toLowerCase();
    const kept =
      text === ''
        ? inRound
        : inRound.filter((row) => `${row.name} ${row.id} ${row.state} ${backendOf(row)}`.toLowerCase().includes(text));
    const { of } = columns.find(({ title }) => title === sort.value.title)!;
    const sign = sort.value.down ? -1 : 1;
    return kept.toSorted((a, b) => sign * compare(of(a), of(b)));
  });
  const at = detail.value;
  const title =
    at === null
      ? 'This round’s clients'
      : `Clients of round ${at.round}${at.attempt > 1 ? `, attempt ${at.attempt}` : ''}`;
  const notes = [
    isSecure()
      ? 'Secure aggregation: the server sees no single client’s accuracy or norm; examples are what the client says.'
      : '',
    at !== null && !at.timed ? 'Times and bytes are known of recent rounds only.' : '',
  ].filter(Boolean);
  return (
    <Card
      title={title}
      span={8}
      meta={at === null ? 'no round yet' : `${count(at.clients.length)} picked`}
      tools={
        <>
          <input
            id="client-filter"
            type="search"
            placeholder="Filter  /"
            aria-label="Filter clients"
            aria-keyshortcuts="/"
            value={filter.value}
            onInput={({ currentTarget }) => (filter.value = currentTarget.value)}
          />
          <div class="tabs" role="group" aria-label="Show as">
            {(['table', 'timeline'] as const).map((name) => (
              <button type="button" key={name} aria-pressed={tab.value === name} onClick={() => (tab.value = name)}>
                {name === 'table' ? 'Table' : 'Timeline'}
              </button>
            ))}
          </div>
        </>
      }
    >
      {at === null ? (
        <p class="quiet-text tall">The clients of a round stand here from its beginning.</p>
      ) : tab.value === 'table' ? (
        <Table
          rows={rows.value}
          sort={sort.value}
          onSort={(name) => (sort.value = { title: name, down: sort.value.title === name && !sort.value.down })}
        />
      ) : (
        <Timeline rows={rows.value} detail={at} />
      )}
      {notes.length > 0 && <p class="note">{notes.join(' ')}</p>}
    </Card>
  );
}

/** What is not known comes last. */
function compare(a: string | number | null, b: string | number | null): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1;
  return typeof a === 'number' && typeof b === 'number'
    ? a - b
    : String(a).localeCompare(String(b), 'en', { numeric: true });
}

function Table(props: {
  rows: readonly ClientRow[];
  sort: { title: string; down: boolean };
  onSort: (title: string) => void;
}) {
  const { rows, sort, onSort } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const shown = isSecure() ? columns.filter(({ title }) => !hidden.includes(title)) : columns;
  return (
    <div class="scroll clients-scroll" tabIndex={0} role="region" aria-label="Clients of the round" ref={scroller}>
      <table aria-rowcount={rows.length + 1}>
        <thead>
          <tr>
            {shown.map(({ title, isNumber }) => (
              <th
                key={title}
                scope="col"
                class={isNumber ? 'number' : ''}
                aria-sort={sort.title !== title ? 'none' : sort.down ? 'descending' : 'ascending'}
              >
                <button type="button" class="sort" onClick={() => onSort(title)}>
                  {title}
                  <i aria-hidden="true">{sort.title !== title ? '' : sort.down ? ' ↓' : ' ↑'}</i>
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <VirtualRows
          rows={rows}
          rowHeight={rowHeight}
          scroller={scroller}
          columns={shown.length}
          row={(row, index) => (
            <tr key={row.id} aria-rowindex={index + 2}>
              {shown.map(({ title, isNumber, text }) => (
                <td key={title} class={isNumber ? 'number' : ''}>
                  {title === 'Client' ? (
                    <button type="button" class="link" onClick={() => (dialog.value = { kind: 'client', id: row.id })}>
                      {row.name}
                    </button>
                  ) : title === 'State' ? (
                    <span class={`state ${row.look}`}>
                      <i aria-hidden="true">{looks[row.look].glyph || '○'}</i> {row.state}
                    </span>
                  ) : (
                    text(row)
                  )}
                </td>
              ))}
            </tr>
          )}
        />
      </table>
      {rows.length === 0 && <p class="quiet-text">No client of this round fits the filter.</p>}
    </div>
  );
}

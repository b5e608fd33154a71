import { useRef } from 'preact/hooks';
import type { RoundDetail } from '../../operations.ts';
import { duration } from '../format.ts';
import { VirtualRows } from '../parts/virtual-rows.tsx';
import type { ClientRow } from '../store/client-rows.ts';
import { dialog, now } from '../store/state.ts';

const rowHeight = 26;

/** When each client of the round had the model, trained and sent its update. */
export function Timeline({ rows, detail }: { readonly rows: readonly ClientRow[]; readonly detail: RoundDetail }) {
  const scroller = useRef<HTMLDivElement>(null);
  if (!detail.timed) return <p class="quiet-text tall">The times of single clients are kept for recent rounds only.</p>;
  const start = detail.startedAt;
  const end = detail.endedAt ?? now.value;
  const times = detail.clients.flatMap(({ countedAt }) => countedAt ?? []);
  const length = Math.max(end, ...times, start + 100) - start;
  // A deadline far away would press everything to the left edge: it is then said in words alone.
  const deadline = detail.deadline === null ? null : detail.deadline - start;
  const whole = deadline !== null && deadline < 2 * length ? Math.max(length, deadline) : length;
  const place = (at: number): number => Math.min(100, Math.max(0, ((at - start) / whole) * 100));
  const spans = ({ part }: ClientRow) => {
    const { sentAt, modelAt, offeredAt, countedAt, state } = part!;
    const open = state === 'sent' || state === 'training' ? end : null;
    return (
      [
        ['download', sentAt, modelAt ?? (sentAt === null ? null : open)],
        ['train', modelAt, offeredAt ?? (modelAt === null ? null : open)],
        ['upload', offeredAt, countedAt ?? (offeredAt === null ? null : open)],
      ] as const
    ).flatMap(([kind, from, to]) => (from === null || to === null ? [] : [{ kind, from, to }]));
  };
  const said = (row: ClientRow): string => {
    const found = spans(row).map(({ kind, from, to }) => `${kind} ${duration((to - from) / 1000)}`);
    return found.length === 0 ? 'nothing yet' : found.join(', ');
  };
  return (
    <>
      <ul class="legend">
        {['download', 'train', 'upload'].map((kind) => (
          <li key={kind}>
            <i class={`span-key ${kind}`} aria-hidden="true" /> {kind}
          </li>
        ))}
        <li>
          {deadline === null
            ? `${duration(length / 1000)} in all`
            : `deadline ${duration(deadline / 1000)} after the start`}
        </li>
      </ul>
      <div class="scroll clients-scroll" tabIndex={0} role="region" aria-label="Timeline of the round" ref={scroller}>
        <table class="timeline">
          <thead class="hidden">
            <tr>
              <th scope="col">Client</th>
              <th scope="col">Download, training and upload</th>
            </tr>
          </thead>
          <VirtualRows
            rows={rows}
            rowHeight={rowHeight}
            scroller={scroller}
            columns={2}
            row={(row) => (
              <tr key={row.id}>
                <th scope="row">
                  <button type="button" class="link" onClick={() => (dialog.value = { kind: 'client', id: row.id })}>
                    {row.name}
                  </button>
                </th>
                <td>
                  <div class="spans">
                    <span class="hidden">{said(row)}</span>
                    {spans(row).map(({ kind, from, to }) => (
                      <i
                        key={kind}
                        class={kind}
                        title={`${kind} ${duration((to - from) / 1000)}`}
                        style={{ left: `${place(from)}%`, width: `max(2px, ${place(to) - place(from)}%)` }}
                      />
                    ))}
                    {deadline !== null && deadline <= whole && (
                      <b style={{ left: `${place(detail.deadline!)}%` }} title="deadline" />
                    )}
                  </div>
                </td>
              </tr>
            )}
          />
        </table>
      </div>
    </>
  );
}

import { useSignal, useSignalEffect } from '@preact/signals';
import { waitReasons } from '../../../shared/states.ts';
import type { ClientRound } from '../../operations.ts';
import { get } from '../api.ts';
import { bytes, count, date, figure, percent } from '../format.ts';
import { Modal } from '../parts/dialog.tsx';
import { nameOf } from '../store/client-rows.ts';
import { exclude } from '../store/actions.ts';
import { clients, detail, dialog, isAdmin, run, rounds } from '../store/state.ts';
import { choose } from '../store/sync.ts';

/** One client: what is known of it, its rounds, and its exclusion. */
export function ClientDrawer({ id }: { readonly id: string }) {
  const history = useSignal<readonly ClientRound[] | null>(null);
  useSignalEffect(() => {
    const at = run.value?.id;
    void rounds.value.length; // again after each round
    if (at !== undefined)
      get<ClientRound[]>(`runs/${at}/clients/${id}`).then(
        (found) => (history.value = found),
        () => {},
      );
  });
  const view = clients.value.find((client) => client.id === id);
  const part = detail.value?.clients.find((client) => client.id === id);
  const facts: (readonly [string, string])[] = [
    ['Key', id],
    ['State', view === undefined ? (part?.state ?? '–') : view.excluded ? 'excluded' : view.state],
    ...(view?.waiting ? [['Why it waits', waitReasons[view.waiting]] as const] : []),
    ['Device', view?.software || '–'],
    ['Backend', part?.backend || view?.backend || '–'],
    ['Examples', count(part?.examples ?? view?.examples)],
    ...(part !== undefined && part.accuracy !== null
      ? [['Accuracy in this round', percent(part.accuracy)] as const]
      : []),
    ...(part !== undefined && part.norm !== null ? [['Norm of its update', figure(part.norm)] as const] : []),
    ['Sent in all', bytes(view?.bytesUp)],
    ['Reports counted', count(view?.roundsReported)],
    ['Last seen', view?.lastSeen ? date(view.lastSeen) : '–'],
  ];
  return (
    <Modal title={nameOf(id, view)} side>
      <dl class="facts">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {isAdmin.value && view !== undefined && (
        <div class="actions">
          <button type="button" class={view.excluded ? '' : 'danger'} onClick={() => void exclude(id, !view.excluded)}>
            {view.excluded ? 'Readmit this client' : 'Exclude this client'}
          </button>
          <p class="note">
            {view.excluded
              ? 'It is refused at the door until you readmit it.'
              : 'Ends its session, refuses it from now on, and leaves its report out of the round in progress if it is not in yet.'}
          </p>
        </div>
      )}
      <h3>Its rounds in this run</h3>
      {history.value === null ? (
        <p class="quiet-text">Loading …</p>
      ) : history.value.length === 0 ? (
        <p class="quiet-text">It has not been picked for a round that has ended.</p>
      ) : (
        <table>
          <thead>
            <tr>
              <th scope="col">Round</th>
              <th scope="col">Its report</th>
              <th scope="col">The round</th>
            </tr>
          </thead>
          <tbody>
            {history.value
              .slice(-100)
              .toReversed()
              .map(({ sequence, round, attempt, counted, result }) => (
                <tr key={sequence}>
                  <td>
                    <button
                      type="button"
                      class="link"
                      onClick={() => {
                        choose(sequence);
                        dialog.value = null;
                      }}
                    >
                      {round}
                      {attempt > 1 && ` (attempt ${attempt})`}
                    </button>
                  </td>
                  <td>{counted ? '✓ counted' : '× not counted'}</td>
                  <td>{result}</td>
                </tr>
              ))}
          </tbody>
        </table>
      )}
    </Modal>
  );
}

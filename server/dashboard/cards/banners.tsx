import { useSignal, useSignalEffect } from '@preact/signals';
import type { RoundDetail } from '../../operations.ts';
import { get } from '../api.ts';
import { figure, short } from '../format.ts';
import { resume } from '../store/actions.ts';
import { suspects } from '../store/client-rows.ts';
import { divergedAt, lossOf } from '../store/history.ts';
import { chosenRound, dialog, isAdmin, rounds, run } from '../store/state.ts';
import { choose } from '../store/sync.ts';
import { advice } from './events.tsx';

/** What must not be overlooked, above all cards. */
export function Banners() {
  return (
    <>
      <Trouble />
      <Abandoned />
      <Diverged />
    </>
  );
}

/** The run has failed, or was paused by trouble under it. */
function Trouble() {
  const at = run.value;
  if (at === null || at.reason === null || (at.state !== 'failed' && at.state !== 'paused')) return null;
  const [first = ''] = at.reason.split('\n');
  const isFinal = at.state === 'failed';
  return (
    <section class="banner bad span-12" role="alert" aria-labelledby="trouble-title">
      <h2 id="trouble-title">
        {isFinal ? 'This run has failed.' : 'This run is paused: something under it went wrong.'}
      </h2>
      <p>{first.length > 160 ? `${first.slice(0, 160)}…` : first}</p>
      <details>
        <summary>Details</summary>
        <pre tabIndex={0}>{at.reason}</pre>
      </details>
      <p class="actions">
        {!isFinal && isAdmin.value && (
          <button type="button" class="primary" onClick={() => void resume()}>
            Resume from round {at.round}
          </button>
        )}
        {isFinal && isAdmin.value && (
          <button type="button" onClick={() => (dialog.value = { kind: 'new' })}>
            New run with the same settings
          </button>
        )}
        <span class="note">The model of round {at.round} is safe and can be exported.</span>
      </p>
    </section>
  );
}

/** The last attempt, or the chosen one, came to nothing. */
function Abandoned() {
  const at = chosenRound.value ?? rounds.value.at(-1);
  if (at === undefined || at.result !== 'abandoned') return null;
  return (
    <section class="banner bad span-12" aria-labelledby="abandoned-title">
      <h2 id="abandoned-title">
        Round {at.round} was abandoned{at.attempt > 1 ? ` (attempt ${at.attempt})` : ''}.
      </h2>
      <p>
        {at.reason}. The model is unchanged
        {chosenRound.value === null && run.value?.state === 'running' ? ' and the round is tried again' : ''}.{' '}
        {at.reason.includes('operator') ? '' : advice}
      </p>
    </section>
  );
}

function Diverged() {
  const found = useSignal<RoundDetail | null>(null);
  const at = divergedAt(rounds.value);
  const round = at?.round ?? 0;
  useSignalEffect(() => {
    const astray = divergedAt(rounds.value);
    if (astray === null || found.peek()?.round === astray.round) return;
    found.value = null;
    get<RoundDetail[]>(`runs/${run.peek()!.id}/rounds/${astray.round}`).then(
      (all) => (found.value = all.at(-1) ?? null),
      () => {},
    );
  });
  if (at === null) return null;
  const loss = lossOf(at)!;
  const named = found.value === null ? [] : suspects(found.value);
  return (
    <section class="banner bad span-12" aria-labelledby="diverged-title">
      <h2 id="diverged-title">The model has gone astray at round {round}.</h2>
      <p>
        {Number.isFinite(loss)
          ? `The loss rose to ${figure(loss)}, more than ten times its best.`
          : 'The loss is not a number any more.'}{' '}
        A smaller client learning rate, a lower maxUpdateNorm or a robust strategy may help; the checkpoint of round{' '}
        {Math.max(0, round - 1)} is from before.
      </p>
      <p class="actions">
        {named.length > 0 ? (
          <span>
            Suspected, by the norm of the update:{' '}
            {named.map(({ id, norm }) => (
              <button type="button" class="link" key={id} onClick={() => (dialog.value = { kind: 'client', id })}>
                {short(id)} ({figure(norm)})
              </button>
            ))}
          </span>
        ) : (
          <span class="note">
            {found.value?.secureAggregation === true
              ? 'Secure aggregation hides which client it was.'
              : 'No single client stands out.'}
          </span>
        )}
        <button type="button" class="link" onClick={() => choose(at.sequence)}>
          Look at round {round}
        </button>
      </p>
    </section>
  );
}

import type { RoundPhase } from '../../../shared/states.ts';
import { bytes, count, duration, percent, figure } from '../format.ts';
import { chosenRound, clients, config, detail, isOver, now, rounds, run } from '../store/state.ts';

const order: readonly RoundPhase[] = ['selecting', 'sending', 'training', 'aggregating', 'evaluating'];
const titles = ['Select', 'Send model', 'Train', 'Aggregate', 'Evaluate'];

type Mark = 'past' | 'now' | 'next' | 'broken';
const glyphs: Record<Mark, string> = { past: '✓', now: '●', next: '', broken: '×' };
const said: Record<Mark, string> = { past: 'finished', now: 'in progress', next: 'not yet', broken: 'given up' };

/** The five steps of the round that is looked at. */
export function Phases() {
  const at = detail.value;
  const facts = at === null ? order.map(() => '') : [picked(), sent(), trained(), aggregated(), evaluated()];
  return (
    <ol class="phases">
      {titles.map((title, index) => {
        const mark = markOf(index);
        return (
          <li key={title} class={mark} aria-current={mark === 'now' ? 'step' : undefined}>
            <span class="phase-title">
              {title} <i aria-hidden="true">{glyphs[mark]}</i>
              <span class="hidden">{said[mark]}</span>
              {mark === 'now' && <small>{timeLeft()}</small>}
            </span>
            <span class="phase-fact">{facts[index] || '\u00a0'}</span>
          </li>
        );
      })}
    </ol>
  );
}

function markOf(index: number): Mark {
  const at = detail.value;
  if (at === null) return 'next';
  const reached = Object.keys(at.phases).map((phase) =>
    order.indexOf(phase === 'unmasking' ? 'training' : (phase as RoundPhase)),
  );
  const last = at.timed ? Math.max(0, ...reached) : order.length - 1;
  if (at.phase !== null) return index < last ? 'past' : index === last ? 'now' : 'next';
  if (at.result === 'abandoned')
    return index < (at.timed ? last : 2) ? 'past' : index === (at.timed ? last : 2) ? 'broken' : 'next';
  if (at.result === null) return index <= last ? 'past' : 'next';
  return 'past';
}

const picked = (): string => {
  const cohort = detail.value!.clients.length;
  const online = clients.value.filter(({ connected }) => connected).length;
  return chosenRound.value === null && !isOver.value
    ? `${count(cohort)} of ${count(online)} online`
    : `${count(cohort)} picked`;
};

function sent(): string {
  const { modelBytes, clients: cohort, timed } = detail.value!;
  const told = timed ? cohort.filter(({ sentAt }) => sentAt !== null).length : cohort.length;
  return `${bytes(modelBytes)} to ${count(told)}`;
}

function trained(): string {
  const { clients: cohort, wanted, phase } = detail.value!;
  const reported = cohort.filter(({ state }) => state === 'reported').length;
  const gone = cohort.filter(({ state }) => !['reported', 'sent', 'training', 'away'].includes(state)).length;
  const parts = [`${count(reported)} of ${count(wanted ?? cohort.length)} reported`];
  if (gone > 0) parts.push(`${gone} dropped`);
  if (phase === 'unmasking') parts.push('unmasking');
  return parts.join(' · ');
}

/** Until the present phase is closed by its deadline. */
function timeLeft(): string {
  const deadline = detail.value?.deadline ?? null;
  return deadline === null ? '' : `${duration(Math.max(0, (deadline - now.value) / 1000)).replace(/\.\d/, '')} left`;
}

const strategies: Readonly<Record<string, string>> = { fedavg: 'FedAvg' };

function aggregated(): string {
  const name = run.value?.strategy ?? '';
  return `${strategies[name] ?? name}, ${detail.value!.secureAggregation ? 'sums only' : 'single updates'}`;
}

function evaluated(): string {
  const at = detail.value!;
  const round = rounds.value.find((each) => each.round === at.round && each.attempt === at.attempt);
  const evaluation = round?.evaluation;
  if (evaluation?.['accuracy'] !== undefined) return percent(evaluation['accuracy']);
  if (evaluation?.['loss'] !== undefined) return `loss ${figure(evaluation['loss'])}`;
  if (config.value?.evaluateEvery === 0) return 'switched off';
  return at.result === 'abandoned' ? '' : at.phase === null && round !== undefined ? 'no held-out data' : '';
}

import {
  connection,
  dialog,
  heardAt,
  isAdmin,
  isOver,
  notice,
  now,
  problem,
  rounds,
  run,
  runs,
} from '../store/state.ts';
import { about, duration } from '../format.ts';
import { askToStop, togglePause } from '../keys.ts';
import { Key } from '../parts/key-hint.tsx';
import { canPause, canResume, canStop } from '../store/actions.ts';
import { secondsLeft } from '../store/history.ts';
import { retry, show } from '../store/sync.ts';
import { isDark, toggleTheme } from '../theme.ts';

export function Header() {
  const state = run.value?.state ?? '';
  const isFinished = state === 'finished';
  return (
    <header class="top">
      <div class="top-row">
        <svg class="mark" viewBox="0 0 24 24" aria-hidden="true">
          <path d="M12 3v6M12 15v6M3 12h6M15 12h6" />
          <circle cx="12" cy="12" r="3" />
          <circle cx="12" cy="3" r="2" />
          <circle cx="12" cy="21" r="2" />
          <circle cx="3" cy="12" r="2" />
          <circle cx="21" cy="12" r="2" />
        </svg>
        <RunName />
        <Pill />
        <Progress />
        <nav class="controls" aria-label="Controls">
          {isAdmin.value && (canPause(state) || canResume(state)) && (
            <button type="button" aria-keyshortcuts="p" onClick={togglePause}>
              {canResume(state) ? 'Resume' : 'Pause'} <Key name="P" />
            </button>
          )}
          {isAdmin.value && (canStop(state) || state === 'stopping') && (
            <button type="button" class="danger" aria-keyshortcuts="s" onClick={askToStop}>
              {state === 'stopping' ? 'Stop now' : 'Stop'} <Key name="S" />
            </button>
          )}
          {isAdmin.value && (isOver.value || run.value === null) && (
            <button type="button" aria-keyshortcuts="n" onClick={() => (dialog.value = { kind: 'new' })}>
              New run <Key name="N" />
            </button>
          )}
          {run.value !== null && (
            <button
              type="button"
              class={`primary ${isFinished ? 'ready' : ''}`}
              aria-keyshortcuts="e"
              onClick={() => (dialog.value = { kind: 'export' })}
            >
              Export model <Key name="E" />
            </button>
          )}
          <button type="button" class="quiet" aria-keyshortcuts="t" onClick={toggleTheme}>
            {isDark.value ? 'Light' : 'Dark'} <Key name="T" />
          </button>
          <button type="button" class="quiet" aria-keyshortcuts="?" onClick={() => (dialog.value = { kind: 'help' })}>
            Help <Key name="?" />
          </button>
        </nav>
      </div>
      {problem.value !== '' && dialog.value === null && (
        <p class="problem" role="alert">
          {problem.value}{' '}
          <button type="button" class="link" onClick={() => (problem.value = '')}>
            Dismiss
          </button>
        </p>
      )}
    </header>
  );
}

function RunName() {
  const shown = run.value;
  if (runs.value.length < 2) return <h1>{shown?.id ?? 'fedloom'}</h1>;
  return (
    <h1>
      <select aria-label="Run" value={shown?.id} onChange={({ currentTarget }) => show(currentTarget.value)}>
        {runs.value.toReversed().map(({ id }) => (
          <option key={id} value={id}>
            {id}
          </option>
        ))}
      </select>
    </h1>
  );
}

function Pill() {
  const isLost = connection.value === 'lost';
  const ago = Math.max(0, Math.round((Date.now() - heardAt.value) / 1000));
  void now.value; // counts the seconds
  const state = run.value?.state ?? 'no run yet';
  return (
    <>
      <p class={`pill ${isLost ? 'lost' : state}`} role="status">
        <i class="dot" aria-hidden="true" />
        {isLost ? (
          <span>
            Reconnecting
            <span class="ago" aria-hidden="true">
              , last update {duration(ago).replace('.0', '')} ago
            </span>
          </span>
        ) : (
          word(state)
        )}
      </p>
      {isLost && (
        <button type="button" class="link" onClick={retry}>
          Try now
        </button>
      )}
      <p class="notice" role="status">
        {notice.value}
      </p>
    </>
  );
}

const word = (state: string): string => `${state[0]!.toUpperCase()}${state.slice(1)}`;

function Progress() {
  const at = run.value;
  const first = rounds.value[0];
  if (at === null) return null;
  const isDone = isOver.value;
  const until = isDone ? (rounds.value.at(-1)?.endedAt ?? 0) : now.value;
  const left = isDone || at.state === 'paused' ? null : secondsLeft(at, rounds.value);
  const round = at.current?.round ?? at.round;
  return (
    <p class="progress">
      Round <b>{round}</b> of {at.rounds}
      {first !== undefined && ` · ${duration(Math.max(0, (until - first.startedAt) / 1000))}`}
      {left !== null && ` · ${about(left)} left`}
    </p>
  );
}

import { dialog, isAdmin, run, rounds, chosen } from './store/state.ts';
import { canPause, canResume, canStop, pause, resume } from './store/actions.ts';
import { choose } from './store/sync.ts';
import { toggleTheme } from './theme.ts';

/** The keys of the page: P S E T ? / ← → Esc, and g c. They rest while something is written or a dialog is open. */

export const keyHelp: readonly (readonly [keys: string, does: string])[] = [
  ['P', 'pause the run, or resume it'],
  ['S', 'stop the run; once more: stop it now'],
  ['E', 'export a model'],
  ['N', 'new run'],
  ['T', 'light or dark'],
  ['/', 'filter the clients'],
  ['← →', 'the round before or after; every card shows it'],
  ['Esc', 'back to the live round'],
  ['g c', 'go to the clients'],
  ['?', 'this list'],
];

const isWriting = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && target.matches('input, select, textarea, [contenteditable]');

export function togglePause(): void {
  const state = run.value?.state ?? '';
  if (canPause(state)) void pause();
  else if (canResume(state)) void resume();
}

export function askToStop(): void {
  const state = run.value?.state ?? '';
  if (canStop(state)) dialog.value = { kind: 'stop' };
  else if (state === 'stopping') dialog.value = { kind: 'stop-now' };
}

/** The round before (-1) or after (1) the one that is looked at. */
function move(by: -1 | 1): void {
  const all = rounds.value;
  if (all.length === 0) return;
  const at = chosen.value === null ? all.length : all.findIndex(({ sequence }) => sequence === chosen.value);
  const next = at + by;
  if (next >= all.length) choose(null);
  else choose(all[Math.max(0, next)]!.sequence);
}

const goTo = (id: string): void => {
  const element = document.getElementById(id);
  element?.scrollIntoView({ block: 'center' });
  element?.focus();
};

const actions: Readonly<Record<string, () => void>> = {
  p: () => isAdmin.value && togglePause(),
  s: () => isAdmin.value && askToStop(),
  e: () => run.value !== null && (dialog.value = { kind: 'export' }),
  n: () => isAdmin.value && (dialog.value = { kind: 'new' }),
  t: toggleTheme,
  '?': () => (dialog.value = { kind: 'help' }),
  '/': () => goTo('client-filter'),
  ArrowLeft: () => move(-1),
  ArrowRight: () => move(1),
  Escape: () => choose(null),
};

export function startKeys(): void {
  let afterG = false;
  addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || dialog.value !== null) return;
    const { key, target } = event;
    if (isWriting(target)) {
      if (key === 'Escape') (target as HTMLElement).blur();
      return;
    }
    const name = key.length === 1 ? key.toLowerCase() : key;
    const wasG = afterG;
    afterG = name === 'g';
    if (wasG && name === 'c') {
      event.preventDefault();
      return goTo('clients');
    }
    // Widgets that move with the arrows themselves say so by handling the event.
    if (event.defaultPrevented || actions[name] === undefined) return;
    event.preventDefault();
    actions[name]();
  });
}

import { batch } from '@preact/signals';
import type { RunConfig } from '../../config.ts';
import type { ClientView, RoundDetail, RoundSummary, RunView, ServerEvent } from '../../operations.ts';
import { finalRunStates } from '../../../shared/states.ts';
import { ApiError, clockAhead, get } from '../api.ts';
import { chosen, chosenRound, clients, config, connection, detail, events, heardAt, notice, now, rounds, run, runs, server } from './state.ts'; // prettier-ignore
import type { Server } from './state.ts';
import { follow } from './stream.ts';

/** Keeps the state as the server has it: everything at first, then what the events say has changed. */

const keptEvents = 2_000;
/** Shortest time between two looks at the same thing, ms. A list of many clients is looked at less often. */
const pause = (part: Part): number => {
  if (part !== 'clients' && part !== 'detail') return 400;
  const many = part === 'clients' ? clients.value.length : (detail.value?.clients.length ?? 0);
  return many > 2_000 ? 10_000 : many > 300 ? 2_000 : 700;
};

type Part = 'runs' | 'run' | 'rounds' | 'clients' | 'detail';
const dirty = new Set<Part>();
const lookedAt = new Map<Part, number>();
let timer: ReturnType<typeof setTimeout> | null = null;
let looking = false;

const changedBy: Record<ServerEvent['type'], readonly Part[]> = {
  run: ['runs', 'run', 'rounds', 'clients', 'detail'],
  round: ['run', 'rounds', 'clients', 'detail'],
  phase: ['run', 'detail', 'clients'],
  evaluation: ['run', 'rounds'],
  report: ['run', 'detail', 'clients'],
  client: ['run', 'clients', 'detail'],
  refused: ['clients', 'detail'],
};

/** Looks at these parts soon; whatever is asked for meanwhile goes along. */
export function touch(...parts: readonly Part[]): void {
  for (const part of parts) dirty.add(part);
  if (timer !== null || looking || connection.value !== 'live') return;
  const soonest = Math.min(...[...dirty].map((part) => (lookedAt.get(part) ?? 0) + pause(part) - performance.now()));
  timer = setTimeout(() => void lookDue(), Math.max(30, soonest));
}

async function lookDue(): Promise<void> {
  timer = null;
  looking = true;
  const due = [...dirty].filter((part) => (lookedAt.get(part) ?? -Infinity) + pause(part) <= performance.now() + 30);
  for (const part of due) {
    dirty.delete(part);
    lookedAt.set(part, performance.now());
  }
  try {
    await look(due);
  } catch (error) {
    for (const part of due) dirty.add(part); // the stream notices a server that is gone
    if (error instanceof ApiError && error.status === 404) touch('runs');
  } finally {
    looking = false;
    if (dirty.size > 0) touch();
  }
}

/** The attempt that the cards show: the chosen one, the one in progress, or the last. */
function shownAttempt(of: RunView): { round: number; attempt: number } | null {
  return chosenRound.value ?? of.current ?? rounds.value.at(-1) ?? null;
}

async function look(parts: readonly Part[]): Promise<void> {
  if (parts.includes('runs')) runs.value = await get<RunView[]>('runs');
  const wanted = run.value?.id;
  const seen = run.value;
  const fresh =
    seen === null || !runs.value.some(({ id }) => id === wanted)
      ? newest(runs.value)
      : parts.includes('run')
        ? await get<RunView>(`runs/${seen.id}`)
        : seen;
  const isOther = fresh?.id !== seen?.id;
  const [history, everyone, settings, about] = await Promise.all([
    fresh !== null && (isOther || parts.includes('rounds')) ? newRounds(fresh, isOther ? [] : rounds.value) : null,
    parts.includes('clients') ? get<ClientView[]>('clients') : null,
    fresh !== null && (isOther || config.value === null) ? get<RunConfig>(`runs/${fresh.id}/config`) : null,
    parts.includes('run') ? get<Server>('server') : null,
  ]);
  // What was asked for may be about a run that is not looked at any more.
  if (run.value?.id !== wanted) return;
  batch(() => {
    run.value = fresh;
    if (history !== null) rounds.value = history;
    if (everyone !== null) clients.value = everyone;
    if (settings !== null) config.value = settings;
    if (about !== null) server.value = about;
  });
  if (fresh !== null && (isOther || parts.includes('detail'))) await lookAtDetail(fresh);
}

async function lookAtDetail(of: RunView): Promise<void> {
  const shown = shownAttempt(of);
  if (shown === null) {
    detail.value = null;
    return;
  }
  let attempts: RoundDetail[];
  try {
    attempts = await get<RoundDetail[]>(`runs/${of.id}/rounds/${shown.round}`);
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return; // gone on meanwhile, or not begun again yet
    throw error;
  }
  if (run.value?.id !== of.id || shownAttempt(run.value)?.round !== shown.round) return touch('detail');
  detail.value = attempts.find(({ attempt }) => attempt === shown.attempt) ?? attempts.at(-1) ?? null;
}

/** The newest known round is asked for again, since its evaluation comes after it. */
async function newRounds({ id }: RunView, known: readonly RoundSummary[]): Promise<RoundSummary[]> {
  const kept = known.slice(0, -1);
  return [...kept, ...(await get<RoundSummary[]>(`runs/${id}/history?after=${kept.at(-1)?.sequence ?? 0}`))];
}

const newest = (all: readonly RunView[]): RunView | null =>
  all.find(({ state }) => !finalRunStates.includes(state)) ?? all.at(-1) ?? null;

/** Shows another run. */
export function show(id: string): void {
  const found = runs.value.find((each) => each.id === id);
  if (found === undefined || found.id === run.value?.id) return;
  batch(() => {
    run.value = found;
    rounds.value = [];
    config.value = null;
    detail.value = null;
    chosen.value = null;
  });
  lookedAt.clear();
  touch('run', 'rounds', 'detail', 'clients');
}

/** Shows a round in every card, or with null the live one. */
export function choose(sequence: number | null): void {
  const last = rounds.value.at(-1)?.sequence;
  chosen.value = sequence === last && run.value?.current === null ? null : sequence;
  lookedAt.delete('detail');
  touch('detail');
}

// Events come in bursts: they reach the page once per frame.
let arrived: ServerEvent[] = [];
let flushing = false;

function flush(): void {
  flushing = false;
  const fresh = arrived;
  arrived = [];
  if (fresh.length === 0) return;
  batch(() => {
    events.value = [...events.value, ...fresh].slice(-keptEvents);
    heardAt.value = Date.now();
  });
  touch(...new Set(fresh.flatMap(({ type }) => changedBy[type])));
}

function arrive(event: ServerEvent): void {
  arrived.push(event);
  if (flushing) return;
  flushing = true;
  if (document.hidden)
    setTimeout(flush, 500); // a hidden page draws no frames
  else requestAnimationFrame(flush);
}

let wake: () => void = () => {};
const wait = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    const pending = setTimeout(resolve, ms);
    wake = () => {
      clearTimeout(pending);
      resolve();
    };
  });

/** The server as it was when the stream stood last. */
let before: Server | null = null;

/** Connects, follows and reconnects for as long as the page is open. */
export async function start(): Promise<void> {
  setInterval(() => {
    now.value = Date.now() + clockAhead;
  }, 1_000);
  addEventListener('online', () => wake());
  for (let failures = 0; ; failures++) {
    try {
      const found = await get<Server>('server');
      const known = events.value.at(-1)?.id ?? '';
      const isSameLife = before !== null && before.startedAt === found.startedAt;
      if (!isSameLife) events.value = await get<ServerEvent[]>('events/recent');
      await look(['runs', 'run', 'rounds', 'clients', 'detail']);
      const abort = new AbortController();
      // The server sends a sign of life every 15 s: three missing ones, and the way to it is broken.
      const watch = setInterval(() => Date.now() - heardAt.value > 50_000 && abort.abort(), 5_000);
      try {
        await follow(isSameLife ? known : (events.value.at(-1)?.id ?? ''), {
          opened: () => {
            failures = 0;
            heardAt.value = Date.now();
            connection.value = 'live';
            if (before !== null) sayResumed(before, found);
            before = found;
            touch('run');
          },
          heard: () => void (heardAt.value = Date.now()),
          event: arrive,
        }, abort.signal); // prettier-ignore
      } finally {
        clearInterval(watch);
      }
    } catch (error) {
      if (error instanceof ApiError && (error.status === 401 || error.status === 403)) {
        connection.value = 'login';
        await new Promise<void>((resolve) => (wake = resolve));
        connection.value = 'opening';
        continue;
      }
    }
    connection.value = 'lost';
    await wait(Math.min(5_000, 300 * 2 ** failures));
  }
}

/** Tries again at once: a token was given, or someone does not want to wait. */
export const retry = (): void => wake();

function sayResumed(last: Server, found: Server): void {
  const at = run.value;
  if (at === null) return;
  const restarted = last.startedAt !== found.startedAt;
  const round = restarted ? (at.resumedAt ?? at.round) : (at.current?.round ?? at.round);
  notice.value = restarted
    ? `The server was started again and resumed at round ${round}.`
    : `Connected again, resumed at round ${round}.`;
  const said = notice.value;
  setTimeout(() => {
    if (notice.value === said) notice.value = '';
  }, 12_000);
}

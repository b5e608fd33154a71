import { computed, signal } from '@preact/signals';
import type { RunConfig } from '../../config.ts';
import type {
  ClientView,
  Role,
  RoundDetail,
  RoundSummary,
  RunView,
  ServerEvent,
  ServerInfo,
} from '../../operations.ts';
import { finalRunStates } from '../../../shared/states.ts';

/** All that the page knows. Only `sync.ts` and `actions.ts` write what comes from the server. */

export type Server = ServerInfo & { readonly role: Role };

export const server = signal<Server | null>(null);
export const runs = signal<readonly RunView[]>([]);
/** The run that is looked at. */
export const run = signal<RunView | null>(null);
export const config = signal<RunConfig | null>(null);
/** Attempts that have ended, oldest first. */
export const rounds = signal<readonly RoundSummary[]>([]);
export const clients = signal<readonly ClientView[]>([]);
/** The attempt that is looked at, client by client. */
export const detail = signal<RoundDetail | null>(null);
/** Oldest first. */
export const events = signal<readonly ServerEvent[]>([]);

/** `login`: the token is missing or wrong. */
export const connection = signal<'opening' | 'live' | 'lost' | 'login'>('opening');
/** ms since 1970, by this machine's clock, when the server was heard last. */
export const heardAt = signal(Date.now());
/** The present, ms since 1970 by the server's clock; moves once a second. */
export const now = signal(Date.now());
/** A short piece of good news, such as that the connection is back. */
export const notice = signal('');
/** Why the last thing that was asked for did not work. */
export const problem = signal('');

/** The sequence number of the round that every card shows, or null for the live one. */
export const chosen = signal<number | null>(null);

export type Dialog =
  { readonly kind: 'help' | 'stop' | 'stop-now' | 'export' | 'new' } | { readonly kind: 'client'; readonly id: string };
export const dialog = signal<Dialog | null>(null);

export const isAdmin = computed(() => server.value?.role === 'admin');
export const isOver = computed(() => run.value !== null && finalRunStates.includes(run.value.state));

/** The summary of the chosen round, or null when the page is live. */
export const chosenRound = computed(() => rounds.value.find(({ sequence }) => sequence === chosen.value) ?? null);
/** Rounds up to the one that is looked at. */
export const past = computed(() => {
  const at = chosenRound.value;
  return at === null ? rounds.value : rounds.value.filter(({ sequence }) => sequence <= at.sequence);
});
/** The rounds of `past` that changed the model. */
export const committed = computed(() => past.value.filter(({ result }) => result !== 'abandoned'));
/** Number of the round that the cards show; 0 before the first. */
export const shownRound = computed(
  () => chosenRound.value?.round ?? run.value?.current?.round ?? rounds.value.at(-1)?.round ?? 0,
);

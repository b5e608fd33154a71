import type { ClientInRound, ClientView, RoundDetail } from '../../operations.ts';

/** One client as the page shows it: what it is doing now, and its part in the round that is looked at. Pure. */
export interface ClientRow {
  readonly id: string;
  readonly name: string;
  readonly look: Look;
  /** `training`, `waiting: The operator has paused the run.` */
  readonly state: string;
  readonly view: ClientView | undefined;
  readonly part: ClientInRound | undefined;
}

/** Groups of states that look the same. */
export type Look = 'idle' | 'off' | 'absent' | 'training' | 'uploading' | 'done' | 'dropped' | 'blocked';

export const looks: Readonly<Record<Look, { readonly word: string; readonly glyph: string }>> = {
  training: { word: 'training', glyph: '▸' },
  uploading: { word: 'uploading', glyph: '↑' },
  done: { word: 'reported', glyph: '✓' },
  dropped: { word: 'dropped', glyph: '×' },
  blocked: { word: 'cannot train', glyph: '!' },
  idle: { word: 'waiting', glyph: '' },
  off: { word: 'not connected', glyph: '–' },
  absent: { word: 'not picked', glyph: '' },
};

const lookOfState: Readonly<Record<string, Look>> = {
  off: 'off',
  'needs-consent': 'blocked',
  ineligible: 'blocked',
  connecting: 'idle',
  waiting: 'idle',
  selected: 'training',
  sent: 'training',
  downloading: 'training',
  training: 'training',
  uploading: 'uploading',
  reported: 'done',
  paused: 'idle',
  away: 'dropped',
  rejected: 'dropped',
  refused: 'dropped',
  left: 'dropped',
  lost: 'dropped',
  late: 'dropped',
  failed: 'dropped',
  abandoned: 'dropped',
  excluded: 'dropped',
};
export const lookOf = (state: string): Look => lookOfState[state] ?? 'idle';

export const nameOf = (id: string, view: ClientView | undefined): string => view?.label || id.slice(0, 8);

/** @param live - whether the round that is looked at goes on: then the clients' own states say more than the round's */
export function clientRows(views: readonly ClientView[], detail: RoundDetail | null, live: boolean): ClientRow[] {
  const parts = new Map(detail?.clients.map((part) => [part.id as string, part]));
  const rows = views.map((view) => {
    const part = parts.get(view.id);
    parts.delete(view.id);
    return { id: view.id as string, name: nameOf(view.id, view), ...standing(view, part, live), view, part };
  });
  const gone = [...parts.values()].map((part) => ({
    id: part.id as string,
    name: nameOf(part.id, undefined),
    look: lookOf(part.state),
    state: part.state,
    view: undefined,
    part,
  }));
  return [...rows, ...gone];
}

function standing(view: ClientView, part: ClientInRound | undefined, live: boolean): { look: Look; state: string } {
  if (!live)
    return part === undefined
      ? { look: 'absent', state: 'not picked' }
      : { look: lookOf(part.state), state: part.state };
  if (view.excluded) return { look: 'dropped', state: 'excluded' };
  const gone = part !== undefined && lookOf(part.state) === 'dropped' ? part.state : null;
  const state = gone ?? (view.connected ? view.state : 'off');
  return { look: lookOf(state), state };
}

/** Clients per look, in the order of the legend. */
export function countLooks(rows: readonly { readonly look: Look }[]): (readonly [Look, number])[] {
  const counts = new Map<Look, number>();
  for (const { look } of rows) counts.set(look, (counts.get(look) ?? 0) + 1);
  return (Object.keys(looks) as Look[]).flatMap((look) =>
    counts.has(look) ? [[look, counts.get(look)!] as const] : [],
  );
}

/** Clients of a round whose updates stand out: their norm is no number or over three times the median; largest first. */
export function suspects(detail: RoundDetail): ClientInRound[] {
  const told = detail.clients.filter(({ norm }) => norm !== null).toSorted((a, b) => b.norm! - a.norm!);
  if (told.length < 3) return [];
  const middle = told[told.length >> 1]!.norm!;
  return told.filter(({ norm }) => norm! > 3 * middle).slice(0, 5);
}

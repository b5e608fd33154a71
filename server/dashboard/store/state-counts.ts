import { effect, signal } from '@preact/signals';
import { clientRows, countLooks, type Look } from './client-rows.ts';
import { clients, detail } from './state.ts';

interface Sample {
  /** ms since 1970. */
  readonly at: number;
  readonly counts: Readonly<Partial<Record<Look, number>>>;
}

const kept = 500;

/** How many clients were in which state, at each look since the page is open. */
export const stateCounts = signal<readonly Sample[]>([]);

export function startCounting(): void {
  effect(() => {
    if (clients.value.length === 0) return;
    const counts = Object.fromEntries(countLooks(clientRows(clients.value, detail.peek(), true)));
    stateCounts.value = [...stateCounts.peek().slice(1 - kept), { at: Date.now(), counts }];
  });
}

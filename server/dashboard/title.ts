import { effect } from '@preact/signals';
import { connection, run } from './store/state.ts';
import { colour, isDark } from './theme.ts';

/** The tab's title and its icon, a ring that closes with the rounds, say how the run stands. */
export function startTitle(): void {
  effect(() => {
    const at = run.value;
    const state = connection.value === 'lost' ? 'reconnecting · ' : '';
    const round = at?.current?.round ?? at?.round ?? 0;
    document.title =
      at === null
        ? `${state}fedloom`
        : `${state}${at.id} · ${at.state === 'running' ? '' : `${at.state} · `}round ${round}/${at.rounds} · fedloom`;
  });
  effect(() => {
    const at = run.value;
    void isDark.value;
    const part = at === null ? 0 : at.round / at.rounds;
    const round = 2 * Math.PI * 12;
    const ring = (tint: string, length: number): string =>
      `<circle cx="16" cy="16" r="12" fill="none" stroke="${tint}" stroke-width="6" stroke-dasharray="${length} ${round}" transform="rotate(-90 16 16)"/>`;
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">${ring('#8f9bb0', round)}${ring(colour('accent'), part * round)}</svg>`;
    document.getElementById('icon')?.setAttribute('href', `data:image/svg+xml,${encodeURIComponent(svg)}`);
  });
}

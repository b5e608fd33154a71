import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { duration, plural } from '../format.ts';
import { bars, tally, type Bar } from '../store/history.ts';
import { chosen, chosenRound, isOver, now, rounds, run } from '../store/state.ts';
import { choose } from '../store/sync.ts';
import { Phases } from './phases.tsx';

/** Bars at most, and where the page is narrow. */
const most = 200;
const mostNarrow = 60;

export function RoundsStrip() {
  const host = useRef<HTMLDivElement>(null);
  const isNarrow = useSignal(false);
  useEffect(() => {
    const watch = new ResizeObserver(([entry]) => (isNarrow.value = entry!.contentRect.width < 600));
    watch.observe(host.current!);
    return () => watch.disconnect();
  }, []);
  const shown = bars(rounds.value, isNarrow.value ? mostNarrow : most);
  const current = run.value?.current ?? null;
  const longest = Math.max(...shown.map(({ seconds }) => seconds), 0.001);
  const at = chosenRound.value;
  const selected = shown.findIndex(
    ({ first, last }) => at !== null && at.sequence >= first.sequence && at.sequence <= last.sequence,
  );

  const pick = (index: number): void => choose(index >= shown.length ? null : shown[Math.max(0, index)]!.last.sequence);
  const onKeyDown = (event: KeyboardEvent): void => {
    const from = selected === -1 ? shown.length : selected;
    const to = { ArrowLeft: from - 1, ArrowRight: from + 1, Home: 0, End: shown.length - 1 }[event.key];
    if (to === undefined || shown.length === 0) return;
    event.preventDefault();
    pick(to);
    host.current?.querySelectorAll<HTMLElement>('[role=option]')[Math.min(Math.max(0, to), shown.length - 1)]?.focus();
  };
  const isBinned = shown.length < rounds.value.length;

  return (
    <section class="card span-12" aria-labelledby="rounds-title" ref={host}>
      <header class="card-head">
        <h2 id="rounds-title">Rounds</h2>
        <p class="meta">{summary()}</p>
        <div class="tools">
          {chosen.value !== null && (
            <button type="button" class="link" onClick={() => choose(null)}>
              Showing round {at?.round}. Back to live
            </button>
          )}
        </div>
      </header>
      {shown.length === 0 ? (
        <div class="strip none">
          <Running current={current !== null} />
          <Upcoming ended={0} binned={false} />
        </div>
      ) : (
        <div class="strip">
          <div
            class="strip-bars"
            role="listbox"
            aria-label="Rounds"
            aria-orientation="horizontal"
            onKeyDown={onKeyDown}
            style={{ flexGrow: shown.length }}
          >
            {shown.map((bar, index) => (
              <Option
                key={bar.first.sequence}
                bar={bar}
                height={Math.max(8, (100 * bar.seconds) / longest)}
                selected={index === selected}
                focusable={index === (selected === -1 ? shown.length - 1 : selected)}
              />
            ))}
          </div>
          <Running current={current !== null} />
          <Upcoming ended={shown.length} binned={isBinned} />
        </div>
      )}
      <Phases />
    </section>
  );
}

function Option(props: { bar: Bar; height: number; selected: boolean; focusable: boolean }) {
  const { bar, height, selected, focusable } = props;
  const { first, last, result, seconds } = bar;
  const which = first === last ? `Round ${first.round}` : `Rounds ${first.round} to ${last.round}`;
  const tries = first === last && first.attempt > 1 ? `, attempt ${first.attempt}` : '';
  const name = `${which}${tries}, ${result}, ${duration(seconds)}`;
  return (
    <div
      role="option"
      aria-selected={selected}
      aria-label={name}
      title={name}
      class="bar"
      tabIndex={focusable ? 0 : -1}
      onClick={() => choose(last.sequence)}
    >
      <i class={result} style={{ height: `${height}%` }} />
    </div>
  );
}

/** The round in progress: as high as it has taken so far. */
function Running({ current }: { current: boolean }) {
  void now.value;
  return current ? <i class="running" title="in progress" /> : null;
}

/** Places of the rounds that are still to come. */
function Upcoming({ ended, binned }: { ended: number; binned: boolean }) {
  const at = run.value;
  if (at === null || binned || isOver.value) return null;
  const left = Math.max(0, Math.min(at.rounds - at.round - (at.current === null ? 0 : 1), 120 - ended));
  if (left === 0) return null;
  return (
    <div class="upcoming" aria-hidden="true" style={{ flexGrow: left }}>
      {Array.from({ length: left }, (_, index) => (
        <i key={index} />
      ))}
    </div>
  );
}

function summary(): string {
  const { done, short, abandoned, median } = tally(rounds.value);
  if (done + short + abandoned === 0) return 'none has ended yet';
  const parts = [`${done} finished`];
  if (short > 0) parts.push(`${short} short of reports`);
  if (abandoned > 0) parts.push(`${plural(abandoned, 'attempt')} abandoned`);
  if (median !== null) parts.push(`median ${duration(median)}`);
  return parts.join(' · ');
}

import type { Bracket } from './brackets.ts';
import { settingsOf, type Dimension, type Settings } from './space.ts';

/** A search for the settings that are best after all rounds, which gives most trials few of them. */

/** What one trial had come to after some rounds. */
export interface Measured {
  readonly bracket: number;
  readonly rung: number;
  readonly rounds: number;
  /** The metric; null: it failed, or what it measured is no number. It is then the worst. */
  readonly value: number | null;
}

export interface Trial {
  /** From 0, over all brackets. */
  readonly trial: number;
  readonly settings: Settings;
  readonly measured: readonly Measured[];
}

export interface SearchPlan {
  readonly space: readonly Dimension[];
  readonly brackets: readonly Bracket[];
  readonly seed: number;
  /** Whether a smaller value is better. */
  readonly isLoss: boolean;
}

export interface SearchResult {
  readonly trials: readonly Trial[];
  /** The best of those that had all rounds; null where all of them failed. */
  readonly best: { readonly trial: number; readonly settings: Settings; readonly value: number } | null;
}

/** Brings the trial with these settings to so many rounds, from where it stands, and measures it. */
export type Evaluate = (trial: Pick<Trial, 'trial' | 'settings'>, rounds: number) => Promise<number | null>;

/** Runs every bracket, a trial after the other: the same plan with the same values gives the same result. */
export async function search(
  { space, brackets, seed, isLoss }: SearchPlan,
  evaluate: Evaluate,
  onRung: (rung: { readonly bracket: number; readonly rung: number; readonly trials: number; readonly rounds: number }) => void = () => {}, // prettier-ignore
): Promise<SearchResult> {
  const all: { trial: number; settings: Settings; measured: Measured[] }[] = [];
  const worst = isLoss ? Infinity : -Infinity;
  const sign = isLoss ? 1 : -1;
  for (const [b, bracket] of brackets.entries()) {
    let going = Array.from({ length: bracket[0]!.trials }, (_, i) => {
      const trial = all.length + i;
      return { trial, settings: settingsOf(space, seed, trial), measured: [] as Measured[] };
    });
    all.push(...going);
    for (const [i, { trials, rounds }] of bracket.entries()) {
      // Of two that are as good the earlier one goes on: toSorted keeps their order.
      const score = ({ measured }: (typeof going)[number]): number => sign * (measured.at(-1)?.value ?? worst);
      if (i > 0) going = going.toSorted((x, y) => compare(score(x), score(y))).slice(0, trials);
      onRung({ bracket: b, rung: i, trials: going.length, rounds });
      for (const each of going) {
        const value = await evaluate(each, rounds);
        each.measured.push({ bracket: b, rung: i, rounds, value: Number.isFinite(value) ? value : null });
      }
    }
  }
  const rounds = Math.max(...brackets.flatMap((bracket) => bracket.map((rung) => rung.rounds)));
  const finalists = all.flatMap(({ trial, settings, measured }) => {
    const last = measured.at(-1)!;
    return last.rounds === rounds && last.value !== null ? [{ trial, settings, value: last.value }] : [];
  });
  const [best = null] = finalists.toSorted((x, y) => compare(sign * x.value, sign * y.value));
  return { trials: all, best };
}

/** Infinities are equal to themselves, which their difference is not. */
const compare = (a: number, b: number): number => (a < b ? -1 : a > b ? 1 : 0);

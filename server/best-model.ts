import type { Evaluation } from './store/store.ts';

/** How good central evaluation found a model: by accuracy, else by loss; one that was not measured, or has diverged (NaN), is the worst. */
export function scoreOf(evaluation: Evaluation | null): number {
  const value = evaluation?.['accuracy'] ?? -(evaluation?.['loss'] ?? Infinity);
  return Number.isNaN(value) ? -Infinity : value;
}

import { layoutOf, sizeOf } from '../weights.ts';
import type { WeightSpec } from './layers.ts';
import { weightSpecs, type ModelSpec } from './model.ts';

/** Coordinates `start` to `end - 1` of a model's flat vector. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** Where the weights that fit lie, in order; neighbours are one span. */
export function spansOf(model: ModelSpec, fits: (weight: WeightSpec) => boolean): readonly Span[] {
  const specs = weightSpecs(model);
  const spans: { start: number; end: number }[] = [];
  for (const [i, { offset, shape }] of layoutOf(specs).entries()) {
    if (!fits(specs[i]!)) continue;
    const end = offset + sizeOf(shape);
    const last = spans.at(-1);
    if (last?.end === offset) last.end = end;
    else spans.push({ start: offset, end });
  }
  return spans;
}

/** Running statistics of normalisation: no gradient moves them. */
export const statisticSpans = (model: ModelSpec): readonly Span[] => spansOf(model, ({ role }) => role === 'statistic');

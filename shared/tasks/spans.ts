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

/** Normalisation layers, wherever they stand, with their running statistics. */
export const normalisationSpans = (model: ModelSpec): readonly Span[] =>
  spansOf(model, ({ name }) => /-(batch|layer)Normalization\/[^/]*$/.test(name));

/** The last `layers` of the model's layers that have weights; a residual block is one layer. */
export function headSpans(model: ModelSpec, layers: number): readonly Span[] {
  const layerOf = ({ name }: WeightSpec): string => name.slice(0, name.indexOf('/'));
  const names = [...new Set(weightSpecs(model).map(layerOf))].slice(-layers);
  return spansOf(model, (weight) => names.includes(layerOf(weight)));
}

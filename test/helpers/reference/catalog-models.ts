import { tasks } from '../../../shared/tasks/catalog.ts';
import type { ModelSpec } from '../../../shared/tasks/model.ts';
import { modelCase, type ModelCase } from './case.ts';

/** Models over sequences are computed alike for any length, and a short sequence tells as much in less time. */
function shortened(model: ModelSpec): ModelSpec {
  const isOverPlaces = model.layers.some(({ type }) => type === 'embedding' || type === 'lstm' || type === 'gru');
  const [length, ...rest] = model.input as [number, ...number[]];
  return isOverPlaces ? { ...model, input: [Math.min(length, 8), ...rest] } : model;
}

const isSame = (a: ModelSpec, b: ModelSpec): boolean => JSON.stringify(a) === JSON.stringify(b);

/** The models of the catalog in their real size, each once, with a batch of two. */
export const catalogModels: Readonly<Record<string, ModelCase>> = Object.fromEntries(
  Object.entries(tasks)
    .filter(([, { model }], i, all) => all.findIndex(([, other]) => isSame(model, other.model)) === i)
    .map(([name, { model }], i) => [name, modelCase(shortened(model), 100 + i, { count: 2 })]),
);

import type { LoadedData } from './datasets/loaded.ts';
import { loadData } from './datasets/registry.ts';
import type { Load } from './prepare.ts';

/** Reads each set once, however many runs use it. */
export function loadOnce(): Load {
  const known = new Map<string, Promise<LoadedData>>();
  return (spec) => {
    const data = known.get(spec) ?? loadData(spec);
    known.set(spec, data);
    return data;
  };
}

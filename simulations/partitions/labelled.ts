import type { LoadedData } from '../datasets/loaded.ts';
import type { Labelled } from './partitioner.ts';

/**
 * What partitioners may know of loaded examples. Labels only where each example has one class; values are `target`, where each
 * example has one real target, and `mean`, that of its features.
 */
export function labelledOf(data: LoadedData): Labelled {
  const { count, xs, ys, classes, clients, groups } = data;
  const one = ys.length === count;
  const width = xs.length / count;
  return {
    count,
    labels: classes !== null && one && ys instanceof Int32Array ? ys : null,
    ...(clients === undefined ? {} : { clients }),
    ...(groups === undefined ? {} : { groups }),
    values: {
      ...(classes === null && one ? { target: ys } : {}),
      get mean() {
        return Float64Array.from({ length: count }, (_, i) => {
          let sum = 0;
          for (let j = i * width; j < (i + 1) * width; j++) sum += xs[j]!;
          return sum / width;
        });
      },
    },
  };
}

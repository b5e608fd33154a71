import type { SharedSet } from './messages.ts';

/** The same floats in memory that threads can share; a copy only where they do not lie there already. */
export function shared(values: Float32Array): Float32Array {
  if (values.buffer instanceof SharedArrayBuffer) return values;
  const copy = new Float32Array(new SharedArrayBuffer(values.byteLength));
  copy.set(values);
  return copy;
}

/** Examples with their index lists, in memory that threads can share. */
export function sharedSet({ xs, ys, count }: Omit<SharedSet, 'lists'>, lists: readonly Uint32Array[] = []): SharedSet {
  const together = new Uint32Array(new SharedArrayBuffer(4 * lists.reduce((sum, { length }) => sum + length, 0)));
  let next = 0;
  for (const list of lists) {
    together.set(list, next);
    next += list.length;
  }
  const labels = ys instanceof Float32Array ? shared(ys) : new Int32Array(new SharedArrayBuffer(ys.byteLength));
  if (labels instanceof Int32Array) labels.set(ys);
  return { xs: shared(xs), ys: labels, count, lists: together };
}

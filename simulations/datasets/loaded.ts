import type { Examples } from '../../shared/engine/engine.ts';
import { seeded } from '../../shared/random.ts';

/** Examples with what is known of them. */
export interface LoadedData extends Examples {
  readonly name: string;
  /** Shape of one example. */
  readonly features: number[];
  /** Labels are 0 .. classes - 1, or real targets where it is null. */
  readonly classes: number | null;
}

/** Examples before they are scaled to floats: one byte a value, 0 to 255. */
export interface ByteExamples {
  readonly pixels: Uint8Array;
  readonly labels: Uint8Array;
  readonly features: number[];
  readonly classes: number;
}

/** Which of `parts` equal parts to take, from 0. */
export interface Slice {
  readonly part: number;
  readonly parts: number;
}

/**
 * The indices of one part: the examples in a random order that depends on the set's name alone, cut into equal parts (their
 * sizes differ by one at most) that together hold every example once. Without a slice: all, in their own order.
 */
export function sliceIndices(name: string, count: number, slice: Slice | null): Uint32Array {
  if (slice === null) return Uint32Array.from({ length: count }, (_, i) => i);
  const { part, parts } = slice;
  const order = seeded(name, 'parts').permutation(count);
  return order.subarray(Math.floor((part * count) / parts), Math.floor(((part + 1) * count) / parts));
}

/** The chosen examples with pixels scaled to 0 .. 1. */
export function scaleBytes(name: string, set: ByteExamples, indices: Uint32Array): LoadedData {
  const { pixels, labels, features, classes } = set;
  const width = features.reduce((product, side) => product * side, 1);
  const xs = new Float32Array(indices.length * width);
  let next = 0;
  for (const index of indices) {
    const start = index * width;
    for (let i = start; i < start + width; i++) xs[next++] = pixels[i]! / 255;
  }
  const ys = Int32Array.from(indices, (index) => labels[index]!);
  return { name, xs, ys, count: indices.length, features, classes };
}

/** The chosen examples of a set that is floats already. */
export function pickExamples(data: LoadedData, indices: Uint32Array): LoadedData {
  const width = data.xs.length / data.count;
  const targets = data.ys.length / data.count;
  const xs = new Float32Array(indices.length * width);
  const length = indices.length * targets;
  const ys = data.ys instanceof Int32Array ? new Int32Array(length) : new Float32Array(length);
  for (const [i, index] of indices.entries()) {
    xs.set(data.xs.subarray(index * width, (index + 1) * width), i * width);
    ys.set(data.ys.subarray(index * targets, (index + 1) * targets), i * targets);
  }
  return { ...data, xs, ys, count: indices.length };
}

import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import { expect } from 'chai';
import fc from 'fast-check';
import { registerTrainingKernels } from '../../../../../shared/engine/kernels/tfjs/register.ts';
import type { WasmBackend } from '../../../../../shared/engine/kernels/tfjs/heap.ts';
import { FederatedError, type ErrorCode } from '../../../../../shared/errors.ts';
import type { Windows } from '../../../../../shared/engine/kernels/windows.ts';

/** What tests look at beside what the kernels use. */
export type TestedBackend = WasmBackend & { readonly wasm: { readonly HEAPU8: Uint8Array } } & { numDataIds(): number };

const events = ['uncaughtException', 'unhandledRejection'] as const;

/** Starts the wasm backend with our kernels, and makes it the current one. */
export async function startTrainingBackend(): Promise<TestedBackend> {
  // The runtime of the backend's WebAssembly file would exit the process in its own way at any uncaught exception.
  const before = events.map((event) => process.rawListeners(event));
  await tf.setBackend('wasm');
  for (const [i, event] of events.entries()) {
    for (const listener of process.rawListeners(event)) {
      if (!before[i]!.includes(listener)) process.off(event, listener as (...args: unknown[]) => void);
    }
  }
  await registerTrainingKernels(tf.backend());
  return tf.backend() as unknown as TestedBackend;
}

/** Runs mocha's hooks: the backend before the tests of a `describe`, what was current after them. */
export function useTrainingBackend(): () => TestedBackend {
  let backend: TestedBackend;
  let previous: string | undefined;
  before(async () => {
    previous = tf.getBackend();
    backend = await startTrainingBackend();
  });
  after(async () => void (previous !== undefined && (await tf.setBackend(previous))));
  return () => backend;
}

/** Numbers in [-1, 1) that repeat for a seed: those of a linear congruential generator (Numerical Recipes). */
export function numbers(count: number, seed: number): Float32Array {
  let state = seed >>> 0;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state >>> 8) / 2 ** 23 - 1;
  });
}

/** Calls a kernel of the wasm backend with tensors and gives what it returns; both are freed. */
export function runKernel(
  name: string,
  inputs: Record<string, tf.Tensor>,
  attrs: Record<string, unknown> = {},
): { shape: number[]; dtype: string; values: Float32Array | Int32Array | Uint8Array } {
  try {
    const out = tf.engine().runKernel(name, inputs, attrs as never) as tf.Tensor;
    const result = { shape: out.shape, dtype: out.dtype, values: out.dataSync() };
    out.dispose();
    return result;
  } finally {
    tf.dispose(inputs);
  }
}

/** Equal up to the rounding of float32 sums: 1e-5 of the largest number that is expected, or of 1. */
export function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance = 1e-5): void {
  expect(actual.length).to.equal(expected.length);
  let scale = 1;
  for (let i = 0; i < expected.length; i++) scale = Math.max(scale, Math.abs(expected[i]!));
  for (let i = 0; i < expected.length; i++) {
    if (!(Math.abs(actual[i]! - expected[i]!) <= tolerance * scale)) {
      expect.fail(`number ${i} of ${expected.length} is ${actual[i]}, expected ${expected[i]}`);
    }
  }
}

const side = (max: number) => fc.integer({ min: 1, max });

/** Windows of every kind that fit into their image, with padding like TensorFlow's explicit one. */
export const anyWindows = (maxDilation = 1): fc.Arbitrary<{ windows: Windows; padding: Padding }> =>
  fc
    .record({
      batch: fc.integer({ min: 0, max: 3 }),
      height: side(9),
      width: side(9),
      channels: side(9),
      kernelHeight: side(4),
      kernelWidth: side(4),
      strideHeight: side(3),
      strideWidth: side(3),
      dilationHeight: side(maxDilation),
      dilationWidth: side(maxDilation),
      padding: fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 4, maxLength: 4 }),
    })
    .map(({ padding, ...shape }) => {
      const [top, bottom, left, right] = padding as [number, number, number, number];
      const places = (length: number, kernel: number, dilation: number, stride: number): number =>
        Math.floor((length - (kernel - 1) * dilation - 1) / stride) + 1;
      const outHeight = places(
        shape.height + top + bottom,
        shape.kernelHeight,
        shape.dilationHeight,
        shape.strideHeight,
      );
      const outWidth = places(shape.width + left + right, shape.kernelWidth, shape.dilationWidth, shape.strideWidth);
      const windows = { ...shape, outHeight, outWidth, top, left };
      return {
        windows,
        padding: [
          [0, 0],
          [top, bottom],
          [left, right],
          [0, 0],
        ] as Padding,
      };
    })
    .filter(({ windows }) => windows.outHeight >= 1 && windows.outWidth >= 1);

export type Padding = [[number, number], [number, number], [number, number], [number, number]];

/** Fails unless it throws a FederatedError of that code with such a text. */
export function expectRefusal(run: () => unknown, code: ErrorCode, text: RegExp): void {
  let thrown: unknown;
  try {
    run();
  } catch (error) {
    thrown = error;
  }
  expect(thrown).to.be.instanceOf(FederatedError);
  expect((thrown as FederatedError).code).to.equal(code);
  expect((thrown as FederatedError).message).to.match(text);
}

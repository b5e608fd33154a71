import { getKernel, type TensorInfo } from '@tensorflow/tfjs-core';
import { FederatedError } from '../../../errors.ts';
import { sizeOf } from '../../../weights.ts';
import { addressOf, copy, fill, needFloats, type WasmBackend } from './heap.ts';

/** What comes with a fused product or convolution: a bias and an activation. */

export interface Epilogue {
  readonly activation?: string | null;
  /** Slope of `leakyrelu` below 0. */
  readonly leakyreluAlpha?: number;
  /** Slopes of `prelu` below 0. */
  readonly alpha?: TensorInfo | null | undefined;
}

/** The activations that may follow: the kernel of each. */
const kernelOf: Readonly<Record<string, string>> = {
  relu: 'Relu',
  relu6: 'Relu6',
  elu: 'Elu',
  sigmoid: 'Sigmoid',
  leakyrelu: 'LeakyRelu',
  prelu: 'Prelu',
};

const isLinear = ({ activation }: Epilogue): boolean => (activation ?? 'linear') === 'linear';

/** @throws FederatedError BAD_ARGUMENT when the activation is not known, or `prelu` has no slopes */
export function needActivation(kernel: string, epilogue: Epilogue): void {
  const { activation, alpha } = epilogue;
  if (isLinear(epilogue)) return;
  if (!Object.hasOwn(kernelOf, activation!)) {
    const known = ['linear', ...Object.keys(kernelOf)].join(', ');
    throw new FederatedError('BAD_ARGUMENT', `${kernel}: activation must be one of ${known}, got ${activation}`);
  }
  if (activation === 'prelu' && (alpha ?? undefined) === undefined) {
    throw new FederatedError('BAD_ARGUMENT', `${kernel}: prelu needs its slopes as preluActivationWeights`);
  }
}

/** activation(x); x is used up. */
export function activate(backend: WasmBackend, x: TensorInfo, epilogue: Epilogue): TensorInfo {
  if (isLinear(epilogue)) return x;
  const { activation, alpha, leakyreluAlpha = 0 } = epilogue;
  const { kernelFunc } = getKernel(kernelOf[activation!]!, 'wasm');
  const inputs: Record<string, TensorInfo> = activation === 'prelu' ? { x, alpha: alpha! } : { x };
  const activated = kernelFunc({ inputs, backend, attrs: { alpha: leakyreluAlpha } }) as TensorInfo;
  backend.disposeData(x.dataId);
  return activated;
}

/**
 * The bias of a result with `n` columns, or undefined where there is none.
 * @throws FederatedError BAD_ARGUMENT unless it holds n numbers or one
 */
export function needBias(kernel: string, bias: TensorInfo | null | undefined, n: number): TensorInfo | undefined {
  if (bias === null || bias === undefined) return undefined;
  needFloats(kernel, [bias]);
  const size = sizeOf(bias.shape);
  if (size === 1 || (size === n && bias.shape.includes(n))) return bias;
  throw new FederatedError(
    'BAD_ARGUMENT',
    `${kernel}: the bias must be [${n}] or one number, got [${bias.shape.join(', ')}]`,
  );
}

/** Sets `count` floats to rows that hold `row`, [n] or one number. */
export function spreadRow(backend: WasmBackend, to: number, count: number, row: TensorInfo, n: number): void {
  if (count === 0) return;
  const from = addressOf(backend, row);
  if (sizeOf(row.shape) === 1) {
    fill(backend, to, count, backend.wasm.HEAPF32[from / 4]!);
    return;
  }
  copy(backend, to, from, n);
  // What is filled doubles with each copy.
  for (let filled = n; filled < count; filled *= 2) {
    copy(backend, to + 4 * filled, to, Math.min(filled, count - filled));
  }
}

import {
  BatchMatMul,
  _FusedMatMul,
  type BatchMatMulAttrs,
  type TensorInfo,
  type _FusedMatMulAttrs,
} from '@tensorflow/tfjs-core';
import { FederatedError } from '../../../errors.ts';
import { sizeOf } from '../../../weights.ts';
import { gemm, gemmScratch, rowMajor, transposed } from '../gemm.ts';
import { activate, needActivation, needBias, spreadRow, type Epilogue } from './epilogue.ts';
import { addressOf, fill, kernelsOf, needFloats, newTensor, withScratch, type WasmBackend } from './heap.ts';
import { namedKernel, type KernelCall, type NamedKernel } from './kernel.ts';

/**
 * Products of matrices, all transposes and batches, on our gemm: the stock kernel gives only the plain case without a batch
 * to a fast library and takes ten times as long for the others, which are what gradients need.
 */

interface ProductShape {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Shape of the batches of the result. */
  readonly batch: readonly number[];
}

/** Two shapes spread over each other as NumPy does it, or undefined when they do not fit. */
function spread(a: readonly number[], b: readonly number[]): number[] | undefined {
  const rank = Math.max(a.length, b.length);
  const out: number[] = [];
  for (let axis = 0; axis < rank; axis++) {
    const one = a[axis - rank + a.length] ?? 1;
    const other = b[axis - rank + b.length] ?? 1;
    if (one !== other && one !== 1 && other !== 1) return undefined;
    out.push(one === 1 ? other : one);
  }
  return out;
}

function shapeOfProduct(
  kernel: string,
  a: TensorInfo,
  b: TensorInfo,
  transposeA: boolean,
  transposeB: boolean,
): ProductShape {
  needFloats(kernel, [a, b]);
  const refuse = (why: string): never => {
    throw new FederatedError(
      'BAD_ARGUMENT',
      `${kernel}: [${a.shape.join(', ')}]${transposeA ? ' transposed' : ''} times ` +
        `[${b.shape.join(', ')}]${transposeB ? ' transposed' : ''}: ${why}`,
    );
  };
  if (a.shape.length < 2 || b.shape.length < 2) refuse('both must be matrices or batches of them');
  const [m, k] = transposeA ? [a.shape.at(-1)!, a.shape.at(-2)!] : [a.shape.at(-2)!, a.shape.at(-1)!];
  const [inner, n] = transposeB ? [b.shape.at(-1)!, b.shape.at(-2)!] : [b.shape.at(-2)!, b.shape.at(-1)!];
  if (k !== inner) refuse(`the inner sides ${k} and ${inner} must be equal`);
  const batch = spread(a.shape.slice(0, -2), b.shape.slice(0, -2)) ?? refuse('the batches do not fit each other');
  return { m, n, k, batch };
}

/** For each matrix of the result, which matrix of an operand it comes from: repeated where the operand is spread. */
function batchIndices(own: readonly number[], batch: readonly number[]): Uint32Array {
  const indices = new Uint32Array(sizeOf(batch));
  const missing = batch.length - own.length;
  let period = 1; // matrices of the result from one step along this axis to the next
  let stride = 1; // matrices of the operand
  for (let axis = batch.length - 1; axis >= missing; axis--) {
    const side = own[axis - missing]!;
    if (side > 1) for (let i = 0; i < indices.length; i++) indices[i]! += (Math.floor(i / period) % side) * stride;
    period *= batch[axis]!;
    stride *= side;
  }
  return indices;
}

/** out [batch, m, n] = op(a) op(b) + beta out. */
function multiplyInto(
  backend: WasmBackend,
  out: TensorInfo,
  a: TensorInfo,
  b: TensorInfo,
  { m, n, k, batch }: ProductShape,
  transposeA: boolean,
  transposeB: boolean,
  beta: 0 | 1,
): void {
  const c = addressOf(backend, out);
  const size = sizeOf(batch) * m * n;
  if (size === 0) return;
  if (k === 0) {
    if (beta === 0) fill(backend, c, size, 0);
    return;
  }
  const kernels = kernelsOf(backend);
  // Many matrices A times one B are one tall A times B.
  const isTall = !transposeA && sizeOf(b.shape.slice(0, -2)) === 1;
  const rows = isTall ? sizeOf(batch) * m : m;
  const fromA = isTall ? [0] : batchIndices(a.shape.slice(0, -2), batch);
  const fromB = isTall ? [0] : batchIndices(b.shape.slice(0, -2), batch);
  const [startA, startB] = [addressOf(backend, a), addressOf(backend, b)];
  withScratch(backend, gemmScratch(rows, n, k), (scratch) => {
    for (let i = 0; i < fromA.length; i++) {
      const atA = startA + 4 * m * k * fromA[i]!;
      const atB = startB + 4 * k * n * fromB[i]!;
      const left = transposeA ? transposed(rowMajor(atA, m)) : rowMajor(atA, k);
      const right = transposeB ? transposed(rowMajor(atB, k)) : rowMajor(atB, n);
      gemm(kernels, c + 4 * m * n * i, [rows, n, k], left, right, { beta, scratch });
    }
  });
}

/**
 * op(a) op(b) of batches [..., m, k] and [..., k, n], or of their transposes; batches are spread over each other.
 * @throws FederatedError BAD_ARGUMENT when shapes or types do not fit
 */
export function batchProduct(
  backend: WasmBackend,
  a: TensorInfo,
  b: TensorInfo,
  transposeA: boolean,
  transposeB: boolean,
): TensorInfo {
  const shape = shapeOfProduct(BatchMatMul, a, b, transposeA, transposeB);
  const out = newTensor(backend, [...shape.batch, shape.m, shape.n]);
  multiplyInto(backend, out, a, b, shape, transposeA, transposeB, 0);
  return out;
}

const batchMatMul = ({ inputs: { a, b }, backend, attrs }: KernelCall<'a' | 'b', BatchMatMulAttrs>): TensorInfo =>
  batchProduct(backend, a, b, attrs.transposeA, attrs.transposeB);

/** activation(op(a) op(b) + bias), bias of as many numbers as the result has columns. */
function fusedMatMul({
  inputs,
  backend,
  attrs,
}: KernelCall<'a' | 'b' | 'bias' | 'preluActivationWeights', _FusedMatMulAttrs>): TensorInfo {
  const { a, b } = inputs;
  const { transposeA, transposeB } = attrs;
  const shape = shapeOfProduct(_FusedMatMul, a, b, transposeA, transposeB);
  const epilogue: Epilogue = { ...attrs, alpha: inputs.preluActivationWeights };
  needActivation(_FusedMatMul, epilogue);
  const bias = needBias(_FusedMatMul, inputs.bias, shape.n);
  const out = newTensor(backend, [...shape.batch, shape.m, shape.n]);
  // The product is added to rows that hold the bias.
  if (bias !== undefined) spreadRow(backend, addressOf(backend, out), sizeOf(out.shape), bias, shape.n);
  multiplyInto(backend, out, a, b, shape, transposeA, transposeB, bias === undefined ? 0 : 1);
  return activate(backend, out, epilogue);
}

export const productKernels: readonly NamedKernel[] = [
  namedKernel(BatchMatMul, batchMatMul),
  namedKernel(_FusedMatMul, fusedMatMul),
];

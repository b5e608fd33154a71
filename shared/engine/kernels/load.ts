import { fromHex } from '../../bytes.ts';
import { FederatedError } from '../../errors.ts';
import type { ConvolutionKernels } from './convolution-kernels.ts';
import type { ImageKernels } from './image-kernels.ts';
import type { LayerKernels } from './layer-kernels.ts';
import bytes from './training.wasm.ts';

/**
 * The functions of the training kernels over one memory, as source/*.as.ts describes them: addresses and strides in bytes,
 * counts in elements.
 */
export interface Kernels extends ConvolutionKernels, ImageKernels, LayerKernels {
  product(
    c: number,
    cRow: number,
    m: number,
    n: number,
    a: number,
    aRow: number,
    aStrip: number,
    aStep: number,
    aSegment: number,
    segments: number,
    length: number,
    b: number,
    bStep: number,
    bPanel: number,
    alpha: number,
    beta: number,
  ): void;
  productTransposed(
    c: number,
    cRow: number,
    m: number,
    n: number,
    k: number,
    a: number,
    aRow: number,
    b: number,
    bRow: number,
    alpha: number,
    beta: number,
  ): void;
  pack(
    out: number,
    outPanel: number,
    b: number,
    bRow: number,
    bColumn: number,
    k: number,
    n: number,
    width: number,
  ): void;
  activate(x: number, bias: number, rows: number, n: number, kind: number): void;
  activateBack(dy: number, y: number, count: number, kind: number): void;
  columnSums(out: number, x: number, rows: number, n: number, alpha: number, beta: number): void;
  softmax(x: number, rows: number, n: number): void;
  softmaxBack(dy: number, y: number, rows: number, n: number, scale: number): void;
  sparseCrossEntropy(z: number, labels: number, rows: number, n: number, scale: number): number;
  crossEntropy(z: number, targets: number, rows: number, n: number, scale: number): number;
  binaryCrossEntropy(z: number, targets: number, count: number, scale: number): number;
  distance(y: number, targets: number, count: number, kind: number, scale: number): number;
  addScaled(g: number, w: number, count: number, scale: number): void;
  scaleBy(x: number, count: number, scale: number): void;
  multiply(x: number, y: number, count: number): void;
  clipValues(g: number, count: number, limit: number): void;
  sumOfSquares(g: number, count: number): number;
  momentum(w: number, g: number, v: number, count: number, rate: number, decay: number, ahead: boolean): void;
  adam(
    w: number,
    g: number,
    m: number,
    v: number,
    count: number,
    rate: number,
    beta1: number,
    gain1: number,
    beta2: number,
    gain2: number,
    root: number,
    epsilon: number,
    shrink: number,
  ): void;
  rootScaled(
    w: number,
    g: number,
    s: number,
    count: number,
    rate: number,
    decay: number,
    gain: number,
    epsilon: number,
  ): void;
}

let compiled: Promise<WebAssembly.Module> | undefined;

/**
 * Our kernels over a memory that somebody else owns. Compiled once for all memories, off the main thread where the runtime
 * can; needs `wasm-unsafe-eval` where a content security policy rules.
 * @throws FederatedError NO_BACKEND where there is no WebAssembly with SIMD, or a policy forbids it
 */
export async function loadKernels(memory: WebAssembly.Memory): Promise<Kernels> {
  try {
    compiled ??= WebAssembly.compile(fromHex(bytes));
    const { exports } = await WebAssembly.instantiate(await compiled, { env: { memory } });
    return exports as unknown as Kernels;
  } catch (cause) {
    compiled = undefined;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new FederatedError('NO_BACKEND', `kernels: WebAssembly with SIMD does not run here (${reason})`, { cause });
  }
}

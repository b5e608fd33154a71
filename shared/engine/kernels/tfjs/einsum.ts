import { Einsum, getKernel, type EinsumAttrs, type TensorInfo } from '@tensorflow/tfjs-core';
import { FederatedError } from '../../../errors.ts';
import { sizeOf } from '../../../weights.ts';
import { needFloats, type WasmBackend } from './heap.ts';
import { namedKernel, type KernelCall, type NamedKernel } from './kernel.ts';
import { batchProduct } from './products.ts';

/** A tensor whose axes have names, one letter each. */
interface Named {
  readonly tensor: TensorInfo;
  readonly labels: string;
}

/** Sums of products in Einstein's notation as transpositions and one batch of matrix products for each further operand. */
class Contraction {
  readonly #backend: WasmBackend;
  /** What was made on the way, the result too. */
  readonly #made = new Set<object>();

  constructor(backend: WasmBackend) {
    this.#backend = backend;
  }

  /** The result, which the caller owns; everything else that was made is freed. */
  run(equation: Equation, tensors: readonly TensorInfo[]): TensorInfo {
    let result: TensorInfo | undefined;
    try {
      const operands = equation.operands.map((labels, i): Named => ({ labels, tensor: tensors[i]! }));
      const all = operands.reduce((left, right, i) => {
        const later = equation.operands.slice(i + 1).join('');
        return this.#multiply(left, right, equation.output + later);
      });
      const ordered = this.#order(this.#sumOut(all, equation.output), equation.output).tensor;
      result = this.#made.has(ordered.dataId) ? ordered : this.#call('Identity', { x: ordered }, {});
      return result;
    } finally {
      for (const dataId of this.#made) if (dataId !== result?.dataId) this.#backend.disposeData(dataId);
    }
  }

  #call(kernelName: string, inputs: Record<string, TensorInfo>, attrs: Record<string, unknown>): TensorInfo {
    const { kernelFunc } = getKernel(kernelName, 'wasm');
    return this.#keep(kernelFunc({ inputs, backend: this.#backend, attrs: attrs as never }) as TensorInfo);
  }

  #keep(tensor: TensorInfo): TensorInfo {
    this.#made.add(tensor.dataId);
    return tensor;
  }

  /** Sums over the axes that nobody needs. */
  #sumOut({ tensor, labels }: Named, needed: string): Named {
    const axis = labels.split('').flatMap((label, i) => (needed.includes(label) ? [] : [i]));
    if (axis.length === 0) return { tensor, labels };
    return {
      tensor: this.#call('Sum', { x: tensor }, { axis, keepDims: false }),
      labels: labels
        .split('')
        .filter((label) => needed.includes(label))
        .join(''),
    };
  }

  #order({ tensor, labels }: Named, wanted: string): Named {
    if (labels === wanted) return { tensor, labels };
    const perm = wanted.split('').map((label) => labels.indexOf(label));
    return { tensor: this.#call('Transpose', { x: tensor }, { perm }), labels: wanted };
  }

  /** The product of two, summed over the axes that are in both and that nobody needs. */
  #multiply(first: Named, second: Named, needed: string): Named {
    const left = this.#sumOut(first, needed + second.labels);
    const right = this.#sumOut(second, needed + left.labels);
    const shared = left.labels.split('').filter((label) => right.labels.includes(label));
    const batch = shared.filter((label) => needed.includes(label)).join('');
    const summed = shared.filter((label) => !needed.includes(label)).join('');
    const rows = left.labels
      .split('')
      .filter((label) => !shared.includes(label))
      .join('');
    const columns = right.labels
      .split('')
      .filter((label) => !shared.includes(label))
      .join('');

    // As stored where that is a matrix or its transpose already.
    const isTransposedA = summed !== '' && left.labels === batch + summed + rows;
    const isTransposedB = summed !== '' && right.labels === batch + columns + summed;
    const a = isTransposedA ? left : this.#order(left, batch + rows + summed);
    const b = isTransposedB ? right : this.#order(right, batch + summed + columns);
    const side = (named: Named, of: string): number =>
      sizeOf(of.split('').map((label) => named.tensor.shape[named.labels.indexOf(label)]!));
    const matrices = (named: Named, middle: string, last: string): TensorInfo => ({
      ...named.tensor,
      shape: [side(named, batch), side(named, middle), side(named, last)],
    });
    const [p, q] = [
      isTransposedA ? matrices(a, summed, rows) : matrices(a, rows, summed),
      isTransposedB ? matrices(b, columns, summed) : matrices(b, summed, columns),
    ];
    // Without a sum, [batch, rows, 1] times [batch, 1, columns] is a product of numbers.
    const product =
      summed === ''
        ? this.#call('Multiply', { a: p, b: q }, {})
        : this.#keep(batchProduct(this.#backend, p, q, isTransposedA, isTransposedB));
    const sides = (named: Named, of: string): number[] =>
      of.split('').map((label) => named.tensor.shape[named.labels.indexOf(label)]!);
    return {
      tensor: { ...product, shape: [...sides(a, batch), ...sides(a, rows), ...sides(b, columns)] },
      labels: batch + rows + columns,
    };
  }
}

interface Equation {
  readonly operands: readonly string[];
  readonly output: string;
}

function parse(equation: string, tensors: readonly TensorInfo[]): Equation {
  const refuse = (why: string): never => {
    throw new FederatedError('BAD_ARGUMENT', `${Einsum}: equation '${equation}' ${why}`);
  };
  const match = /^([a-z]*(?:,[a-z]*)*)->([a-z]*)$/i.exec(equation.replaceAll(/\s/g, ''));
  if (match === null) return refuse("must be lists of letters like 'ij,jk->ik'");
  const [operands, output] = [match[1]!.split(','), match[2]!];
  if (operands.length !== tensors.length) refuse(`is for ${operands.length} tensors, got ${tensors.length}`);
  const sides = new Map<string, number>();
  for (const [i, labels] of operands.entries()) {
    const { shape } = tensors[i]!;
    if (labels.length !== shape.length) refuse(`names ${labels.length} axes of tensor ${i}, which has ${shape.length}`);
    for (const [axis, label] of labels.split('').entries()) {
      if (labels.indexOf(label) !== axis) refuse(`names axis ${label} twice in one tensor, which is not supported`);
      const side = shape[axis]!;
      if ((sides.get(label) ?? side) !== side) refuse(`gives axis ${label} the sides ${sides.get(label)} and ${side}`);
      sides.set(label, side);
    }
  }
  for (const [axis, label] of output.split('').entries()) {
    if (!sides.has(label)) refuse(`has an axis ${label} that no tensor has`);
    if (output.indexOf(label) !== axis) refuse(`names axis ${label} twice in its result`);
  }
  return { operands, output };
}

/** `tf.einsum` for any number of float32 tensors; without ellipsis and without one axis twice in a tensor. */
function einsum({ inputs, backend, attrs: { equation } }: KernelCall<string, EinsumAttrs>): TensorInfo {
  const tensors = Object.values(inputs); // an object with the keys 0, 1, ... or an array
  needFloats(Einsum, tensors);
  return new Contraction(backend).run(parse(equation, tensors), tensors);
}

export const einsumKernels: readonly NamedKernel[] = [namedKernel(Einsum, einsum)];

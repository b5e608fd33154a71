import {
  backend_util,
  GatherV2,
  UnsortedSegmentSum,
  util,
  type GatherV2Attrs,
  type TensorInfo,
  type UnsortedSegmentSumAttrs,
} from '@tensorflow/tfjs-core';
import { FederatedError } from '../../../errors.ts';
import { sizeOf } from '../../../weights.ts';
import { addressOf, kernelsOf, newTensor, wholeNumbers } from './heap.ts';
import { namedKernel, type KernelCall, type NamedKernel } from './kernel.ts';

/** Look-ups in a table (an embedding) and their gradient: the stock look-up is slow, and the gradient is missing. */

/** Rows of x along one axis, at `indices`; bool and text are left to the stock kernel. */
function gather(
  { inputs: { x, indices }, backend, attrs }: KernelCall<'x' | 'indices', GatherV2Attrs>,
  stock: () => TensorInfo,
): TensorInfo {
  if ((x.dtype !== 'float32' && x.dtype !== 'int32') || indices.dtype !== 'int32') return stock();
  const axis = util.parseAxisParam(attrs.axis, x.shape)[0]!;
  const shape = backend_util.segment_util.collectGatherOpShapeInfo(
    // It reads the shapes only.
    x as never,
    indices as never,
    axis,
    attrs.batchDims ?? 0,
  );
  const { batchSize, outerSize, dimSize, sliceSize, outputShape } = shape;
  const count = sizeOf(indices.shape);
  for (const index of wholeNumbers(backend, addressOf(backend, indices), count)) {
    if (index >= 0 && index < dimSize) continue;
    throw new FederatedError('BAD_ARGUMENT', `${GatherV2}: index ${index} is not in 0 .. ${dimSize - 1}`);
  }
  const kernels = kernelsOf(backend);
  const out = newTensor(backend, outputShape, x.dtype);
  const [to, table, ids] = [addressOf(backend, out), addressOf(backend, x), addressOf(backend, indices)];
  const each = count / Math.max(1, batchSize);
  for (let batch = 0; batch < batchSize; batch++) {
    for (let outer = 0; outer < outerSize; outer++) {
      const i = batch * outerSize + outer;
      const from = table + 4 * i * dimSize * sliceSize;
      kernels.gatherRows(to + 4 * i * each * sliceSize, from, ids + 4 * batch * each, each, sliceSize);
    }
  }
  return out;
}

/**
 * out[s] = the sum of what `x` holds where `segmentIds` holds s; ids outside 0 .. numSegments - 1 are left out, as
 * TensorFlow leaves out negative ones.
 * x [...ids, ...row] of float32 or int32, segmentIds [...ids] of int32, out [numSegments, ...row].
 */
function unsortedSegmentSum({
  inputs: { x, segmentIds },
  backend,
  attrs: { numSegments },
}: KernelCall<'x' | 'segmentIds', UnsortedSegmentSumAttrs>): TensorInfo {
  const rank = segmentIds.shape.length;
  if ((x.dtype !== 'float32' && x.dtype !== 'int32') || segmentIds.dtype !== 'int32') {
    throw new FederatedError(
      'BAD_ARGUMENT',
      `${UnsortedSegmentSum}: takes float32 or int32 values and int32 ids, got ${x.dtype} and ${segmentIds.dtype}`,
    );
  }
  if (x.shape.slice(0, rank).join() !== segmentIds.shape.join()) {
    throw new FederatedError(
      'BAD_ARGUMENT',
      `${UnsortedSegmentSum}: the shape of the values must begin with that of the ids, ` +
        `got [${x.shape.join(', ')}] and [${segmentIds.shape.join(', ')}]`,
    );
  }
  const row = x.shape.slice(rank);
  const kernels = kernelsOf(backend);
  const out = newTensor(backend, [numSegments, ...row], x.dtype);
  const sum = x.dtype === 'float32' ? kernels.segmentSumFloat : kernels.segmentSumInt;
  const [to, values, ids] = [addressOf(backend, out), addressOf(backend, x), addressOf(backend, segmentIds)];
  sum(to, values, ids, sizeOf(segmentIds.shape), sizeOf(row), numSegments);
  return out;
}

export const lookUpKernels: readonly NamedKernel[] = [
  namedKernel(GatherV2, gather),
  namedKernel(UnsortedSegmentSum, unsortedSegmentSum),
];

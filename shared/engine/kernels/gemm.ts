import type { Kernels } from './load.ts';

/** A row-major matrix in a kernel's memory, or its transpose: element (i, j) lies at `at + i row + j column`, in bytes. */
export interface Matrix {
  readonly at: number;
  readonly row: number;
  readonly column: number;
}

export const rowMajor = (at: number, columns: number): Matrix => ({ at, row: 4 * columns, column: 4 });
export const transposed = ({ at, row, column }: Matrix): Matrix => ({ at, row: column, column: row });

/** As many rows of B at a time as stay in a second-level cache, 256 KiB, where they are read across ... */
const blockBytes = 262_144;
/** ... and so many where they are packed, so that a panel stays in the first-level cache. */
const packedBlock = 512;
/** From so many rows of A on, B is better packed than read across. */
const manyRows = 24;

/** Bytes that `gemm` may need at `scratch`. */
export const gemmScratch = (m: number, n: number, k: number): number =>
  Math.min(k, packedBlock) * (32 * Math.ceil(n / 8) + 16 * Math.ceil(m / 4));

interface GemmOptions {
  readonly alpha?: number;
  readonly beta?: number;
  readonly row?: number;
  readonly scratch: number;
}

/**
 * C = alpha A B + beta C, C [m, n] row-major, A [m, k], B [k, n], each A and B as stored or transposed; m, n, k at least 1.
 * @param row - bytes from a row of C to the next, where C is a part of a wider matrix
 * @param scratch - address of `gemmScratch(m, n, k)` bytes
 */
export function gemm(
  kernels: Kernels,
  c: number,
  [m, n, k]: readonly [number, number, number],
  a: Matrix,
  b: Matrix,
  { alpha = 1, beta = 0, row: cRow = 4 * n, scratch }: GemmOptions,
): void {
  const isFew = m < manyRows;
  if (b.column !== 4 && a.column === 4 && isFew) {
    for (let from = 0; from < k; from += packedBlock) {
      const length = Math.min(packedBlock, k - from);
      const [p, q] = [a.at + 4 * from, b.at + 4 * from];
      kernels.productTransposed(c, cRow, m, n, length, p, a.row, q, b.column, alpha, from === 0 ? beta : 1);
    }
    return;
  }
  const packB = b.column !== 4 || (!isFew && k >= 64);
  const packA = k >= 64 && (a.column === 4 ? !isFew && n >= 64 : n >= 32);
  const block = packA || packB ? packedBlock : Math.max(32, Math.floor(blockBytes / (4 * n)));
  for (let from = 0; from < k; from += block) {
    const length = Math.min(block, k - from);
    const weight = from === 0 ? beta : 1;
    let left = { at: a.at + from * a.column, row: a.row, strip: 4 * a.row, step: a.column };
    let right = { at: b.at + from * b.row, step: b.row, panel: 32 };
    if (packB) {
      kernels.pack(scratch, 32 * length, right.at, b.row, b.column, length, n, 8);
      right = { at: scratch, step: 32, panel: 32 * length };
    }
    if (packA) {
      const at = scratch + 32 * length * Math.ceil(n / 8);
      kernels.pack(at, 16 * length, left.at, a.column, a.row, length, m, 4);
      left = { at, row: 4, strip: 16 * length, step: 16 };
    }
    const { at, row, strip, step } = left;
    kernels.product(
      c,
      cRow,
      m,
      n,
      at,
      row,
      strip,
      step,
      0,
      1,
      length,
      right.at,
      right.step,
      right.panel,
      alpha,
      weight,
    );
  }
}

import type { WindowArguments } from './windows.ts';

/** The kernels over one image, on segments and for transposition, as source/*.as.ts describes them. Addresses in bytes. */
export interface ImageKernels {
  imageToColumns(columns: number, image: number, ...windows: WindowArguments): void;
  addColumnsToImage(image: number, columns: number, ...windows: WindowArguments): void;
  addDepthwiseFilterGradient(
    filter: number,
    image: number,
    dy: number,
    multiplier: number,
    ...windows: WindowArguments
  ): void;
  depthwiseInputGradient(
    image: number,
    filter: number,
    dy: number,
    multiplier: number,
    ...windows: WindowArguments
  ): void;
  maxPoolGradient(dx: number, dy: number, image: number, ...windows: WindowArguments): void;
  averagePoolGradient(dx: number, dy: number, ...windows: WindowArguments): void;
  segmentSumFloat(out: number, values: number, ids: number, count: number, width: number, segments: number): void;
  segmentSumInt(out: number, values: number, ids: number, count: number, width: number, segments: number): void;
  gatherRows(out: number, table: number, ids: number, count: number, width: number): void;
  /** @param a - [rows, columns] of 4-byte elements */
  transposeMatrix(out: number, a: number, rows: number, columns: number): void;
}

import type { WindowArguments } from './windows.ts';

/** The kernels of single layers, as source/*.as.ts describes them. Addresses and distances in bytes, counts in elements. */
export interface LayerKernels {
  /** @param causal - a place sees itself and those before it */
  attentionWeights(scores: number, length: number, scale: number, causal: boolean): void;
  repeatPixels(
    out: number,
    x: number,
    rows: number,
    width: number,
    channels: number,
    sizeY: number,
    sizeX: number,
  ): void;
  sumPixels(dx: number, dy: number, rows: number, width: number, channels: number, sizeY: number, sizeX: number): void;
  lookUp(out: number, table: number, indices: number, count: number, width: number): void;
  addToRows(table: number, dy: number, indices: number, count: number, width: number, scale: number): void;
  lstmStep(
    z: number,
    zApart: number,
    bias: number,
    cBefore: number,
    c: number,
    cApart: number,
    h: number,
    hApart: number,
    y: number,
    yApart: number,
    batch: number,
    units: number,
  ): void;
  lstmStepBack(
    z: number,
    zApart: number,
    cBefore: number,
    c: number,
    cApart: number,
    dh: number,
    dc: number,
    dy: number,
    dyApart: number,
    batch: number,
    units: number,
  ): void;
  gruGates(
    z: number,
    zApart: number,
    bias: number,
    hBefore: number,
    kept: number,
    hApart: number,
    batch: number,
    units: number,
  ): void;
  gruStep(
    z: number,
    zApart: number,
    bias: number,
    hBefore: number,
    h: number,
    hApart: number,
    y: number,
    yApart: number,
    batch: number,
    units: number,
  ): void;
  gruStepBack(
    z: number,
    zApart: number,
    hBefore: number,
    hApart: number,
    dh: number,
    dy: number,
    dyApart: number,
    batch: number,
    units: number,
  ): void;
  gruResetBack(
    z: number,
    zApart: number,
    hBefore: number,
    hApart: number,
    dKept: number,
    dh: number,
    batch: number,
    units: number,
  ): void;
  columnMoments(mean: number, variance: number, x: number, rows: number, n: number): void;
  inverseDeviations(scale: number, variance: number, n: number, epsilon: number): void;
  normaliseColumns(
    y: number,
    x: number,
    mean: number,
    scale: number,
    gamma: number,
    beta: number,
    rows: number,
    n: number,
  ): void;
  normalisedColumnsGradient(
    dGamma: number,
    dBeta: number,
    dy: number,
    x: number,
    mean: number,
    scale: number,
    rows: number,
    n: number,
  ): void;
  normaliseColumnsBack(
    dy: number,
    x: number,
    mean: number,
    scale: number,
    gamma: number,
    dGamma: number,
    dBeta: number,
    rows: number,
    n: number,
  ): void;
  moveTowards(moving: number, value: number, n: number, momentum: number, rest: number): void;
  normaliseRows(
    y: number,
    x: number,
    mean: number,
    scale: number,
    gamma: number,
    beta: number,
    rows: number,
    n: number,
    epsilon: number,
  ): void;
  normalisedRowsGradient(
    dGamma: number,
    dy: number,
    x: number,
    mean: number,
    scale: number,
    rows: number,
    n: number,
  ): void;
  normaliseRowsBack(dy: number, x: number, mean: number, scale: number, gamma: number, rows: number, n: number): void;
  maxPool(y: number, image: number, ...windows: WindowArguments): void;
  averagePool(y: number, image: number, ...windows: WindowArguments): void;
  maxPoolHalves(y: number, images: number, count: number, height: number, width: number, channels: number): void;
  maxPoolHalvesGradient(
    dx: number,
    dy: number,
    images: number,
    count: number,
    height: number,
    width: number,
    channels: number,
  ): void;
  depthwise(y: number, image: number, filter: number, multiplier: number, ...windows: WindowArguments): void;
}

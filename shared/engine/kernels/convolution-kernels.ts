/**
 * The kernels of convolutions, as source/convolution.as.ts and source/winograd.as.ts describe them. Addresses and distances
 * in bytes, counts in elements.
 */
export interface ConvolutionKernels {
  embedImages(
    out: number,
    outHeight: number,
    outWidth: number,
    images: number,
    count: number,
    height: number,
    width: number,
    channels: number,
    top: number,
    left: number,
    apartY: number,
    apartX: number,
  ): void;
  convolve(
    out: number,
    count: number,
    outHeight: number,
    outWidth: number,
    filters: number,
    images: number,
    imageBytes: number,
    line: number,
    channels: number,
    strideY: number,
    strideX: number,
    kernelHeight: number,
    kernelWidth: number,
    b: number,
  ): void;
  convolveGradient(
    at: number,
    alpha: number,
    beta: number,
    dy: number,
    outHeight: number,
    outWidth: number,
    filters: number,
    image: number,
    line: number,
    channels: number,
    strideY: number,
    strideX: number,
    kernelHeight: number,
    kernelWidth: number,
  ): void;
  winogradSquares(
    out: number,
    point: number,
    images: number,
    imageBytes: number,
    imageLine: number,
    channels: number,
    side: number,
    m: number,
    down: number,
    across: number,
    first: number,
    rows: number,
    between: number,
  ): void;
  winogradOutputs(
    y: number,
    height: number,
    width: number,
    filters: number,
    values: number,
    point: number,
    m: number,
    down: number,
    across: number,
    first: number,
    rows: number,
    between: number,
  ): void;
  winogradKernel(out: number, point: number, w: number, side: number, size: number, between: number): void;
  winogradKernelGradient(
    at: number,
    values: number,
    point: number,
    side: number,
    size: number,
    alpha: number,
    beta: number,
    between: number,
  ): void;
  winogradProducts(
    out: number,
    outPoint: number,
    count: number,
    n: number,
    squares: number,
    squaresPoint: number,
    k: number,
    kernel: number,
    kernelPoint: number,
  ): void;
  winogradGradientProducts(
    out: number,
    outPoint: number,
    m: number,
    n: number,
    squares: number,
    squaresPoint: number,
    count: number,
    errors: number,
    errorsPoint: number,
    beta: number,
  ): void;
}

import type { Landing, Place } from '../stage.ts';
import type { ConvolutionShape } from './shape.ts';

/** One way to compute a convolution and its gradients, without bias and activation. Arguments are addresses. */
export interface ConvolutionMethod {
  /** Takes images [count, height, width, channels] in: the next two work on them. */
  take(count: number, images: number): void;
  /** out [count, outHeight, outWidth, filters] = the convolution of the images. */
  convolve(count: number, out: number): void;
  /** Lands the gradient of the kernel, given that of the convolution. */
  kernelGradient(count: number, dOut: number, landing: Landing): void;
  /** dImages = the gradient of any images, given that of their convolution. */
  imageGradient(count: number, dOut: number, dImages: number): void;
}

/** @param kernel - address of [kernelHeight, kernelWidth, channels, filters] */
export type MethodOf = (shape: ConvolutionShape, place: Place, kernel: number) => ConvolutionMethod;

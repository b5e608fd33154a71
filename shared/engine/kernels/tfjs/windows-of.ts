import type { backend_util } from '@tensorflow/tfjs-core';
import type { Windows } from '../windows.ts';

/** Windows as TensorFlow.js describes them for convolution and pooling. */
export function windowsOf(info: backend_util.Conv2DInfo): Windows {
  const { padInfo, ...rest } = info;
  return {
    batch: rest.batchSize,
    height: rest.inHeight,
    width: rest.inWidth,
    channels: rest.inChannels,
    outHeight: rest.outHeight,
    outWidth: rest.outWidth,
    kernelHeight: rest.filterHeight,
    kernelWidth: rest.filterWidth,
    strideHeight: rest.strideHeight,
    strideWidth: rest.strideWidth,
    dilationHeight: rest.dilationHeight,
    dilationWidth: rest.dilationWidth,
    top: padInfo.top,
    left: padInfo.left,
  };
}

import type { MethodOf } from './method.ts';

/**
 * Any convolution, without a copy of its windows: images are padded once, and then every product reads its rows, which
 * overlap, from the padded images (source/convolution.as.ts).
 *
 * forward: y = windows(padded x) · W. Gradient of x: the same with dy and the kernel turned around, where padding keeps the
 * sizes right and strides put zeros between the pixels of dy. Gradient of W: windows(padded x)ᵀ · dy, image by image.
 */
export const direct: MethodOf = (shape, place, kernel) => {
  const { kernels, arena, capacity } = place;
  const { height, width, channels, outHeight, outWidth, filters } = shape;
  const { kernelHeight, kernelWidth, strideY, strideX, top, left } = shape;
  const taps = kernelHeight * kernelWidth;

  // What the windows read: the images as they are, or in a frame of zeros.
  const paddedHeight = Math.max(height, (outHeight - 1) * strideY + kernelHeight);
  const paddedWidth = Math.max(width, (outWidth - 1) * strideX + kernelWidth);
  const isPadded = paddedHeight > height || paddedWidth > width;
  const paddedSize = paddedHeight * paddedWidth * channels;
  let padded = isPadded ? arena.reserve(capacity * paddedSize) : 0;
  const line = 4 * paddedWidth * channels;

  // The frame of dy, from which the gradient of the input is convolved.
  const frameHeight = height + kernelHeight - 1;
  const frameWidth = width + kernelWidth - 1;
  const frameSize = frameHeight * frameWidth * filters;

  const packedKernel = arena.reserve(
    8 * taps * Math.max(channels * Math.ceil(filters / 8), filters * Math.ceil(channels / 8)),
  );
  const places = outHeight * outWidth;
  const scratch = place.scratch(Math.max(capacity * frameSize, 8 * places * Math.ceil(filters / 8)));

  return {
    take(count, images) {
      if (!isPadded) padded = images;
      else {
        kernels.embedImages(padded, paddedHeight, paddedWidth, images, count, height, width, channels, top, left, 1, 1);
      }
    },
    convolve(count, out) {
      const depth = taps * channels;
      kernels.pack(packedKernel, 32 * depth, kernel, 4 * filters, 4, depth, filters, 8);
      kernels.convolve(
        out,
        count,
        outHeight,
        outWidth,
        filters,
        padded,
        4 * paddedSize,
        line,
        channels,
        strideY,
        strideX,
        kernelHeight,
        kernelWidth,
        packedKernel,
      );
    },
    kernelGradient(count, dOut, { at, alpha, beta }) {
      const packed = scratch();
      for (let image = 0; image < count; image++) {
        kernels.pack(packed, 32 * places, dOut + 4 * image * places * filters, 4 * filters, 4, places, filters, 8);
        kernels.convolveGradient(
          at,
          alpha,
          image === 0 ? beta : 1,
          packed,
          outHeight,
          outWidth,
          filters,
          padded + 4 * image * paddedSize,
          line,
          channels,
          strideY,
          strideX,
          kernelHeight,
          kernelWidth,
        );
      }
    },
    imageGradient(count, dOut, dImages) {
      const depth = taps * filters;
      for (let tap = 0; tap < taps; tap++) {
        const from = kernel + 4 * (taps - 1 - tap) * channels * filters;
        kernels.pack(packedKernel + 32 * tap * filters, 32 * depth, from, 4, 4 * filters, filters, channels, 8);
      }
      const frame = scratch();
      kernels.embedImages(
        frame,
        frameHeight,
        frameWidth,
        dOut,
        count,
        outHeight,
        outWidth,
        filters,
        kernelHeight - 1 - top,
        kernelWidth - 1 - left,
        strideY,
        strideX,
      );
      kernels.convolve(
        dImages,
        count,
        height,
        width,
        channels,
        frame,
        4 * frameSize,
        4 * frameWidth * filters,
        filters,
        1,
        1,
        kernelHeight,
        kernelWidth,
        packedKernel,
      );
    },
  };
};

// The training kernels: everything that one WebAssembly module exports. All addresses and strides are in bytes, all counts
// in elements; float addresses are multiples of 4. Nothing here owns memory.
export * from './product.as';
export * from './activation.as';
export * from './loss.as';
export * from './update.as';
export * from './depthwise.as';
export * from './image.as';
export * from './pool.as';
export * from './segment.as';
export * from './transpose.as';
export * from './convolution.as';
export * from './winograd.as';
export * from './lookup.as';
export * from './recurrent.as';
export * from './pool-forward.as';
export * from './depthwise-forward.as';
export * from './normalise.as';
export * from './attention.as';
export * from './upsample.as';

/**
 * The part of TensorFlow.js that starts backends, to be imported when one is wanted: a bundle then holds these functions,
 * where `import('@tensorflow/tfjs-core')` would hold all there are.
 */
export {
  env,
  findBackend,
  findBackendFactory,
  getKernelsForBackend,
  removeBackend,
  setBackend,
  unregisterKernel,
  version_core,
} from '@tensorflow/tfjs-core';

import { processor, type Backend } from './backend.ts';

/** Plain JavaScript: the last resort, where WebAssembly has no SIMD or is forbidden. */
export const cpu: Backend = {
  name: 'cpu',
  registeredAs: 'cpu',
  runtimes: ['node', 'browser'],
  async load() {
    await import('@tensorflow/tfjs-backend-cpu');
    return processor;
  },
};

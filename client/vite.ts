/**
 * `fedloom/vite`: what Vite has to know of the client, as a plugin. In development Vite would otherwise move the client's
 * modules away from their worker, and hand the worker packages that are no modules; built, the worker is to load its engine
 * in parts.
 *
 *     import { fedloom } from 'fedloom/vite';
 *     export default { plugins: [fedloom()] };
 */
export const fedloom = () => ({
  name: 'fedloom',
  config: () => ({
    optimizeDeps: {
      exclude: ['fedloom'],
      include: ['tweetnacl', ...tensorFlow].map((name) => `fedloom > ${name}`),
    },
    // By its own name, or it would bring the modules of TensorFlow.js a second time, beside the bundled ones.
    resolve: { alias: { '#gradients': gradients } },
    worker: { format: 'es' as const },
  }),
});

const gradients = '@tensorflow/tfjs-core/dist/register_all_gradients.js';

/** All that the engine may import, so that there is one TensorFlow.js. */
const tensorFlow = [
  '@tensorflow/tfjs-core',
  gradients,
  '@tensorflow/tfjs-backend-cpu',
  '@tensorflow/tfjs-backend-wasm',
] as const;

// Builds the client for pages without a bundler: `fedloom.client.iife.min.js` for a <script> tag, and beside it the file of
// its worker, which holds everything that training on WebAssembly or plain JavaScript takes.
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** @param folder - where both files are to go */
export async function buildClient(folder) {
  const options = {
    absWorkingDir: root,
    bundle: true,
    minify: true,
    platform: 'browser',
    target: 'es2022',
    legalComments: 'none',
    logLevel: 'warning',
  };
  await Promise.all([
    build({
      ...options,
      entryPoints: ['client/browser-script.ts'],
      format: 'iife',
      globalName: 'Fedloom',
      outfile: join(folder, 'fedloom.client.iife.min.js'),
    }),
    build({
      ...options,
      entryPoints: ['client/browser-worker.ts'],
      format: 'esm',
      outfile: join(folder, 'fedloom.client.worker.min.js'),
      // Optional, and large: a page that wants them has a bundler, or a worker of its own (`workerUrl`).
      external: ['@tensorflow/tfjs-backend-webgl', '@tensorflow/tfjs-backend-webgpu'],
    }),
  ]);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildClient(join(root, 'dist/client'));

// Builds the page at /try: the page itself, the client's worker, and the worker that asks the model.
import { cpSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** @param folder - where the files are to go */
export async function buildTry(folder) {
  await build({
    absWorkingDir: root,
    entryPoints: ['client/try/page.ts', 'client/try/predict-worker.ts', 'client/browser-worker.ts'],
    entryNames: '[name]',
    chunkNames: 'chunk-[hash]',
    outdir: folder,
    bundle: true,
    splitting: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    legalComments: 'none',
    logLevel: 'warning',
    external: ['@tensorflow/tfjs-backend-webgl', '@tensorflow/tfjs-backend-webgpu'],
  });
  for (const file of ['index.html', 'page.css']) cpSync(join(root, 'client/try', file), join(folder, file));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildTry(join(root, 'dist/client/try'));

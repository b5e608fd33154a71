// Measures what browsers have to load, minified and by gzip -9: the client alone, and what training adds, beside a plain
// bundle of TensorFlow.js. `node scripts/bundle-size.mjs` prints it; a test holds the limits.
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Bytes by gzip -9. */
export const limits = {
  /** What a page's own thread loads: the worker has the rest. */
  page: 10_000,
  /** The client, without its runtime's parts and without anything that trains. */
  client: 44_000,
  /** The same as a page's worker begins with it: with cryptography in JavaScript and the store. */
  pageWorker: 66_500,
  /** All that trains on wasm, in parts of a plain bundle of tfjs-core, tfjs-layers and tfjs-backend-wasm. */
  engineByPlain: 1.15,
};

const options = {
  absWorkingDir: root,
  bundle: true,
  minify: true,
  splitting: true,
  format: 'esm',
  platform: 'browser',
  target: 'es2022',
  outdir: join(root, 'out'),
  write: false,
  metafile: true,
  logLevel: 'silent',
};

/**
 * Bytes by gzip -9 of the files that an entry loads.
 * @param entry - path from the root, or `stdin` text
 * @param imported - modules imported later that count too, by the end of their path
 * @param more - options of esbuild
 */
async function sizeOf(entry, imported = [], more = {}) {
  const source =
    entry.text === undefined ? { entryPoints: [entry.file] } : { stdin: { contents: entry.text, resolveDir: root } };
  const { outputFiles, metafile } = await build({ ...options, ...source, ...more });
  const sizes = new Map(
    outputFiles.map(({ path, contents }) => [relative(root, path), gzipSync(contents, { level: 9 }).length]),
  );
  const { outputs } = metafile;
  const counted = new Set();
  const visit = (path) => {
    if (counted.has(path)) return;
    counted.add(path);
    for (const found of outputs[path].imports)
      if (found.kind === 'import-statement' && !found.external) visit(found.path);
  };
  for (const [path, { entryPoint }] of Object.entries(outputs)) {
    if (entryPoint === undefined) continue;
    if (entryPoint === (entry.file ?? '<stdin>') || imported.some((end) => entryPoint.endsWith(end))) visit(path);
  }
  return [...counted].reduce((sum, path) => sum + sizes.get(path), 0);
}

const fused = ['fused/fused-engine.ts', 'fused/stages.ts'];
const graph = [
  'graph/graph-engine.ts',
  'kernels/tfjs/register.ts',
  'backends/tensorflow.ts',
  'tfjs-backend-wasm/dist/index.js',
];
const plain = `
  import * as core from '@tensorflow/tfjs-core';
  import * as layers from '@tensorflow/tfjs-layers';
  import * as wasm from '@tensorflow/tfjs-backend-wasm';
  globalThis.tensorflow = { core, layers, wasm };
`;

/** Each in bytes by gzip -9; TensorFlow.js's file of WebAssembly, the same for all, is not counted. */
export const measure = async () => ({
  client: await sizeOf({ file: 'client/federated-client.ts' }, [], { splitting: false }), // whatever it may import later too
  page: await sizeOf({ file: 'client/browser.ts' }),
  pageWorker: await sizeOf({ file: 'client/browser-worker.ts' }),
  worker: await sizeOf({ file: 'client/worker.ts' }),
  workerFused: await sizeOf({ file: 'client/worker.ts' }, fused),
  workerFusedAndGraph: await sizeOf({ file: 'client/worker.ts' }, [...fused, ...graph]),
  engine: await sizeOf({ file: 'shared/engine/create-engine.ts' }, [...fused, ...graph]),
  plainTensorFlow: await sizeOf({ text: plain }),
});

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const found = await measure();
  for (const [name, size] of Object.entries(found))
    console.log(`${name.padEnd(22)}${(size / 1_000).toFixed(1).padStart(8)} kB`);
  console.log(`${'engine / plain'.padEnd(22)}${(found.engine / found.plainTensorFlow).toFixed(2).padStart(8)}`);
}

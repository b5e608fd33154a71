// Compiles the WebAssembly kernels (AssemblyScript, SIMD) and writes each module's bytes in hex as a TypeScript module, so
// that browsers and Node load it alike; once compressed, hex is a quarter shorter than base 64. The result is committed; a test builds it again and compares.
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Each module: its entry file and what it is compiled to. */
export const kernelModules = [
  { source: 'shared/vector/kernels/exact-sum.as.ts', target: 'shared/vector/kernels/exact-sum.wasm.ts' },
  { source: 'shared/vector/kernels/masking.as.ts', target: 'shared/vector/kernels/masking.wasm.ts' },
  { source: 'shared/engine/kernels/source/index.as.ts', target: 'shared/engine/kernels/training.wasm.ts' },
];

/** The bytes of a module. @param source - its entry file, from the root */
export async function compileKernels(source) {
  // No runtime and no static data: the memory belongs to whoever gives it.
  const options = [
    '-O3',
    '--enable',
    'simd',
    '--runtime',
    'stub',
    '--noAssert',
    '--importMemory',
    '--initialMemory',
    '0',
  ];
  const outputs = {};
  const { error } = await asc.main([source, '--baseDir', root, ...options, '-o', 'out.wasm'], {
    stderr: process.stderr,
    writeFile: (path, bytes) => void (outputs[path] = bytes),
  });
  if (error) throw error;
  return Buffer.from(outputs['out.wasm']);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const { source, target } of kernelModules) {
    const hex = (await compileKernels(source)).toString('hex');
    const text = `// Made from ${source} by scripts/build-kernels.mjs.\nexport default\n  '${hex}';\n`;
    writeFileSync(join(root, target), text);
  }
}

// Compiles the WebAssembly kernels (AssemblyScript, SIMD) and writes each as a TypeScript module with its bytes in base 64,
// so that browsers and Node load it alike. The result is committed; a test builds it again and compares.
import { readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const folder = join(dirname(fileURLToPath(import.meta.url)), '../shared/vector/kernels');

/** The bytes of a kernel, by its file name without extensions. */
export async function compileKernel(name) {
  const file = `${name}.as.ts`;
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
  const { error } = await asc.main([file, '--baseDir', folder, ...options, '-o', 'out.wasm'], {
    writeFile: (path, bytes) => void (outputs[path] = bytes),
  });
  if (error) throw error;
  return Buffer.from(outputs['out.wasm']);
}

export const kernelNames = readdirSync(folder)
  .filter((file) => file.endsWith('.as.ts'))
  .map((file) => file.slice(0, -'.as.ts'.length));

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const name of kernelNames) {
    const base64 = (await compileKernel(name)).toString('base64');
    const text = `// Made from ${name}.as.ts by scripts/build-kernels.mjs.\nexport default\n  '${base64}';\n`;
    writeFileSync(join(folder, `${name}.wasm.ts`), text);
  }
}

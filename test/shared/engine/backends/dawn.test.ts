import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { softwareVulkan } from '../../../helpers/chromium.ts';
import type { DawnAnswer } from './dawn-child.ts';

const program = fileURLToPath(new URL('./dawn-child.ts', import.meta.url));

/** What the program answers in an environment. */
const ask = (env: Readonly<Record<string, string>>): Promise<DawnAnswer> =>
  new Promise((resolve, fail) => {
    const child = spawn(process.execPath, ['--import=tsx', program], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
      timeout: 120_000,
    });
    let out = '';
    let err = '';
    child.stdout.on('data', (data: Buffer) => (out += data.toString()));
    child.stderr.on('data', (data: Buffer) => (err += data.toString()));
    child.on('close', (code) => {
      if (code === 0) resolve(JSON.parse(out) as DawnAnswer);
      else fail(new Error(`ended with ${code}: ${err}`));
    });
  });

describe('webgpu in Node, by Dawn on a Vulkan in software', function () {
  this.timeout(150_000);

  it('trains as wasm does when it is asked for by name, and auto passes over it', async function () {
    const vulkan = softwareVulkan();
    if (vulkan === null) {
      console.log('      no Vulkan in software here: it comes with @sparticuz/chromium, on Linux on x86-64');
      return this.skip(); // no Vulkan device, not even in software
    }
    const { missing, refusal, models, globals } = await ask(vulkan);
    if (missing !== null) {
      expect(missing).to.match(/no Vulkan|no graphics card|not installed|GLIBC/); // anything else is our fault
      console.log(`      ${missing}`);
      return this.skip(); // the binding cannot be loaded here, for one of the reasons above
    }
    expect(refusal).to.match(/^backend webgpu: software imitates the graphics device \(SwiftShader/);
    expect(models).to.have.length(2);
    for (const { apart, losses, wasmLosses } of models) {
      expect(apart).to.be.below(1e-3);
      expect(losses.at(-1)).to.be.below(losses[0]!);
      for (const [i, loss] of losses.entries()) expect(loss).to.be.closeTo(wasmLosses[i]!, 1e-3);
    }
    // TensorFlow.js reads these as it runs. A navigator would make other code believe that it is in a browser.
    expect(globals).to.have.members(['GPUBuffer', 'GPUBufferUsage', 'GPUMapMode', 'GPUTexture', 'GPUTextureUsage']);
  });
});

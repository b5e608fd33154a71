import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { seeded } from '../../../shared/random.ts';
import { plainAdder, wasmAdder } from '../../../shared/vector/adder.ts';
import kernel from '../../../shared/vector/kernels/exact-sum.wasm.ts';

const rounding = { hi: 1.5 * 2 ** 52 * 2 ** -12, lo: 1.5 * 2 ** 52 * 2 ** -60 };

describe('the WebAssembly adder', () => {
  it('gives the same bits as the plain loop, for every length and offset', () => {
    const random = seeded('adder');
    for (const length of [1, 3, 4, 5, 100, 16_383, 16_384, 16_385, 40_001]) {
      const plain = plainAdder(length + 7, rounding);
      const wasm = wasmAdder(length + 7, rounding);
      for (let k = 0; k < 5; k++) {
        const values = Float32Array.from({ length }, () => (random.float() - 0.5) * 10 ** (random.below(10) - 7));
        const weight = 1 + random.below(100_000);
        for (const adder of [plain, wasm]) adder.add(values, weight, k);
      }
      expect(wasm.hi).to.deep.equal(plain.hi);
      expect(wasm.lo).to.deep.equal(plain.lo);
    }
  });

  it('is what its source compiles to', async function () {
    this.timeout(60_000);
    const { compileKernel, kernelNames } = (await import('../../../scripts/build-kernels.mjs' as string)) as {
      compileKernel(name: string): Promise<Buffer>;
      kernelNames: string[];
    };
    expect(kernelNames).to.deep.equal(['exact-sum']);
    expect((await compileKernel('exact-sum')).toString('base64')).to.equal(kernel);
    const source = readFileSync(new URL('../../../shared/vector/kernels/exact-sum.as.ts', import.meta.url), 'utf8');
    expect(source).to.include('export function add');
  });
});

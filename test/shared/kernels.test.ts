import { readFileSync } from 'node:fs';
import { expect } from 'chai';

interface Builder {
  readonly kernelModules: readonly { readonly source: string; readonly target: string }[];
  compileKernels(source: string): Promise<Buffer>;
}

describe('the committed WebAssembly', () => {
  it('is what its sources compile to', async function () {
    this.timeout(120_000);
    const builder = (await import('../../scripts/build-kernels.mjs' as string)) as Builder;
    expect(builder.kernelModules.map(({ target }) => target)).to.deep.equal([
      'shared/vector/kernels/exact-sum.wasm.ts',
      'shared/vector/kernels/masking.wasm.ts',
      'shared/engine/kernels/training.wasm.ts',
    ]);
    for (const { source, target } of builder.kernelModules) {
      const text = readFileSync(new URL(`../../${target}`, import.meta.url), 'utf8');
      const committed = /'([0-9a-f]+)'/.exec(text)?.[1];
      expect((await builder.compileKernels(source)).toString('hex') === committed, `${target} is stale`).to.equal(true);
    }
  });
});

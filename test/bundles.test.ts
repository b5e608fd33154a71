import { expect } from 'chai';
import { build, type BuildOptions, type BuildResult } from 'esbuild';
import { builtinModules } from 'node:module';
import { fileURLToPath } from 'node:url';

interface BundleSizes {
  readonly limits: Readonly<Record<'client' | 'engineByPlain' | 'page' | 'pageWorker', number>>;
  measure(): Promise<
    Record<'client' | 'page' | 'pageWorker' | 'worker' | 'workerFused' | 'engine' | 'plainTensorFlow', number>
  >;
}
const script = new URL('../scripts/bundle-size.mjs', import.meta.url).href;
const root = fileURLToPath(new URL('..', import.meta.url));

/** A bundle for browsers of what trains, as an application would make it. */
const bundle = (more: BuildOptions = {}): Promise<BuildResult<{ write: false; metafile: true }>> =>
  build({
    entryPoints: ['shared/engine/index.ts', 'client/worker.ts', 'client/browser.ts', 'client/browser-worker.ts'],
    absWorkingDir: root,
    bundle: true,
    splitting: true,
    write: false,
    metafile: true,
    format: 'esm',
    platform: 'browser',
    outdir: 'out',
    logLevel: 'silent',
    ...more,
  });

describe('a bundle for browsers', function () {
  this.timeout(60_000);

  it('is within its limits of size', async () => {
    const { limits, measure } = (await import(script)) as BundleSizes;
    const { page, pageWorker, client, worker, workerFused, engine, plainTensorFlow } = await measure();
    expect(page).to.be.within(2_000, limits.page);
    expect(pageWorker).to.be.within(client, limits.pageWorker);
    expect(client).to.be.within(10_000, limits.client);
    expect(worker).to.be.below(limits.client);
    expect(workerFused).to.be.within(worker, plainTensorFlow / 2);
    expect(engine / plainTensorFlow).to.be.within(0.5, limits.engineByPlain);
  });

  it('imports nothing of Node, and none of the packages that only Node can load', async () => {
    const { outputFiles, metafile, warnings } = await bundle();
    expect(warnings).to.deep.equal([]);
    expect(outputFiles.length).to.be.above(10);
    const imports = Object.values(metafile.outputs).flatMap((output) => output.imports);
    const isForeign = (path: string): boolean => path.startsWith('node:') || builtinModules.includes(path);
    expect(imports.filter(({ external, path }) => external === true || isForeign(path))).to.deep.equal([]);
    const inputs = Object.keys(metafile.inputs).filter((input) =>
      /node_modules\/(@tensorflow\/tfjs-node|webgpu)/.test(input),
    );
    expect(inputs).to.deep.equal([]);
  });

  it('loads neither TensorFlow.js nor a backend before one is wanted', async () => {
    const { metafile } = await bundle();
    const { outputs } = metafile;
    const atOnce = (path: string, seen = new Set<string>()): Set<string> => {
      if (seen.has(path)) return seen;
      seen.add(path);
      for (const found of outputs[path]!.imports) if (found.kind === 'import-statement') atOnce(found.path, seen);
      return seen;
    };
    const entries = Object.keys(outputs).filter((path) =>
      /(index|worker|browser)\.ts$/.test(outputs[path]!.entryPoint ?? ''),
    );
    expect(entries).to.have.length(4);
    const loaded = entries.flatMap((path) => [...atOnce(path)]).flatMap((path) => Object.keys(outputs[path]!.inputs));
    expect(loaded).to.include('shared/engine/create-engine.ts');
    expect(loaded.filter((input) => /tensorflow|training\.wasm/.test(input))).to.deep.equal([]);
  });

  it('can be made where the packages of webgpu and webgl are not installed, with a warning', async () => {
    const alias = {
      '@tensorflow/tfjs-backend-webgpu': 'absent-webgpu',
      '@tensorflow/tfjs-backend-webgl': 'absent-webgl',
    };
    const { warnings, errors } = await bundle({ alias });
    expect(errors).to.deep.equal([]);
    expect(warnings.length).to.be.below(3);
  });
});

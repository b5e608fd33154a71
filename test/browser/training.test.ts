import { expect } from 'chai';
import type { Browser, Page } from 'playwright-core';
import { launchBrowser, openPage, serveSite, type Site } from '../helpers/browser.ts';
import type { PageApi } from './pages/page.ts';
import { train, type TrainingAnswer, type TrainingRequest } from './pages/training.ts';

const wasmFolder = 'node_modules/@tensorflow/tfjs-backend-wasm/dist/';
const wasmFile = 'tfjs-backend-wasm-simd.wasm';

/** A browser with one page that runs `pages/page.ts`, opened before the tests of a suite and closed after them. */
function useSite(args: readonly string[] = [], headers: Readonly<Record<string, string>> = {}) {
  let site: Site | undefined;
  let browser: Browser | null = null;
  let page: Page;
  let check: (() => void) | undefined;

  before(async function () {
    browser = await launchBrowser(this, args);
    const files = { [`/wasm/${wasmFile}`]: `${wasmFolder}${wasmFile}` };
    site = await serveSite(['test/browser/pages/page.ts', 'test/browser/pages/worker.ts'], files, headers);
    ({ page, check } = await openPage(browser, site.url));
  });
  after(async () => {
    await browser?.close();
    await site?.close();
  });
  afterEach(() => check?.());

  type Api = { readonly fedloomTest: PageApi };
  return {
    inPage: (request: TrainingRequest): Promise<TrainingAnswer> =>
      page.evaluate((one) => (globalThis as unknown as Api).fedloomTest.train(one), request),
    inWorker: (request: TrainingRequest): Promise<TrainingAnswer> =>
      page.evaluate((one) => (globalThis as unknown as Api).fedloomTest.inWorker(one), request),
    isIsolated: (): Promise<boolean> => page.evaluate(() => crossOriginIsolated),
    requests: (): readonly string[] => site!.requests,
  };
}

/** Six digits: another browser may compile WebAssembly in another way. */
function expectSame(found: TrainingAnswer, expected: TrainingAnswer): void {
  const digits = ({ losses }: TrainingAnswer): string[] => losses.map((loss) => loss.toPrecision(6));
  expect(digits(found)).to.deep.equal(digits(expected));
  expect(found.moved.toPrecision(4)).to.equal(expected.moved.toPrecision(4));
  expect([found.backend, found.path]).to.deep.equal([expected.backend, expected.path]);
}

describe('training in a browser', function () {
  this.timeout(120_000);
  const { inPage, inWorker, requests } = useSite();

  for (const model of ['dense', 'convolutional'] as const) {
    it(`gives the losses of Node in a page and in a worker: ${model} model on the fused path`, async () => {
      const request = { model, backend: 'wasm', path: 'fused' } as const;
      const expected = await train(request);
      expect(expected.losses[2]).to.be.below(expected.losses[0]!);
      expectSame(await inPage(request), expected);
      expectSame(await inWorker(request), expected);
    });
  }

  it('gives the losses of Node in a page and in a worker: recurrent model in TensorFlow.js operations', async () => {
    const request = { model: 'recurrent', backend: 'wasm', path: 'graph' } as const;
    const expected = await train(request);
    expect(
      requests().filter((path) => path.endsWith('.wasm')),
      'until now',
    ).to.deep.equal([]);
    expectSame(await inPage({ ...request, wasmPath: '/wasm/' }), expected);
    expectSame(await inWorker({ ...request, wasmPath: '/wasm/' }), expected);
    expect(requests()).to.include(`/wasm/${wasmFile}`);
  });

  it('says what is wrong when the files of TensorFlow.js are not where it is told, and trains on cpu', async () => {
    const request = { model: 'dense', path: 'graph', wasmPath: '/nowhere/', timeLimitMs: 5_000 } as const;
    const { backend, refusals } = await inWorker(request);
    expect(backend).to.equal('cpu');
    expect(refusals['wasm']).to.match(/^backend wasm: ./);
  });

  it('passes over a graphics card that software imitates, says so, and trains on wasm', async () => {
    const expected = await train({ model: 'dense', backend: 'wasm' });
    for (const run of [inPage, inWorker]) {
      const answer = await run({ model: 'dense' });
      expectSame(answer, expected);
      expect(Object.keys(answer.refusals)).to.deep.equal(['webgpu', 'webgl']);
      for (const [name, reason] of Object.entries(answer.refusals)) {
        expect(reason).to.match(new RegExp(`^backend ${name}: .*(software imitates|has no Web|no graphics card)`));
      }
    }
  });

  it('says why a backend that needs Node cannot be had', async () => {
    const answer = await inPage({ model: 'dense', backend: 'tfjs-node' }).catch((error: unknown) => String(error));
    expect(answer).to.include('backend tfjs-node: it needs Node');
  });
});

describe('training in a page that is isolated from other origins', function () {
  this.timeout(120_000);
  const { inPage, isIsolated } = useSite([], {
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-embedder-policy': 'require-corp',
  });

  it('keeps to the build of TensorFlow.js without threads, which alone can take our kernels', async () => {
    expect(await isIsolated()).to.equal(true);
    const request = { model: 'recurrent', backend: 'wasm', path: 'graph' } as const;
    const expected = await train(request);
    expectSame(await inPage({ ...request, wasmPath: '/wasm/' }), expected);
  });
});

describe('training on a graphics card that software imitates', function () {
  this.timeout(120_000);
  const flags = [
    '--enable-unsafe-webgpu',
    '--use-webgpu-adapter=swiftshader',
    '--enable-unsafe-swiftshader',
    '--use-angle=swiftshader',
  ];
  const { inPage, inWorker } = useSite(flags);

  for (const backend of ['webgl', 'webgpu']) {
    it(`gives the losses of wasm on ${backend} when it is asked for by name`, async function () {
      const expected = await train({ model: 'dense', backend: 'wasm' });
      const answer = await inPage({ model: 'dense', backend, timeLimitMs: 60_000 }).catch((error: unknown) =>
        String(error),
      );
      if (typeof answer === 'string') {
        expect(answer).to.match(/has no Web|no graphics card/, answer);
        console.log(`      ${answer}`);
        return this.skip(); // this browser has not even an imitated graphics card
      }
      expect(answer.backend).to.equal(backend);
      for (const [i, loss] of answer.losses.entries()) expect(loss).to.be.closeTo(expected.losses[i]!, 1e-4);
      const auto = await inWorker({ model: 'dense' });
      expect(auto.backend).to.equal('wasm');
      expect(auto.refusals[backend]).to.match(/software imitates the graphics device \(.*SwiftShader/i);
    });
  }
});

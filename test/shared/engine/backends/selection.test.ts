import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { createRequire } from 'node:module';
import type { ImportModule } from '../../../../shared/engine/backends/import-module.ts';
import { createEngine, type EngineOptions } from '../../../../shared/engine/create-engine.ts';
import type { Engine } from '../../../../shared/engine/engine.ts';
import { sampleBatch } from '../../../../shared/engine/sample-batch.ts';
import { initialWeights } from '../../../../shared/tasks/initial.ts';
import type { ModelSpec } from '../../../../shared/tasks/model.ts';
import { refuses } from '../../../contracts/store.ts';
import { dawnStandIn, importing, removeTfjsNode, tfjsNodeStandIn } from './stand-ins.ts';

const model: ModelSpec = {
  input: [6],
  layers: [
    { type: 'dense', units: 4, activation: 'tanh', useBias: true },
    { type: 'dense', units: 3, activation: 'softmax', useBias: true },
  ],
  loss: 'sparse-categorical-crossentropy',
};

/** A clock by which what is measured first takes `first` ms between two looks, and what comes after takes `second`. */
const clock = (first: number, second: number): (() => number) => {
  let now = 0;
  let looks = 0;
  return () => (now += ++looks <= 10 ? first : second); // five groups of steps, each with a look before and after
};

const throwing = (thrown: unknown) => () => {
  throw thrown;
};
const missingAddon = new Error(
  'The Node.js native addon module (tfjs_binding.node) can not be found at path: /x/lib/napi-v8/tfjs_binding.node. \n' +
    "Please run command 'npm rebuild @tensorflow/tfjs-node --build-addon-from-source'",
);
const missingCuda = new Error('libcudart.so.11.0: cannot open shared object file: No such file or directory');
const removedFunction = new TypeError('(0, util_1.isNullOrUndefined) is not a function');

/** Each way in which tfjs-node was seen to fail, and what is said of it. */
const failures: readonly (readonly [what: string, load: (() => unknown) | undefined, said: RegExp])[] = [
  ['is not installed', undefined, /is not installed; run npm install @tensorflow\/tfjs-node/],
  ['lacks its native part', throwing(missingAddon), /install script/],
  ['finds no CUDA', throwing(missingCuda), /libcudart\.so\.11\.0.*CUDA 11\.2 and cuDNN 8\.1/],
  ['finds no cuDNN', throwing(new Error('libcudnn.so.8: cannot open shared object file')), /cuDNN 8\.1/],
  ['calls what Node 23 removed', throwing(removedFunction), /isNullOrUndefined.*Node 23/],
  ['throws something that is no error', throwing('a word'), /backend tfjs-node: a word$/],
  ['throws nothing at all', throwing(undefined), /backend tfjs-node: undefined$/],
  ['registers no backend', () => ({}), /offers no backend to TensorFlow\.js 4\.22\.0/],
  [
    'computes wrong gradients',
    () => tfjsNodeStandIn({ spoil: (v) => void (v[0]! += 0.01) }),
    /self-test gave .* for gradient/,
  ],
  ['computes NaN', () => tfjsNodeStandIn({ spoil: (values) => values.fill(NaN) }), /self-test gave NaN for gradient/],
  ['never answers', () => new Promise(() => {}), /loading it took longer than 0\.2 s/],
];

describe('the choice of a backend in Node', () => {
  const engines: Engine[] = [];
  const make = async (options: Omit<EngineOptions, 'model'>): Promise<Engine> => {
    const engine = await createEngine({ model, ...options });
    engines.push(engine);
    return engine;
  };
  /** What `auto` takes, and what it says of the others. */
  const choose = async (importModule: ImportModule, options: Partial<EngineOptions> = {}) => {
    const refusals: Record<string, string> = {};
    const onRefusal = (name: string, reason: string): void => void (refusals[name] = reason);
    const engine = await make({ importModule, onRefusal, timeLimitMs: 200, ...options });
    return { engine, refusals };
  };
  afterEach(() => {
    for (const engine of engines.splice(0)) engine.dispose();
    removeTfjsNode();
  });

  it('takes wasm on the fused path where nothing else is installed, without looking twice', async () => {
    const importModule = importing({});
    const { engine, refusals } = await choose(importModule);
    expect([engine.backend, engine.path]).to.deep.equal(['wasm', 'fused']);
    expect(Object.keys(refusals)).to.deep.equal(['tfjs-node-gpu', 'tfjs-node', 'webgpu']);
    for (const [name, reason] of Object.entries(refusals)) expect(reason).to.include(`backend ${name}: the package `);
    const { refusals: again } = await choose(importModule);
    expect(again).to.deep.equal(refusals);
    expect(importModule.asked).to.deep.equal(['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node', 'webgpu']);
  });

  for (const [what, load, said] of failures) {
    it(`passes over tfjs-node when it ${what}, and says why`, async () => {
      const importModule = importing(load === undefined ? {} : { '@tensorflow/tfjs-node': load });
      const { engine, refusals } = await choose(importModule);
      expect(engine.backend).to.equal('wasm');
      expect(refusals['tfjs-node']).to.match(said);
      const named = { model, backend: 'tfjs-node', importModule, timeLimitMs: 200 };
      await refuses(createEngine(named), 'NO_BACKEND');
      expect(await createEngine(named).catch((error: unknown) => String(error))).to.match(said);
    });
  }

  it('takes tfjs-node when it works and is faster than wasm', async () => {
    const importModule = importing({ '@tensorflow/tfjs-node': () => tfjsNodeStandIn() });
    const { engine } = await choose(importModule, { now: clock(1, 2) });
    expect([engine.backend, engine.path]).to.deep.equal(['tfjs-node', 'graph']);
    expect(await engine.getWeights()).to.deep.equal(new Float32Array(43)); // as if it had never been measured
    const wasm = await make({ backend: 'wasm' });
    const batch = sampleBatch(model, 8);
    for (const one of [engine, wasm]) {
      one.setWeights(initialWeights(model, 1));
      for (let i = 0; i < 10; i++) one.step(batch, 0.1);
    }
    expect(await engine.takeLoss()).to.be.closeTo(await wasm.takeLoss(), 1e-5);
  });

  it('passes over tfjs-node when wasm is as fast, and takes it when it is asked for', async () => {
    const importModule = importing({ '@tensorflow/tfjs-node': () => tfjsNodeStandIn() });
    const { engine, refusals } = await choose(importModule, { now: clock(2, 1) });
    expect(engine.backend).to.equal('wasm');
    // 10 examples x 3 steps in 2 ms, and in 1 ms
    expect(refusals['tfjs-node']).to.include('slower than wasm for this model, 15000 against 30000 examples a second');
    expect((await make({ backend: 'tfjs-node', importModule })).backend).to.equal('tfjs-node');
  });

  it('passes over tfjs-node when it stops answering while its speed is measured', async () => {
    let isMeasured = false;
    const now = (): number => {
      isMeasured = true;
      return 0;
    };
    const importModule = importing({ '@tensorflow/tfjs-node': () => tfjsNodeStandIn({ hangs: () => isMeasured }) });
    const { engine, refusals } = await choose(importModule, { now });
    expect(engine.backend).to.equal('wasm');
    expect(refusals['tfjs-node']).to.equal('backend tfjs-node: measuring it took longer than 0.2 s');
  });

  it('takes tfjs-node-gpu only with a graphics card, and tfjs-node after it although both have one name', async () => {
    const warnings: unknown[] = [];
    const { warn } = console;
    console.warn = (...words: unknown[]) => void warnings.push(words);
    try {
      const importModule = importing({
        '@tensorflow/tfjs-node-gpu': () => tfjsNodeStandIn({ isUsingGpuDevice: false }),
        '@tensorflow/tfjs-node': () => tfjsNodeStandIn(),
      });
      const { engine, refusals } = await choose(importModule, { now: clock(1, 2) });
      expect(engine.backend).to.equal('tfjs-node');
      expect(refusals['tfjs-node-gpu']).to.match(/finds no graphics card.*CUDA 11\.2 and cuDNN 8\.1/);
    } finally {
      console.warn = warn;
    }
    expect(warnings).to.deep.equal([]);
    removeTfjsNode();
    const importModule = importing({ '@tensorflow/tfjs-node-gpu': () => tfjsNodeStandIn({ isUsingGpuDevice: true }) });
    expect((await choose(importModule, { now: clock(1, 2) })).engine.backend).to.equal('tfjs-node-gpu');
  });

  it('puts back the functions of node:util that tfjs-node still calls on Node 23', async () => {
    const util = createRequire(import.meta.url)('node:util') as Record<string, unknown>;
    const { isNullOrUndefined, isArray } = util;
    delete util['isNullOrUndefined'];
    delete util['isArray'];
    try {
      const importModule = importing({
        '@tensorflow/tfjs-node': () => {
          const { isNullOrUndefined: isNone, isArray: isList } = util as Record<string, (value: unknown) => boolean>;
          if (![null, undefined].every((value) => isNone!(value)) || isNone!(0) || !isList!([])) throw removedFunction;
          return tfjsNodeStandIn();
        },
      });
      expect((await make({ backend: 'tfjs-node', importModule })).backend).to.equal('tfjs-node');
    } finally {
      Object.assign(util, { isNullOrUndefined, isArray });
    }
  });

  it('refuses webgpu without a graphics card or with one in software, and leaves no navigator behind', async () => {
    const { dlopen } = process;
    process.dlopen = throwing(new Error('Module did not self-register')); // as it is where Vulkan is installed
    const before = Object.getOwnPropertyDescriptor(globalThis, 'navigator');
    try {
      const software = { vendor: 'google', architecture: 'swiftshader', description: 'SwiftShader driver 5.0.0' };
      const cases = [
        [null, /finds no graphics card/],
        [software, /software imitates the graphics device \(SwiftShader driver 5\.0\.0, google\)/],
        [{ vendor: 'mesa', description: 'llvmpipe (LLVM 15.0.6, 256 bits)' }, /software imitates.*llvmpipe/],
        [{ vendor: 'acme', isFallbackAdapter: true }, /software imitates/],
      ] as const;
      for (const [info, said] of cases) {
        const { engine, refusals } = await choose(importing({ webgpu: dawnStandIn(info) }));
        expect(engine.backend).to.equal('wasm');
        expect(refusals['webgpu']).to.match(said);
      }
    } finally {
      process.dlopen = dlopen;
    }
    expect(Object.getOwnPropertyDescriptor(globalThis, 'navigator')).to.deep.equal(before);
  });

  it('refuses a backend that is unknown, one for browsers, and the fused path where there is none', async () => {
    const reason = (options: Omit<EngineOptions, 'model'>): Promise<unknown> =>
      createEngine({ model, ...options }).catch((error: unknown) => String(error));
    await refuses(createEngine({ model, backend: 'abacus' }), 'NO_BACKEND');
    expect(await reason({ backend: 'abacus' })).to.match(
      /"abacus"; known are auto, tfjs-node-gpu, tfjs-node, webgpu, /,
    );
    expect(await reason({ backend: 'webgl' })).to.include('backend webgl: it needs a browser');
    expect(await reason({ backend: 'cpu', path: 'fused' })).to.include('backend cpu: it has no fused path');
  });

  it('leaves TensorFlow.js on the backend that was current before, for engines that live side by side', async () => {
    const cpu = await make({ backend: 'cpu' });
    const importModule = importing({ '@tensorflow/tfjs-node': () => tfjsNodeStandIn({ spoil: (v) => v.fill(NaN) }) });
    await choose(importModule);
    cpu.setWeights(initialWeights(model, 1));
    cpu.step(sampleBatch(model, 4), 0.1);
    expect(await cpu.takeLoss()).to.be.within(0.5, 3);
    expect(tf.findBackendFactory('tensorflow')).to.equal(null);
  });
});

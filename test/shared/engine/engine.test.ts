import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { availableBackends } from '../../../shared/engine/available-backends.ts';
import { createEngine } from '../../../shared/engine/create-engine.ts';
import type { Engine } from '../../../shared/engine/engine.ts';
import { sampleBatch } from '../../../shared/engine/sample-batch.ts';
import { selfTest } from '../../../shared/engine/self-test.ts';
import { seeded } from '../../../shared/random.ts';
import { initialWeights } from '../../../shared/tasks/initial.ts';
import { checkModel, type ModelSpec } from '../../../shared/tasks/model.ts';
import { importing, removeTfjsNode, tfjsNodeStandIn } from './backends/stand-ins.ts';

const classifier = checkModel({
  input: [2, 3],
  layers: [
    { type: 'flatten' },
    { type: 'dense', units: 5, activation: 'tanh' },
    { type: 'dense', units: 3, activation: 'softmax' },
  ],
  loss: 'sparse-categorical-crossentropy',
});
const attentive = checkModel({
  input: [4],
  layers: [
    { type: 'embedding', inputDim: 6, outputDim: 4 },
    { type: 'selfAttention', heads: 2 },
    { type: 'flatten' },
    { type: 'dense', units: 6, activation: 'softmax' },
  ],
  loss: 'sparse-categorical-crossentropy',
});
const importModule = importing({});

const engines: Engine[] = [];
const engineFor = async (model: ModelSpec, backend: string, path?: 'fused' | 'graph'): Promise<Engine> => {
  const engine = await createEngine({ model, backend, importModule, ...(path === undefined ? {} : { path }) });
  engines.push(engine);
  return engine;
};
afterEach(() => {
  for (const engine of engines.splice(0)) engine.dispose();
});
const largest = (a: Float32Array, b: Float32Array): number =>
  a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);

describe('the engines', () => {
  it('agree on the gradients to 1e-5, whatever the backend and the path', async () => {
    const batch = sampleBatch(classifier, 16);
    const found: Float32Array[] = [];
    for (const [backend, path] of [
      ['wasm', 'fused'],
      ['wasm', 'graph'],
      ['cpu', 'graph'],
    ] as const) {
      const engine = await engineFor(classifier, backend, path);
      expect([engine.backend, engine.path]).to.deep.equal([backend, path]);
      engine.setWeights(initialWeights(classifier, 3));
      found.push((await engine.gradients(batch)).gradients);
    }
    expect(found[0]!.some((value) => value !== 0)).to.equal(true);
    expect(largest(found[0]!, found[1]!)).to.be.below(1e-5);
    expect(largest(found[0]!, found[2]!)).to.be.below(1e-5);
  });

  it('can be used in turns, each on its own', async () => {
    const made = [await engineFor(classifier, 'wasm', 'graph'), await engineFor(classifier, 'cpu')];
    for (const engine of made) engine.setWeights(initialWeights(classifier, 1));
    const batch = sampleBatch(classifier, 4);
    for (let i = 0; i < 5; i++) {
      for (const engine of made) engine.step(batch, 0.1);
      const [wasm, cpu] = await Promise.all(made.map((engine) => engine.takeLoss()));
      expect(wasm).to.be.closeTo(cpu!, 1e-5);
    }
    const [wasm, cpu] = await Promise.all(made.map((engine) => engine.getWeights()));
    expect(largest(wasm!, cpu!)).to.be.below(1e-5);
  });

  it('take the fused path on wasm whatever the layers, and TensorFlow.js where it is asked for', async () => {
    expect((await engineFor(classifier, 'wasm')).path).to.equal('fused');
    expect((await engineFor(attentive, 'wasm')).path).to.equal('fused');
    expect((await engineFor(attentive, 'wasm', 'graph')).path).to.equal('graph');
    expect((await engineFor(attentive, 'cpu')).path).to.equal('graph');
  });

  it('start once for many that ask at the same time', async () => {
    const made = await Promise.all(['cpu', 'wasm', 'auto', 'cpu'].map((name) => engineFor(classifier, name, 'graph')));
    expect(made.map(({ backend }) => backend)).to.deep.equal(['cpu', 'wasm', 'wasm', 'cpu']);
  });

  it('leave no listener for uncaught errors in the process', async () => {
    await engineFor(classifier, 'wasm', 'graph');
    const listeners = [...process.listeners('uncaughtException'), ...process.listeners('unhandledRejection')];
    expect(listeners.filter((listener) => /ExitStatus|throw reason/.test(String(listener)))).to.deep.equal([]);
  });

  it('of the fused path come without TensorFlow.js', function () {
    this.timeout(60_000);
    const file = fileURLToPath(new URL('../../../shared/engine/create-engine.ts', import.meta.url));
    const program = `
      const { createEngine } = await import(${JSON.stringify(file)});
      const importModule = () => Promise.reject(new Error('none'));
      const engine = await createEngine({ model: ${JSON.stringify(classifier)}, importModule });
      process.stdout.write([engine.path, typeof globalThis._tfengine].join(' '));
    `;
    const { stdout, stderr } = spawnSync(process.execPath, ['--import=tsx', '--input-type=module', '-e', program], {
      encoding: 'utf8',
    });
    expect(stdout, stderr).to.equal('fused undefined');
  });
});

describe('the report on the backends', () => {
  afterEach(removeTfjsNode);

  it('says which were found, how fast each is, and why others are passed over', async function () {
    this.timeout(60_000);
    let now = 0;
    const packages = importing({ '@tensorflow/tfjs-node': () => tfjsNodeStandIn() });
    // Each group of 3 steps takes 5 ms: 30 examples / 5 ms.
    const reports = await availableBackends(() => (now += 5), { importModule: packages });
    const found = { found: true, adapter: null, reason: null, examplesPerSecond: 6_000 };
    const lost = { found: false, adapter: null, path: null, examplesPerSecond: null };
    expect(reports).to.deep.equal([
      {
        ...lost,
        name: 'tfjs-node-gpu',
        reason:
          'backend tfjs-node-gpu: the package @tensorflow/tfjs-node-gpu is not installed; run npm install @tensorflow/tfjs-node-gpu',
      },
      {
        ...found,
        name: 'tfjs-node',
        path: 'graph',
        reason:
          'backend tfjs-node: it is slower than wasm for this model, 6000 against 6000 examples a second; ' +
          'it is used when it is asked for by its name',
      },
      {
        ...lost,
        name: 'webgpu',
        reason: 'backend webgpu: the package webgpu is not installed; run npm install webgpu',
      },
      { ...found, name: 'wasm', path: 'fused' },
      { ...found, name: 'cpu', path: 'graph' },
    ]);
  });
});

describe('the self-test', () => {
  it('accepts engines that are right', async () => {
    expect(await selfTest((model) => createEngine({ model, backend: 'cpu' }))).to.equal(null);
    expect(await selfTest((model) => createEngine({ model, backend: 'wasm' }))).to.equal(null);
  });

  it('refuses those that give a wrong loss, a wrong gradient, or a wrong step', async () => {
    const faultOf = (over: (right: Engine) => Partial<Engine>): Promise<string | null> =>
      selfTest(async (model) => {
        const right = await createEngine({ model, backend: 'cpu' });
        const broken = new Proxy(right, {
          get: (target, key) => {
            const value: unknown = Reflect.get(over(target), key) ?? Reflect.get(target, key, target);
            return typeof value === 'function' ? value.bind(target) : value;
          },
        });
        return broken;
      });
    const random = seeded('self-test');
    expect(await faultOf((right) => ({ step: (batch) => right.step(batch, 0.99) }))).to.match(
      /for weight .* after a step/,
    );
    expect(await faultOf(() => ({ takeLoss: async () => Number.NaN }))).to.match(/the loss NaN of a step/);
    const spoilt =
      (spoil: (gradients: Float32Array) => void) =>
      (right: Engine): Partial<Engine> => ({
        gradients: async (batch) => {
          const result = await right.gradients(batch);
          spoil(result.gradients);
          return result;
        },
      });
    expect(await faultOf(spoilt((gradients) => void (gradients[random.below(31)]! += 2e-4)))).to.match(/for gradient/);
    expect(await faultOf(spoilt((gradients) => gradients.fill(NaN)))).to.match(/NaN for gradient 0/);
    const wrongLoss = (right: Engine): Partial<Engine> => ({
      gradients: async (batch) => ({ ...(await right.gradients(batch)), loss: Number.NaN }),
    });
    expect(await faultOf(wrongLoss)).to.match(/the loss NaN, not 1\.0567695/);
  });
});

import * as tf from '@tensorflow/tfjs-core';
import { loadLayersModel } from '@tensorflow/tfjs-layers';
import { expect } from 'chai';
import { modelCard } from '../../../server/export/model-card.ts';
import { safetensorsBytes } from '../../../server/export/safetensors.ts';
import { tfjsFiles } from '../../../server/export/tfjs-files.ts';
import { startBackend } from '../../../shared/engine/backends.ts';
import { forward } from '../../../shared/engine/network.ts';
import { tasks } from '../../../shared/tasks/catalog.ts';
import { initialWeights } from '../../../shared/tasks/initial.ts';
import { modelLayout } from '../../../shared/tasks/model.ts';
import type { Task } from '../../../shared/tasks/task.ts';
import { layoutOf } from '../../../shared/weights.ts';

const base = tasks['mnist-2nn']!;
const imageTask: Task = {
  ...base,
  name: 'images',
  model: {
    input: [4, 3],
    layers: [
      { type: 'flatten' },
      { type: 'dense', units: 5, activation: 'tanh', useBias: false },
      { type: 'dense', units: 2, activation: 'sigmoid', useBias: true },
    ],
    loss: 'mean-squared-error',
  },
};

/** Loads the two files as a page would: model.json says which bytes of weights.bin are what. */
const load = (files: ReturnType<typeof tfjsFiles>) => {
  const { modelTopology, weightsManifest } = JSON.parse(files['model.json']) as {
    modelTopology: object;
    weightsManifest: { paths: string[]; weights: tf.io.WeightsManifestEntry[] }[];
  };
  expect(weightsManifest.flatMap(({ paths }) => paths)).to.deep.equal(['weights.bin']);
  const weightData = new Uint8Array(files['weights.bin']).buffer;
  return loadLayersModel(tf.io.fromMemory({ modelTopology, weightSpecs: weightsManifest[0]!.weights, weightData }));
};

describe('tfjsFiles', () => {
  before(() => startBackend('cpu', {}));

  for (const task of [base, imageTask]) {
    it(`of ${task.name} load in TensorFlow.js and predict the same`, async () => {
      const { model } = task;
      const weights = initialWeights(model, 1).map((value, i) => value + (i % 5) / 100);
      const loaded = await load(tfjsFiles(task, weights));
      const input = tf.randomUniform([3, ...model.input], -1, 1, 'float32', 7);
      const tensors = modelLayout(model).map(({ shape, offset }) => {
        const size = shape.reduce((product, side) => product * side, 1);
        return tf.tensor(weights.slice(offset, offset + size), [...shape]);
      });
      const output = forward(model, tensors, input);
      const expected = model.loss === 'mean-squared-error' ? output : tf.softmax(output);
      const predicted = loaded.predict(input) as tf.Tensor;
      expect(predicted.shape).to.deep.equal(expected.shape);
      const [a, b] = [predicted.dataSync(), expected.dataSync()];
      expect(Math.max(...a.map((value, i) => Math.abs(value - b[i]!)))).to.be.below(1e-6);
      loaded.dispose();
      tf.dispose([input, tensors, output, expected, predicted]);
    });
  }

  it('refuse weights of a wrong length', () => {
    expect(() => tfjsFiles(base, new Float32Array(3)))
      .to.throw()
      .with.property('code', 'WRONG_SHAPE');
  });
});

describe('safetensorsBytes', () => {
  /** By the description of the format: a length, a header, and tensors at the offsets that the header gives. */
  const read = (
    bytes: Uint8Array,
  ): { header: Record<string, never>; tensors: Record<string, number[]>; data: number } => {
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const length = Number(view.getBigUint64(0, true));
    const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length))) as Record<
      string,
      { dtype: string; shape: number[]; data_offsets: [number, number] }
    >;
    const tensors: Record<string, number[]> = {};
    for (const [name, { data_offsets: [from, to] = [0, 0] }] of Object.entries(header)) {
      if (name === '__metadata__') continue;
      tensors[name] = Array.from({ length: (to - from) / 4 }, (_, i) =>
        view.getFloat32(8 + length + from + 4 * i, true),
      );
    }
    return { header: header as never, tensors, data: 8 + length };
  };
  const layout = layoutOf([
    { name: 'a/kernel', shape: [2, 2] },
    { name: 'a/bias', shape: [2] },
  ]);

  it('are read back by the description of the format', () => {
    for (const note of ['', 'x', 'xy', 'ü', 'a longer note']) {
      const bytes = safetensorsBytes(layout, Float32Array.of(1, 2, 3, 4, 5, 6.5), { note });
      const { header, tensors, data } = read(bytes);
      expect(tensors).to.deep.equal({ 'a/kernel': [1, 2, 3, 4], 'a/bias': [5, 6.5] });
      expect(header).to.deep.equal({
        __metadata__: { note },
        'a/kernel': { dtype: 'F32', shape: [2, 2], data_offsets: [0, 16] },
        'a/bias': { dtype: 'F32', shape: [2], data_offsets: [16, 24] },
      });
      expect(data % 8).to.equal(0);
      expect(bytes.length).to.equal(data + 24);
    }
  });

  it('refuse weights of a wrong length', () => {
    expect(() => safetensorsBytes(layout, new Float32Array(5), {}))
      .to.throw()
      .with.property('code', 'WRONG_SHAPE');
  });
});

describe('modelCard', () => {
  const info = {
    run: 'run-1',
    task: base,
    parameters: 199_210,
    round: 5,
    strategy: 'fedavg',
    seed: 1,
    clients: 10,
    reports: 48,
    evaluation: { accuracy: 0.95, loss: 0.2, examples: 2_000 },
    weightsSha256: 'ab',
    files: ['model.json', 'weights.bin'],
  };

  it('says how the model came about, and what its privacy is', () => {
    const card = modelCard(info);
    for (const part of ['199210', '| Rounds | 5 |', '10, with 48 reports', '0.9500 on 2000 held-out']) {
      expect(card).to.include(part);
    }
    expect(card)
      .to.match(/Differential privacy: none/)
      .and.match(/the server saw the update of every single client/);
    expect(card).to.match(/Secure aggregation: off/);
  });

  it('says when nothing was measured', () => {
    expect(modelCard({ ...info, evaluation: null })).to.include('| Accuracy | not measured |');
  });
});

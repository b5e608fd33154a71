import * as tf from '@tensorflow/tfjs-core';
import { loadLayersModel } from '@tensorflow/tfjs-layers';
import { expect } from 'chai';
import { modelCard } from '../../../server/export/model-card.ts';
import { safetensorsBytes } from '../../../server/export/safetensors.ts';
import { tfjsFiles, whyNotTfjs } from '../../../server/export/tfjs-files.ts';
import { FederatedError } from '../../../shared/errors.ts';
import { tasks } from '../../../shared/tasks/catalog.ts';
import { checkModel, type ModelSpec } from '../../../shared/tasks/model.ts';
import { layoutOf } from '../../../shared/weights.ts';
import { layerCases } from '../../shared/engine/graph/layer-cases.ts';
import {
  disposeEngines,
  graphEngine,
  largest,
  someExamples,
  someWeights,
  startCpu,
} from '../../shared/engine/graph/support.ts';

const base = tasks['mnist-2nn']!;

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
  before(startCpu);
  afterEach(disposeEngines);

  const predictAlike = async (model: ModelSpec): Promise<void> => {
    const loaded = await load(tfjsFiles({ ...base, model }, someWeights(model)));
    const { xs } = someExamples(model, 3);
    const input = tf.tensor(xs, [3, ...model.input]);
    const predicted = loaded.predict(input) as tf.Tensor;
    expect(largest(await graphEngine(model).predict(xs, 3), predicted.dataSync())).to.be.below(1e-6);
    loaded.dispose();
    tf.dispose([input, predicted]);
  };

  for (const { name, model, keras } of layerCases) {
    if (keras !== undefined) {
      it(`load in TensorFlow.js and predict the same: ${name}`, () => predictAlike(model));
      continue;
    }
    it(`are refused with the name of the layer and the other format: ${name}`, () => {
      const [{ type }] = model.layers as [ModelSpec['layers'][number]];
      expect(() => tfjsFiles({ ...base, model }, someWeights(model)))
        .to.throw(FederatedError, new RegExp(`layer 1-${type} .* safetensors`))
        .with.property('code', 'BAD_MODEL');
      expect(whyNotTfjs(model)).to.match(new RegExp(`^layer 1-${type} `));
    });
  }

  it('load and predict the same after softmax or sigmoid, which the loss computes from logits', async () => {
    await predictAlike(
      checkModel({
        input: [4, 3],
        layers: [{ type: 'flatten' }, { type: 'dense', units: 3, activation: 'softmax' }],
        loss: 'sparse-categorical-crossentropy',
      }),
    );
    await predictAlike(
      checkModel({
        input: [4, 4, 1],
        layers: [
          { type: 'conv2d', filters: 2, kernelSize: 3 },
          { type: 'activation', activation: 'sigmoid' },
        ],
        loss: 'binary-crossentropy',
      }),
    );
    expect(whyNotTfjs(base.model)).to.equal(null);
  });

  it('load and predict the same where what is flat is flattened', async () => {
    const layers = [{ type: 'flatten' }, { type: 'dense', units: 2 }, { type: 'flatten' }, { type: 'dense', units: 1 }];
    await predictAlike(checkModel({ input: [3], layers, loss: 'huber' }));
  });

  it('say what they hold', () => {
    const { 'model.json': text, 'weights.bin': bytes } = tfjsFiles(base, new Float32Array(199_210));
    const { format, userDefinedMetadata } = JSON.parse(text) as Record<string, unknown>;
    expect(format).to.equal('layers-model');
    expect(userDefinedMetadata).to.deep.include({ task: 'mnist-2nn', features: [784] });
    expect(bytes.length).to.equal(4 * 199_210);
  });

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
    secureRounds: 0,
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
    expect(modelCard({ ...info, secureRounds: 5 }))
      .to.match(/Secure aggregation: on\./)
      .and.match(/no single update/);
    expect(modelCard({ ...info, secureRounds: 3 }))
      .to.match(/on in 3 of 5 rounds/)
      .and.match(/in 2 of 5 rounds the server saw/);
  });

  it('says when nothing was measured', () => {
    expect(modelCard({ ...info, evaluation: null })).to.include('| Accuracy | not measured |');
  });
});

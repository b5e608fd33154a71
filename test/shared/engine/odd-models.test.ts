import { expect } from 'chai';
import { createEngine } from '../../../shared/engine/create-engine.ts';
import type { Engine } from '../../../shared/engine/engine.ts';
import type { EnginePath } from '../../../shared/engine/open-engine.ts';
import { initialWeights } from '../../../shared/tasks/initial.ts';
import { checkModel, type ModelInput } from '../../../shared/tasks/model.ts';
import { expectGradients } from '../../contracts/engine-gradients.ts';
import { refuses } from '../../contracts/store.ts';
import { modelCase } from '../../helpers/reference/case.ts';
import { referencePredict } from '../../helpers/reference/network.ts';

/** Models at the edges of what their layers take, on both paths of the wasm backend. */

const open = async <T>(model: ModelInput, path: EnginePath, use: (engine: Engine) => Promise<T>): Promise<T> => {
  const engine = await createEngine({ model: checkModel(model), backend: 'wasm', path });
  try {
    return await use(engine);
  } finally {
    engine.dispose();
  }
};

for (const path of ['fused', 'graph'] as const) {
  describe(`odd models on the ${path} path`, () => {
    it('have nothing to learn from a single class', async () => {
      const model: ModelInput = {
        input: [2],
        layers: [{ type: 'dense', units: 1, activation: 'softmax' }],
        loss: 'sparse-categorical-crossentropy',
      };
      await open(model, path, async (engine) => {
        engine.setWeights(Float32Array.of(1, -2, 3));
        const batch = { xs: Float32Array.of(1, 2, 3, 4), ys: Int32Array.of(0, 0), count: 2 };
        const { loss, gradients } = await engine.gradients(batch);
        expect(loss).to.equal(0); // -log 1
        expect([...gradients].map(Math.abs)).to.deep.equal([0, 0, 0]);
        expect(await engine.evaluate(batch)).to.deep.equal({ loss: 0, accuracy: 1 });
      });
    });

    const strides: [kernelSize: [number, number], strides: [number, number]][] = [
      [[4, 1], [3, 3]],
      [[1, 6], [2, 2]],
      [[2, 3], [3, 3]],
      [[1, 1], [3, 2]],
      [[3, 3], [1, 4]],
    ]; // prettier-ignore
    for (const [kernelSize, step] of strides) {
      it(`move depthwise windows of ${kernelSize.join(' by ')} by ${step.join(' and ')}, padded`, async () => {
        const one = modelCase(
          {
            input: [7, 5, 3],
            layers: [
              { type: 'depthwiseConv2d', kernelSize, strides: step, padding: 'same', depthMultiplier: 2 },
              { type: 'dense', units: 2 },
            ],
            loss: 'mean-squared-error',
          },
          3,
        );
        await open(one.model, path, async (engine) => {
          engine.setWeights(one.weights);
          const { xs, count } = one.batch;
          const expected = referencePredict(one.model, Float64Array.from(one.weights), one.batch).data;
          const found = await engine.predict(xs, count);
          for (const [i, value] of expected.entries()) expect(found[i], `output ${i}`).to.be.closeTo(value, 1e-5);
          await expectGradients(engine, one, 100, 1e-4);
        });
      });
    }
  });
}

describe('the fused path at its limits', () => {
  for (const type of ['maxPooling2d', 'averagePooling2d'] as const) {
    it(`comes to an end with ${type} windows far larger than their image`, async () => {
      const one = modelCase(
        {
          input: [9, 7, 2],
          layers: [
            { type: 'dense', units: 3 },
            { type, poolSize: [1_000_000, 900_000], strides: 1, padding: 'same' },
            { type: 'flatten' },
            { type: 'dense', units: 1 },
          ],
          loss: 'mean-squared-error',
        },
        1,
      );
      // Every window has the whole image in it, as one has that is just large enough.
      const small = checkModel({
        ...one.model,
        layers: one.model.layers.map((layer) => ('poolSize' in layer ? { ...layer, poolSize: [17, 13] } : layer)),
      } as ModelInput);
      const [found, expected] = await Promise.all(
        [one.model, small].map((model) =>
          open(model, 'fused', async (engine) => {
            engine.setWeights(one.weights);
            return engine.gradients(one.batch);
          }),
        ),
      );
      expect(found).to.deep.equal(expected);
    });
  }

  it('goes on with smaller batches after one that memory cannot hold', async () => {
    const model = checkModel({
      input: [1],
      layers: [
        { type: 'dense', units: 500_000 },
        { type: 'dense', units: 1 },
      ],
      loss: 'mean-squared-error',
    });
    const examples = (count: number) => ({ xs: new Float32Array(count), ys: new Float32Array(count), count });
    await open(model, 'fused', async (engine) => {
      engine.setWeights(initialWeights(model, 1));
      const step = async (count: number): Promise<void> => engine.step(examples(count), 0.1);
      await refuses(step(3_000), 'BAD_MODEL'); // 3000 * 500,000 * 4 bytes: 6 GB
      await step(2);
      expect(await engine.takeLoss()).to.equal(0);
      await refuses(engine.gradients(examples(3_000)), 'BAD_MODEL');
      expect((await engine.gradients(examples(2))).loss).to.equal(0);
    });
  });
});

describe('a backend that fails', () => {
  it('says so as an error of ours, and goes on', async () => {
    const model: ModelInput = {
      input: [28, 28, 1],
      layers: [
        { type: 'maxPooling2d', poolSize: 1_000_000, strides: 1, padding: 'same' },
        { type: 'flatten' },
        { type: 'dense', units: 1 },
      ],
      loss: 'mean-squared-error',
    };
    const batch = { xs: new Float32Array(784), ys: new Float32Array(1), count: 1 };
    const small: ModelInput = { input: [784], layers: [{ type: 'dense', units: 1 }], loss: 'mean-squared-error' };
    await open(model, 'graph', async (engine) => {
      await refuses(
        Promise.resolve().then(() => engine.step(batch, 0.1)),
        'TRAINING_FAILED',
      );
      await refuses(engine.evaluate(batch), 'TRAINING_FAILED');
    });
    await open(small, 'graph', async (engine) => {
      engine.step(batch, 0.1);
      expect(await engine.takeLoss()).to.equal(0);
    });
  });
});

import { expect } from 'chai';
import fc from 'fast-check';
import * as v from 'valibot';
import { FederatedError } from '../../../shared/errors.ts';
import { layerSchema, outlineLayer, transposedWindowOf, windowOf } from '../../../shared/tasks/layers.ts';

const outline = (layer: object, input: number[]): { weights: Record<string, number[]>; output: readonly number[] } => {
  const { weights, output } = outlineLayer(v.parse(layerSchema, layer), 'x', input);
  return { weights: Object.fromEntries(weights.map(({ name, shape }) => [name.slice(2), [...shape]])), output };
};

describe('windowOf', () => {
  // TensorFlow's guide of tf.nn, "Notes on padding": valid ceil((n - k + 1) / s); same ceil(n / s), the odd zero behind.
  it('is TensorFlow’s rule', () => {
    expect(windowOf(13, 6, 5, 'valid')).to.deep.equal({ output: 2, before: 0 });
    expect(windowOf(13, 6, 5, 'same')).to.deep.equal({ output: 3, before: 1 }); // 3 zeros: 1 before, 2 behind
    expect(windowOf(28, 5, 1, 'same')).to.deep.equal({ output: 28, before: 2 });
    expect(windowOf(28, 2, 2, 'same')).to.deep.equal({ output: 14, before: 0 });
    expect(windowOf(2, 3, 1, 'valid').output).to.be.lessThan(1);
  });

  it('undoes itself in a transposed convolution, whichever lengths it maps to one', () => {
    const side = fc.integer({ min: 1, max: 40 });
    const mode = fc.constantFrom<('valid' | 'same')[]>('valid', 'same');
    fc.assert(
      fc.property(
        side,
        fc.integer({ min: 1, max: 7 }),
        fc.integer({ min: 1, max: 5 }),
        mode,
        (n, kernel, stride, how) => {
          const made = transposedWindowOf(n, kernel, stride, how);
          expect(windowOf(made.output, kernel, stride, how)).to.deep.equal({ output: n, before: made.before });
        },
      ),
    );
  });
});

describe('outlineLayer', () => {
  /** Shapes as Keras gives them in model.summary(). */
  const cases: [object, number[], Record<string, number[]>, number[]][] = [
    [{ type: 'dense', units: 5 }, [3], { kernel: [3, 5], bias: [5] }, [5]],
    [{ type: 'dense', units: 5, useBias: false }, [7, 3], { kernel: [3, 5] }, [7, 5]],
    [{ type: 'conv1d', filters: 4, kernelSize: 3 }, [10, 2], { kernel: [3, 2, 4], bias: [4] }, [8, 4]],
    [{ type: 'conv1d', filters: 4, kernelSize: 3, strides: 2, padding: 'same' }, [9, 2], { kernel: [3, 2, 4], bias: [4] }, [5, 4]],
    [{ type: 'conv2d', filters: 4, kernelSize: [3, 2] }, [8, 8, 1], { kernel: [3, 2, 1, 4], bias: [4] }, [6, 7, 4]],
    [{ type: 'conv2dTranspose', filters: 4, kernelSize: 3, strides: 2 }, [5, 5, 2], { kernel: [3, 3, 4, 2], bias: [4] }, [11, 11, 4]],
    [{ type: 'conv2dTranspose', filters: 4, kernelSize: 3, strides: 2, padding: 'same' }, [5, 5, 2], { kernel: [3, 3, 4, 2], bias: [4] }, [10, 10, 4]],
    [{ type: 'depthwiseConv2d', kernelSize: 3, depthMultiplier: 2 }, [5, 5, 3], { kernel: [3, 3, 3, 2], bias: [6] }, [3, 3, 6]],
    [{ type: 'maxPooling1d' }, [9, 2], {}, [4, 2]],
    [{ type: 'averagePooling1d', poolSize: 3, strides: 1, padding: 'same' }, [9, 2], {}, [9, 2]],
    [{ type: 'maxPooling2d', poolSize: 2 }, [7, 8, 2], {}, [3, 4, 2]],
    [{ type: 'averagePooling2d', poolSize: [2, 1] }, [7, 8, 2], {}, [3, 8, 2]],
    [{ type: 'globalMaxPooling1d' }, [9, 2], {}, [2]],
    [{ type: 'globalAveragePooling2d' }, [9, 4, 2], {}, [2]],
    [{ type: 'upSampling2d', size: [2, 3] }, [4, 4, 2], {}, [8, 12, 2]],
    [{ type: 'flatten' }, [4, 4, 2], {}, [32]],
    [{ type: 'reshape', targetShape: [2, 16] }, [4, 4, 2], {}, [2, 16]],
    [{ type: 'activation', activation: 'relu' }, [4, 2], {}, [4, 2]],
    [{ type: 'dropout', rate: 0.5 }, [4, 2], {}, [4, 2]],
    [{ type: 'batchNormalization' }, [4, 2], { gamma: [2], beta: [2], 'moving-mean': [2], 'moving-variance': [2] }, [4, 2]],
    [{ type: 'layerNormalization' }, [4, 2], { gamma: [2], beta: [2] }, [4, 2]],
    [{ type: 'embedding', inputDim: 90, outputDim: 8 }, [80], { embeddings: [90, 8] }, [80, 8]],
    [{ type: 'positionEmbedding' }, [80, 8], { embeddings: [80, 8] }, [80, 8]],
    [{ type: 'lstm', units: 6 }, [9, 2], { kernel: [2, 24], 'recurrent-kernel': [6, 24], bias: [24] }, [6]],
    [{ type: 'gru', units: 6, returnSequences: true }, [9, 2], { kernel: [2, 18], 'recurrent-kernel': [6, 18], bias: [18] }, [9, 6]],
    [{ type: 'residual', layers: [{ type: 'dense', units: 2 }] }, [9, 2], { '1-dense/kernel': [2, 2], '1-dense/bias': [2] }, [9, 2]],
  ]; // prettier-ignore
  for (const [layer, input, weights, output] of cases) {
    it(`gives ${JSON.stringify(layer)} on [${input.join(', ')}] its weights and output`, () =>
      expect(outline(layer, input)).to.deep.equal({ weights, output }));
  }

  it('gives attention four square kernels', () => {
    const { weights, output } = outline({ type: 'selfAttention', heads: 2 }, [5, 6]);
    const parts = ['query', 'key', 'value', 'output'];
    expect(weights).to.deep.equal(
      Object.fromEntries(parts.flatMap((part) => [[`${part}-kernel`, [6, 6]], [`${part}-bias`, [6]]])),
    ); // prettier-ignore
    expect(output).to.deep.equal([5, 6]);
  });

  const wrong: [object, number[], RegExp][] = [
    [{ type: 'conv2d', filters: 1, kernelSize: 3 }, [28, 28], /layer x: needs input \[height, width, channels\], got \[28, 28\]/],
    [{ type: 'conv2d', filters: 1, kernelSize: 3 }, [2, 9, 1], /window of 3 is larger than the input/],
    [{ type: 'maxPooling1d', poolSize: 4 }, [3, 1], /window of 4 is larger than the input/],
    [{ type: 'lstm', units: 3 }, [8], /needs input \[length, channels\]/],
    [{ type: 'embedding', inputDim: 3, outputDim: 2 }, [8, 2], /needs input \[length\]/],
    [{ type: 'reshape', targetShape: [5] }, [2, 3], /cannot become \[5\]/],
    [{ type: 'selfAttention', heads: 4 }, [5, 6], /4 heads can share evenly/],
    [{ type: 'residual', layers: [{ type: 'dense', units: 3 }] }, [9, 2], /cannot be added to their input/],
  ]; // prettier-ignore
  for (const [layer, input, message] of wrong) {
    it(`refuses ${JSON.stringify(layer)} on [${input.join(', ')}]`, () =>
      expect(() => outline(layer, input))
        .to.throw(FederatedError, message)
        .with.property('code', 'BAD_MODEL'));
  }
});

import { FederatedError } from '../../shared/errors.ts';
import { modelLayout, type LayerSpec } from '../../shared/tasks/model.ts';
import type { Task } from '../../shared/tasks/task.ts';
import { version } from '../../shared/version.ts';
import { floatBytes, layoutSize } from '../../shared/weights.ts';

/**
 * A model as the two files that `tf.loadLayersModel` reads, in a page or in Node: the layers as Keras describes them, and
 * the weights in order of the layout. Needs no TensorFlow.js to write.
 * @param weights - length d
 * @throws FederatedError WRONG_SHAPE
 */
export function tfjsFiles(task: Task, weights: Float32Array): { 'model.json': string; 'weights.bin': Uint8Array } {
  const { model, name, data } = task;
  const layout = modelLayout(model);
  if (weights.length !== layoutSize(layout)) {
    throw new FederatedError('WRONG_SHAPE', `weights: expected ${layoutSize(layout)} values, got ${weights.length}`);
  }
  const layers = model.layers.map((layer, index) => kerasLayer(layer, `${index + 1}-${layer.type}`));
  Object.assign(layers[0]!.config, { batch_input_shape: [null, ...model.input], dtype: 'float32' });
  const json = {
    format: 'layers-model',
    generatedBy: `fedloom ${version}`,
    convertedBy: null,
    modelTopology: {
      class_name: 'Sequential',
      config: { name, layers },
      keras_version: 'tfjs-layers 4.22.0',
      backend: 'tensor_flow.js',
    },
    weightsManifest: [
      {
        paths: ['weights.bin'],
        weights: layout.map(({ name: weight, shape }) => ({ name: weight, shape, dtype: 'float32' })),
      },
    ],
    userDefinedMetadata: { task: name, features: data.features, labels: data.labels },
  };
  return { 'model.json': `${JSON.stringify(json, null, 1)}\n`, 'weights.bin': floatBytes(weights) };
}

interface KerasLayer {
  readonly class_name: string;
  readonly config: Record<string, unknown>;
}

function kerasLayer(layer: LayerSpec, name: string): KerasLayer {
  switch (layer.type) {
    case 'dense': {
      const { units, activation, useBias } = layer;
      return { class_name: 'Dense', config: { name, trainable: true, units, activation, use_bias: useBias } };
    }
    case 'flatten':
      return { class_name: 'Flatten', config: { name, trainable: true } };
    default:
      return layer satisfies never;
  }
}

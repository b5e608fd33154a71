import { FederatedError } from '../../shared/errors.ts';
import { outlineLayer, type LayerOf, type LayerSpec } from '../../shared/tasks/layers.ts';
import { modelLayout, type ModelSpec } from '../../shared/tasks/model.ts';
import type { Task } from '../../shared/tasks/task.ts';
import { version } from '../../shared/version.ts';
import { floatBytes, layoutSize } from '../../shared/weights.ts';

/**
 * A model as the two files that `tf.loadLayersModel` reads, in a page or in Node: the layers as Keras describes them, and
 * the weights in order of the layout. Needs no TensorFlow.js to write.
 * @param weights - length d
 * @throws FederatedError WRONG_SHAPE; BAD_MODEL for a layer that TensorFlow.js does not have
 */
export function tfjsFiles(task: Task, weights: Float32Array): { 'model.json': string; 'weights.bin': Uint8Array } {
  const { model, name, data } = task;
  const layout = modelLayout(model);
  if (weights.length !== layoutSize(layout)) {
    throw new FederatedError('WRONG_SHAPE', `weights: expected ${layoutSize(layout)} values, got ${weights.length}`);
  }
  const reason = whyNotTfjs(model);
  if (reason !== null) throw new FederatedError('BAD_MODEL', `export: ${reason}`);
  let shape = model.input;
  const layers = model.layers.flatMap((layer, index) => {
    const keras = kerasLayer(asKeras(layer, shape), `${index + 1}-${layer.type}`);
    shape = [...outlineLayer(layer, '', shape).output];
    return keras ?? [];
  });
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
        weights: layout.map(({ name: weight, shape }) => ({ name: kerasWeight(weight), shape, dtype: 'float32' })),
      },
    ],
    userDefinedMetadata: { task: name, features: data.features, labels: data.labels },
  };
  return { 'model.json': `${JSON.stringify(json, null, 1)}\n`, 'weights.bin': floatBytes(weights) };
}

/** TensorFlow.js flattens nothing that is flat already. @param shape - of the layer's input */
const asKeras = (layer: LayerSpec, shape: readonly number[]): LayerSpec =>
  layer.type === 'flatten' && shape.length === 1 ? { type: 'reshape', targetShape: [...shape] } : layer;

interface KerasLayer {
  readonly class_name: string;
  readonly config: Record<string, unknown>;
}

/** Why a model cannot be written for TensorFlow.js, or null. */
export function whyNotTfjs({ layers }: ModelSpec): string | null {
  const index = layers.findIndex((layer) => kerasLayer(layer, '') === null);
  if (index < 0) return null;
  return `layer ${index + 1}-${layers[index]!.type} has no counterpart in TensorFlow.js; export as safetensors instead`;
}

/** A layer as Keras describes it; null where it has none like it. */
function kerasLayer(layer: LayerSpec, name: string): KerasLayer | null {
  const keras = (className: string, config: Record<string, unknown> = {}): KerasLayer => ({
    class_name: className,
    config: { name, trainable: true, ...config },
  });
  const filtering = (of: LayerOf<'conv1d' | 'conv2d' | 'conv2dTranspose' | 'depthwiseConv2d'>) => ({
    kernel_size: of.kernelSize,
    strides: of.strides,
    padding: of.padding,
    activation: of.activation,
    use_bias: of.useBias,
  });
  const pooling = (of: LayerOf<'maxPooling1d' | 'averagePooling1d' | 'maxPooling2d' | 'averagePooling2d'>) => ({
    pool_size: of.poolSize,
    strides: of.strides ?? of.poolSize,
    padding: of.padding,
  });
  const recurrent = ({ units, returnSequences }: LayerOf<'lstm' | 'gru'>) => ({
    units,
    activation: 'tanh',
    recurrent_activation: 'sigmoid', // TensorFlow.js would take hardSigmoid
    // Its default computes an orthogonal matrix of random numbers only to throw it away, which takes seconds.
    recurrent_initializer: { class_name: 'Zeros', config: {} },
    return_sequences: returnSequences,
  });
  switch (layer.type) {
    case 'dense':
      return keras('Dense', { units: layer.units, activation: layer.activation, use_bias: layer.useBias });
    case 'conv1d':
      return keras('Conv1D', { filters: layer.filters, ...filtering(layer) });
    case 'conv2d':
      return keras('Conv2D', { filters: layer.filters, ...filtering(layer) });
    case 'conv2dTranspose':
      return keras('Conv2DTranspose', { filters: layer.filters, ...filtering(layer) });
    case 'depthwiseConv2d':
      return keras('DepthwiseConv2D', { depth_multiplier: layer.depthMultiplier, ...filtering(layer) });
    case 'maxPooling1d':
      return keras('MaxPooling1D', pooling(layer));
    case 'averagePooling1d':
      return keras('AveragePooling1D', pooling(layer));
    case 'maxPooling2d':
      return keras('MaxPooling2D', pooling(layer));
    case 'averagePooling2d':
      return keras('AveragePooling2D', pooling(layer));
    case 'globalMaxPooling1d':
      return keras('GlobalMaxPooling1D');
    case 'globalAveragePooling1d':
      return keras('GlobalAveragePooling1D');
    case 'globalMaxPooling2d':
      return keras('GlobalMaxPooling2D');
    case 'globalAveragePooling2d':
      return keras('GlobalAveragePooling2D');
    case 'upSampling2d':
      return keras('UpSampling2D', { size: layer.size });
    case 'flatten':
      return keras('Flatten');
    case 'reshape':
      return keras('Reshape', { target_shape: layer.targetShape });
    case 'activation':
      return keras('Activation', { activation: layer.activation });
    case 'dropout':
      return keras('Dropout', { rate: layer.rate });
    case 'batchNormalization':
      return keras('BatchNormalization', { momentum: layer.momentum, epsilon: layer.epsilon });
    case 'layerNormalization':
      return keras('LayerNormalization', { epsilon: layer.epsilon });
    case 'embedding':
      return keras('Embedding', { input_dim: layer.inputDim, output_dim: layer.outputDim });
    case 'lstm':
      return keras('LSTM', recurrent(layer));
    case 'gru':
      return keras('GRU', recurrent(layer));
    case 'positionEmbedding':
    case 'selfAttention':
    case 'residual':
      return null;
    default:
      return layer satisfies never;
  }
}

/** A weight of our layout by the name under which TensorFlow.js looks for it: `2-depthwiseConv2d/depthwise_kernel`. */
function kerasWeight(name: string): string {
  const [layer, weight] = name.split('/') as [string, string];
  const isDepthwise = layer.endsWith('-depthwiseConv2d') && weight === 'kernel';
  return `${layer}/${isDepthwise ? 'depthwise_kernel' : weight.replaceAll('-', '_')}`;
}

import type { LayerSpec, WeightSpec } from '../../tasks/layers.ts';
import { losses, type ModelSpec } from '../../tasks/model.ts';
import { activationKinds } from '../kernels/activations.ts';
import { conv1dStage, conv2dStage } from './convolution/stage.ts';
import { denseStage } from './dense.ts';
import { depthwiseConv2dStage } from './depthwise.ts';
import { embeddingStage } from './embedding.ts';
import { batchNormalizationStage, layerNormalizationStage } from './normalisation.ts';
import { activationStage, dropoutStage, sameStage } from './plain-stages.ts';
import { globalPoolStage, pool1dStage, pool2dStage } from './pooling.ts';
import { gruStage, lstmStage } from './recurrent.ts';
import type { Place, Stage } from './stage.ts';

/** Which layers the fused path knows, and how each becomes a stage. */
type Builders = {
  readonly [Type in LayerSpec['type']]?: (layer: Extract<LayerSpec, { type: Type }>, place: Place) => Stage;
};

const builders: Builders = {
  dense: denseStage,
  conv1d: conv1dStage,
  conv2d: conv2dStage,
  flatten: (_, place) => sameStage(place),
  reshape: (_, place) => sameStage(place),
  activation: ({ activation }, place) => activationStage(activation, place),
  dropout: dropoutStage,
  embedding: embeddingStage,
  lstm: lstmStage,
  gru: gruStage,
  batchNormalization: batchNormalizationStage,
  layerNormalization: layerNormalizationStage,
  maxPooling1d: pool1dStage,
  maxPooling2d: pool2dStage,
  averagePooling1d: pool1dStage,
  averagePooling2d: pool2dStage,
  globalMaxPooling1d: globalPoolStage,
  globalMaxPooling2d: globalPoolStage,
  globalAveragePooling1d: globalPoolStage,
  globalAveragePooling2d: globalPoolStage,
  depthwiseConv2d: depthwiseConv2dStage,
};

export const buildStage = (layer: LayerSpec, place: Place): Stage =>
  (builders[layer.type] as (layer: LayerSpec, place: Place) => Stage)(layer, place);

/** Why a model cannot take the fused path, or null when it can. */
export function whyNotFused(model: ModelSpec): string | null {
  for (const [index, layer] of model.layers.entries()) {
    if (builders[layer.type] === undefined) return `layer ${index + 1}, ${layer.type}, has no fused form`;
    const isEnd = index === model.layers.length - 1 && losses[model.loss].end !== null;
    if ('activation' in layer && !isEnd && activationKinds[layer.activation] === undefined) {
      return `the activation ${layer.activation} of layer ${index + 1} has no fused form`;
    }
  }
  return null;
}

/** Whether a gradient moves a weight. */
export const isTrained = ({ role }: { readonly role: WeightSpec['role'] }): boolean => role !== 'statistic';

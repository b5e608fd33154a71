import type { LayerSpec, WeightSpec } from '../../tasks/layers.ts';
import { selfAttentionStage } from './attention.ts';
import { conv1dStage, conv2dStage, conv2dTransposeStage } from './convolution/stage.ts';
import { denseStage } from './dense.ts';
import { depthwiseConv2dStage } from './depthwise.ts';
import { embeddingStage, positionEmbeddingStage } from './embedding.ts';
import { batchNormalizationStage, layerNormalizationStage } from './normalisation.ts';
import { activationStage, dropoutStage, sameStage } from './plain-stages.ts';
import { globalPoolStage, pool1dStage, pool2dStage } from './pooling.ts';
import { gruStage, lstmStage } from './recurrent.ts';
import { residualStage } from './residual.ts';
import type { Place, Stage } from './stage.ts';
import { upSampling2dStage } from './upsampling.ts';

/** How each layer becomes a stage. */
type Builders = {
  readonly [Type in LayerSpec['type']]: (layer: Extract<LayerSpec, { type: Type }>, place: Place) => Stage;
};

const builders: Builders = {
  dense: denseStage,
  conv1d: conv1dStage,
  conv2d: conv2dStage,
  conv2dTranspose: conv2dTransposeStage,
  flatten: (_, place) => sameStage(place),
  reshape: (_, place) => sameStage(place),
  activation: ({ activation }, place) => activationStage(activation, place),
  dropout: dropoutStage,
  embedding: embeddingStage,
  positionEmbedding: (_, place) => positionEmbeddingStage(place),
  selfAttention: selfAttentionStage,
  upSampling2d: upSampling2dStage,
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
  residual: residualStage,
};

export const buildStage = (layer: LayerSpec, place: Place): Stage =>
  (builders[layer.type] as (layer: LayerSpec, place: Place) => Stage)(layer, place);

/** Whether a gradient moves a weight. */
export const isTrained = ({ role }: { readonly role: WeightSpec['role'] }): boolean => role !== 'statistic';

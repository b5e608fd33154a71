import * as tf from '@tensorflow/tfjs-core';
import { createEngine } from '../../../../shared/engine/create-engine.ts';
import type { Engine } from '../../../../shared/engine/engine.ts';
import type { ModelSpec } from '../../../../shared/tasks/model.ts';
import { describeEngine } from '../../../contracts/engine.ts';
import { describeGradients } from '../../../contracts/engine-gradients.ts';
import { partOf } from '../../../contracts/engine-training.ts';
import { referenceModels } from '../../../helpers/reference/models.ts';

const make = (model: ModelSpec): Promise<Engine> => createEngine({ model, backend: 'cpu', path: 'graph' });

/** The only model that samples up, whose gradient this backend gets wrong for all examples but the first. */
const upSampling = 'convolutional autoencoder';
const one = referenceModels[upSampling]!;

describeEngine('the graph engine on cpu', make, referenceModels, {
  countTensors: () => tf.memory().numTensors,
  wrongGradients: { [upSampling]: 'TensorFlow.js 4.22: resizeNearestNeighbor of two examples or more' },
});
describeGradients(
  'the graph engine on cpu',
  make,
  { [`${upSampling}, one example`]: { ...one, batch: partOf(one.model, one.batch, 0, 1) } },
  { weightsToLookAt: 1000 },
);

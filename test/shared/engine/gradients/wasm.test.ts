import * as tf from '@tensorflow/tfjs-core';
import { createEngine } from '../../../../shared/engine/create-engine.ts';
import type { Engine } from '../../../../shared/engine/engine.ts';
import type { ModelSpec } from '../../../../shared/tasks/model.ts';
import { describeEngine } from '../../../contracts/engine.ts';
import { describeGradients } from '../../../contracts/engine-gradients.ts';
import { catalogModels } from '../../../helpers/reference/catalog-models.ts';
import { referenceModels } from '../../../helpers/reference/models.ts';

const make = (model: ModelSpec): Promise<Engine> => createEngine({ model, backend: 'wasm', path: 'graph' });

describeEngine('the graph engine on wasm', make, referenceModels, { countTensors: () => tf.memory().numTensors });
describeGradients('the graph engine on wasm', make, catalogModels);

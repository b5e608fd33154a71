/** `fedloom/engine`: training on TensorFlow.js. */
export type { Engine, Examples, Measured } from './engine.ts';
export { availableBackends, createEngine, type BackendReport, type EngineOptions } from './create-engine.ts';
export { backendNames, type BackendName, type BackendOptions } from './backends.ts';
export { checkExamples } from './examples.ts';
export { trainLocally, type LocalUpdate, type TrainLocallyOptions } from './training.ts';

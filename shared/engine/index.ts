/** `fedloom/engine`: training in every runtime. */
export { plainSgd, type Engine, type Examples, type Measured, type UpdateRule } from './engine.ts';
export { createEngine, type EngineOptions } from './create-engine.ts';
export { availableBackends, type BackendReport } from './available-backends.ts';
export { backendNames, type BackendName } from './backends/names.ts';
export type { BackendOptions } from './backends/start.ts';
export type { ImportModule } from './backends/import-module.ts';
export type { EnginePath } from './open-engine.ts';
export { checkExamples } from './examples.ts';
export { trainLocally, type LocalUpdate, type TrainLocallyOptions } from './training.ts';

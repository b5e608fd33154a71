/** `fedloom`: the types, errors and weights that server, client and simulations share. */
export { FederatedError, errorCodes, type ErrorCode } from './errors.ts';
export { clientId, runId, sha256Id, type ClientId, type RunId, type Sha256 } from './ids.ts';
export * from './states.ts';
export { layoutOf, layoutSize, sizeOf, floatBytes, bytesFloats, type Layout, type LayoutEntry } from './weights.ts';
export { checkTask, encodeTask, decodeTask, type Task, type DataContract, type TrainingPlan } from './tasks/task.ts';
export { checkModel, modelLayout, outputShape, type ModelInput, type ModelSpec } from './tasks/model.ts';
export { initialWeights } from './tasks/initial.ts';
export { taskByName, tasks } from './tasks/catalog.ts';
export type { LayerSpec } from './tasks/layers.ts';
export type { OptimizerSpec, ScheduleSpec } from './tasks/optimizer.ts';
export { findBreak, type RoundRecord } from './round-log.ts';
export { version } from './version.ts';

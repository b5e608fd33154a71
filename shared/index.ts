/** `fedloom`: the types, errors and weights that server, client and simulations share. */
export { FederatedError, errorCodes, type ErrorCode } from './errors.ts';
export { clientId, runId, sha256Id, type ClientId, type RunId, type Sha256 } from './ids.ts';
export * from './states.ts';
export { layoutOf, layoutSize, sizeOf, floatBytes, bytesFloats, type Layout, type LayoutEntry } from './weights.ts';
export { checkTask, encodeTask, decodeTask, type Task, type DataContract, type TrainingPlan } from './tasks/task.ts';
export { modelLayout, type ModelSpec, type LayerSpec } from './tasks/model.ts';
export { findBreak, type RoundRecord } from './round-log.ts';
export { version } from './version.ts';

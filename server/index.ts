/** `fedloom/server`: the aggregation server. */
export { createServer, type FederatedServer, type ServerOptions } from './server.ts';
export type { RunConfig, RunConfigInput } from './config.ts';
export type { ClientView, CurrentRound, Operations, RunView, ServerEvent, ServerInfo } from './operations.ts';
export type { Strategy, UpdateSum } from './strategies/strategy.ts';
export { fedAvg } from './strategies/fedavg.ts';
export type { Clock, Log, StepName } from './host.ts';

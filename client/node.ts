import { FederatedClient, type FederatedClientOptions } from './federated-client.ts';
import { nodePlatform, type NodePlatformOptions } from './node/platform.ts';

/** `fedloom/client` in Node: the client with WebSockets by `ws`, keys in a folder, and training in a worker thread. */

export interface NodeClientOptions extends FederatedClientOptions, NodePlatformOptions {}

/** A participant in a federation, in Node. */
class NodeFederatedClient extends FederatedClient {
  /** @throws FederatedError BAD_LINK */
  constructor(options: NodeClientOptions) {
    super(options, nodePlatform(options));
  }
}

export { NodeFederatedClient as FederatedClient };
export type { FederatedClientOptions, ProblemDetail, StateDetail } from './federated-client.ts';
export type { SecureDemands } from './secure-rounds.ts';
export type { GlobalModel } from './model-cache.ts';
export type { RoundOutcome } from './session/types.ts';
export type { Trainer, TrainRequest, TrainResult } from './trainer.ts';
export type { TrainingModule } from './module-trainer.ts';
export type { Conditions } from './conditions.ts';
export type { ClientData } from './data.ts';

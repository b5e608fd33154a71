import { PageClient, type BrowserClientOptions } from './browser/page-client.ts';

/** `fedloom/client` in a page: a thin object; socket, keys and training are in a module worker. */

/** A participant in a federation, in a browser. */
class BrowserFederatedClient extends PageClient {
  /** @throws FederatedError BAD_LINK, BAD_ARGUMENT */
  constructor(options: BrowserClientOptions) {
    const { workerUrl } = options;
    super(options, {
      // Bundlers know the worker by these very words.
      startWorker: () =>
        workerUrl === undefined
          ? new Worker(new URL('./browser-worker.js', import.meta.url), { type: 'module' })
          : new Worker(workerUrl, { type: 'module' }),
      load: () => import('./browser-worker.ts'),
    });
  }
}

export { BrowserFederatedClient as FederatedClient };
export type { BrowserClientOptions } from './browser/page-client.ts';
export type { FederatedClientOptions, ProblemDetail, StateDetail } from './client-options.ts';
export type { ConsentRecord } from './consent.ts';
export type { SecureDemands } from './secure-rounds.ts';
export type { GlobalModel } from './model-cache.ts';
export type { Inspection } from './inspection.ts';
export type { RoundOutcome } from './session/types.ts';
export type { TrainRequest, TrainResult } from './trainer.ts';
export type { TrainingModule } from './module-trainer.ts';
export type { Conditions } from './conditions.ts';
export type { ClientData } from './data.ts';

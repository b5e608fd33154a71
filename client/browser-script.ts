import { PageClient, type BrowserClientOptions } from './browser/page-client.ts';
import type { HostEntry } from './browser/host-link.ts';

/**
 * What `<script src="fedloom.client.iife.min.js">` gives as `Fedloom`: `Fedloom.FederatedClient`, and the element
 * `<fedloom-consent>`. The worker is the file beside it.
 */

const workerFile = 'fedloom.client.worker.min.js';
const here = (document.currentScript as HTMLScriptElement | null)?.src ?? document.baseURI;

/** A participant in a federation, in a browser. */
export class FederatedClient extends PageClient {
  /** @throws FederatedError BAD_LINK, BAD_ARGUMENT */
  constructor(options: BrowserClientOptions) {
    const workerUrl = new URL(
      options.workerUrl ?? workerFile,
      options.workerUrl === undefined ? here : document.baseURI,
    );
    super(options, {
      startWorker: () => new Worker(workerUrl, { type: 'module' }),
      load: () => import(workerUrl.href) as ReturnType<HostEntry['load']>,
    });
  }
}

export { FedloomConsent } from './consent-element.ts';

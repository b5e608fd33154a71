import { startHost, type HostPort } from './browser/host.ts';

/**
 * The client's worker in a browser: `fedloom/browser-worker`. The page's `FederatedClient` starts it by itself; where no
 * worker can be started it loads this same file and runs the client in the page.
 */
export { startHost };

if (typeof document === 'undefined') startHost(globalThis as unknown as HostPort);

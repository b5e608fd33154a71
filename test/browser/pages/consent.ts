import { FederatedClient } from '../../../client/browser.ts';
import '../../../client/consent-element.ts';

/** A page with the element that asks for consent, beside a client of the server that its address names. */

const client = new FederatedClient({
  url: decodeURIComponent(location.hash.slice(1)),
  data: () => ({ xs: new Float32Array(8), ys: new Float32Array(1) }),
  trainer: '/train.js',
});
const heard: string[] = [];
const element = document.createElement('fedloom-consent');
element.client = client;
element.addEventListener('consent', ({ detail }: CustomEventInit<{ readonly state: string }>) =>
  heard.push(detail?.state ?? 'nothing'),
);
const main = document.createElement('main');
main.append(element);
document.body.append(main);
Object.assign(globalThis, { fedloomConsent: { client, element, heard } });
void (async () => {
  for await (const _ of client.join()) void _;
})();

import { FederatedClient } from 'fedloom/client';
import 'fedloom/consent-element';

// The join link: behind the # of the page's address here, from your app's settings in earnest.
const link = decodeURIComponent(location.hash.slice(1));

/** This page's private examples: two numbers, and what follows from them. */
function examples() {
  const xs = Float32Array.from({ length: 400 }, () => Math.random());
  const ys = Float32Array.from({ length: 200 }, (_, i) => 3 * xs[2 * i] - 2 * xs[2 * i + 1] + 1);
  return { xs, ys };
}

const client = new FederatedClient({ url: link, data: examples, when: { charging: true, unknown: 'allow' } });
document.querySelector('fedloom-consent').client = client;
client.addEventListener('state', ({ detail }) => (document.querySelector('#state').textContent = detail.message));
for await (const { round, result, counted } of client.join()) {
  const item = document.createElement('li');
  item.textContent = `round ${round}: ${result}${counted ? '' : ', without this page'}`;
  document.querySelector('#rounds').append(item);
}

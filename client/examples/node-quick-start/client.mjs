// One participant: `node client.mjs LINK`, three times.
import { FederatedClient } from 'fedloom/client';

// This device's own measurements: y = 3 a - 2 b + 1, as far as its instrument can tell. They stay here.
const xs = Float32Array.from({ length: 400 }, () => Math.random());
const ys = Float32Array.from({ length: 200 }, (_, i) => 3 * xs[2 * i] - 2 * xs[2 * i + 1] + 1 + 0.1 * Math.random());

const client = new FederatedClient({ url: process.argv[2], consent: 'given', data: () => ({ xs, ys }) });
client.addEventListener('state', ({ detail }) => console.error(detail.message));
for await (const { round, result, counted } of client.join()) {
  console.error(`round ${round}: ${result}${counted ? '' : ', without this client'}`);
}
const { weights } = await client.model();
console.log([...weights].map((weight) => weight.toFixed(2)).join(' ')); // near 3, -2 and 1.05

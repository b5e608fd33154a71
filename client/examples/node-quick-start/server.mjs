// A server with one run: `node server.mjs` prints the link for clients.
import { createServer } from 'fedloom/server';

const task = {
  format: 'fedloom-task-1',
  name: 'line',
  model: { input: [2], layers: [{ type: 'dense', units: 1 }], loss: 'mean-squared-error' },
  data: { features: [2], labels: { targets: 1 } },
  training: { localEpochs: 5, batchSize: 10, clientLearningRate: 0.1, optimizer: 'sgd' },
};
const server = await createServer({ dataDir: process.argv[2] ?? './fedloom-data', port: 0 });
await server.operations.create({ task, rounds: 10, minClients: 3, seed: 1 });
console.log(server.joinLink);

server.events.listen(({ type, message, data }) => {
  if (type === 'round') console.error(message);
  if (data.state === 'finished') setTimeout(() => void server.close(), 1_000); // the clients hear of it first
});

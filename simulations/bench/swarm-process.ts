import { FederatedClient } from '../../client/node.ts';
import type { Trainer } from '../../client/trainer.ts';
import { layoutSize } from '../../shared/weights.ts';
import { swarmUpdate } from './swarm-update.ts';
import { modelLayout } from '../../shared/tasks/model.ts';

/** Many clients in one process that answer at once with w + 0.001: the load of the server benchmark. */

export interface SwarmTask {
  readonly joinLink: string;
  readonly clients: number;
}

process.once('message', (task: SwarmTask) => void swarm(task));

async function swarm({ joinLink, clients }: SwarmTask): Promise<void> {
  let delta = new Float32Array(0);
  const trainer = (): Trainer => ({
    backend: 'none',
    load: async (task) => {
      const size = layoutSize(modelLayout(task.model));
      if (delta.length !== size) delta = new Float32Array(size).fill(swarmUpdate);
    },
    train: async () => ({ delta, examples: 100, metrics: { loss: 1 } }),
    close: async () => {},
  });
  process.on('disconnect', () => process.exit(0));
  const joined: Promise<void>[] = [];
  for (let i = 0; i < clients; i++) {
    const client = new FederatedClient({
      url: joinLink,
      consent: 'given',
      trainer: trainer(),
      data: ({ task }) => ({
        xs: new Float32Array(task.data.features[0]!),
        ys: new Float32Array('targets' in task.data.labels ? task.data.labels.targets : 1),
      }),
    });
    joined.push(drain(client));
    // A burst of a hundred at a time: the listen queue is finite.
    if (i % 100 === 99) await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await Promise.all(joined);
  process.send!('done');
}

async function drain(client: FederatedClient): Promise<void> {
  for await (const _ of client.join()) void _;
}

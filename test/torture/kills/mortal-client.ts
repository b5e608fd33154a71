import { setTimeout as sleep } from 'node:timers/promises';
import { FederatedClient } from '../../../client/node.ts';
import type { TrainRequest } from '../../../client/trainer.ts';
import { simpleClient } from '../../helpers/federation.ts';

/** A client in a process of its own, which the test kills when it likes. */
export interface ClientTask {
  readonly url: string;
  readonly seed: number;
  readonly stateDir: string;
  /** How long each training lasts, ms. */
  readonly trainingMs: number;
}

export type ClientMessage =
  | { readonly type: 'loaded' }
  | { readonly type: 'training'; readonly round: number }
  | { readonly type: 'committed'; readonly round: number; readonly weights: string }
  | { readonly type: 'finished' };

const say = (message: ClientMessage): void => void process.send!(message);
process.once('message', (task: ClientTask) => void join(task));
process.on('disconnect', () => process.exit(0));
say({ type: 'loaded' });

async function join({ url, seed, stateDir, trainingMs }: ClientTask): Promise<void> {
  const training = {
    onTrain: ({ round }: TrainRequest) => say({ type: 'training', round }),
    before: () => sleep(trainingMs),
  };
  const client = new FederatedClient(simpleClient({ url, stateDir, seed, training }));
  for await (const { round, weights } of client.join()) {
    if (weights !== undefined) say({ type: 'committed', round, weights });
  }
  say({ type: 'finished' });
}

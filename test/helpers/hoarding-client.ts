import { FederatedClient } from '../../client/node.ts';
import type { ProblemDetail } from '../../client/node.ts';
import { simpleTrainer } from './federation.ts';

/**
 * A client in a process of its own whose data, or whose training, may be more than it has memory for:
 *
 * - `objects`: the data are JavaScript objects, so the heap is full and V8 ends the process
 * - `array`: the data are one array that the system has no room for, so its allocation is refused
 * - `training`: the training of round 1 fills the heap of its own thread
 */
export interface HoardingTask {
  readonly url: string;
  readonly stateDir: string;
  readonly seed: number;
  readonly hoards: 'objects' | 'array' | 'training' | null;
}
export type HoardingMessage =
  | { readonly type: 'loaded' }
  | { readonly type: 'loading' }
  | { readonly type: 'problem'; readonly code: string; readonly message: string }
  | { readonly type: 'counted'; readonly round: number; readonly counted: boolean }
  | { readonly type: 'finished' };

const say = (message: HoardingMessage): void => void process.send!(message);
process.once('message', (task: HoardingTask) => void join(task));
process.on('disconnect', () => process.exit(0));
say({ type: 'loaded' });

/** Its update is half of what it is given, turned round; in round 1 it fills its heap first. */
const module = `export async function train({ round, weights }) {
  const hoard = [];
  while (round === 1) hoard.push(new Array(1000).fill({ round }));
  return { delta: weights.map((weight) => -weight / 2), examples: 1 };
}`;

function data(hoards: HoardingTask['hoards']): { xs: Float32Array; ys: Float32Array } {
  say({ type: 'loading' });
  const hoard: object[] = [];
  while (hoards === 'objects') hoard.push({ label: hoard.length, pixels: [0, 0, 0, 0] });
  return { xs: new Float32Array(hoards === 'array' ? 2 ** 30 : 8), ys: new Float32Array(1) };
}

async function join({ url, stateDir, seed, hoards }: HoardingTask): Promise<void> {
  const client = new FederatedClient({
    url,
    stateDir,
    seed,
    consent: 'given',
    data: () => data(hoards),
    trainer:
      hoards === 'training'
        ? `data:text/javascript,${encodeURIComponent(module)}`
        : simpleTrainer({ examples: seed, delta: ({ weights }) => weights.map((weight) => -weight / 2) }),
  });
  client.addEventListener('problem', (event) => {
    const { code, message } = (event as CustomEvent<ProblemDetail>).detail;
    say({ type: 'problem', code, message });
  });
  for await (const { round, result, counted } of client.join()) {
    if (result !== 'abandoned') say({ type: 'counted', round, counted });
  }
  say({ type: 'finished' });
}

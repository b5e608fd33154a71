import { setMaxListeners } from 'node:events';
import { asFederatedError } from '../../shared/errors.ts';
import { seeded } from '../../shared/random.ts';
import { faultNames, happen, sleep, takePart, type Around } from './traffic.ts';

/** All clients, operators and attackers of a soak, in a process of their own. */

export type SoakTrafficOrder =
  | ({ readonly type: 'start'; readonly clients: number; readonly seed: number } & Pick<
      Around,
      'joinLink' | 'url' | 'adminToken'
    >)
  | { readonly type: 'count' | 'stop' };

export interface SoakCounts {
  readonly type: 'counts';
  /** Committed rounds. */
  readonly rounds: number;
  /** Times that a client had its part in one. */
  readonly parts: number;
  readonly faults: Readonly<Record<string, number>>;
  /** Errors that clients of good faith have seen. */
  readonly problems: readonly string[];
}

export type SoakTrafficMessage = SoakCounts | { readonly type: 'stopped' };

const stopping = new AbortController();
const { signal } = stopping;
setMaxListeners(0, signal);
const counts = { rounds: 0, parts: 0, faults: Object.fromEntries(faultNames.map((name) => [name, 0])) };
const problems = new Set<string>();
let work: Promise<unknown> = Promise.resolve();
const say = (message: SoakTrafficMessage): void => void process.send!(message);

process.on('disconnect', () => process.exit(0));
process.on('message', (order: SoakTrafficOrder) => {
  if (order.type === 'start') work = Promise.all(start(order));
  else if (order.type === 'count') say({ type: 'counts', ...counts, problems: [...problems] });
  else {
    stopping.abort();
    void work.then(() => say({ type: 'stopped' }));
  }
});

function start({
  joinLink,
  url,
  adminToken,
  clients,
  seed,
}: Extract<SoakTrafficOrder, { type: 'start' }>): Promise<void>[] {
  const random = seeded('soak', seed);
  const around: Around = { joinLink, url, adminToken, random: () => random.float(), signal };
  const forever = async (action: () => Promise<void>): Promise<void> => {
    while (!signal.aborted) {
      await action().catch((thrown: unknown) => {
        if (!signal.aborted) problems.add(asFederatedError(thrown).message);
      });
      await sleep(20 + 100 * around.random(), signal);
    }
  };
  const each = Array.from({ length: clients }, (_, i) => i);
  const join = async (identity: number, ms: number): Promise<void> => {
    counts.parts += await takePart(around, identity, ms);
  };
  return [
    forever(() => playRuns(around)),
    ...each.map((i) => forever(() => join(i, 60_000))),
    ...each.map((i) => forever(() => join(clients + i, 3_000 * around.random()))),
    ...faultNames.map((name) =>
      forever(async () => {
        await happen(name, around);
        counts.faults[name]!++;
      }),
    ),
  ];
}

const config = (isSecure: boolean, number: number): object => ({
  task: {
    format: 'fedloom-task-1',
    name: 'soak',
    model: { input: [512], layers: [{ type: 'dense', units: 1 }], loss: 'mean-squared-error' },
    data: { features: [512], labels: { targets: 1 } },
    training: { localEpochs: 1, batchSize: 1, clientLearningRate: 0.1, optimizer: 'sgd' },
  },
  rounds: 15,
  minClients: 4,
  minReports: isSecure ? 3 : 1,
  roundTimeout: 4_000,
  sendTimeout: 2_000,
  stepTimeout: 2_000,
  retryDelay: 50,
  maxAttempts: 100_000,
  evaluateEvery: 0,
  secureAggregation: isSecure,
  seed: number,
});

/** One run to its end, plain or secure, and the one before it removed. */
async function playRuns({ url, adminToken, signal }: Around): Promise<void> {
  const headers = { Authorization: `Bearer ${adminToken}`, 'Content-Type': 'application/json' };
  const call = async (method: string, path: string, body?: object): Promise<unknown> => {
    const answer = await fetch(`${url}/api/${path}`, {
      method,
      headers,
      signal,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text === '' ? null : JSON.parse(text);
  };
  for (let number = 0; !signal.aborted; number++) {
    const { id } = (await call('POST', 'runs', { config: config(number % 2 === 1, number) })) as { id: string };
    let seen = 0;
    for (let state = ''; state !== 'finished'; await sleep(100, signal)) {
      const run = (await call('GET', `runs/${id}`)) as { state: string; round: number };
      for (; seen < run.round; seen++) counts.rounds++;
      if (run.state === 'paused') await call('POST', `runs/${id}/resume`);
      state = run.state;
    }
    const runs = (await call('GET', 'runs')) as { id: string; state: string }[];
    for (const old of runs) if (old.id !== id && old.state === 'finished') await call('DELETE', `runs/${old.id}`);
  }
}

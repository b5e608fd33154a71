import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStore } from '../../../server/store/open.ts';
import { verifyFolder } from '../../../server/upkeep/verify.ts';
import { clientId, runId, type Sha256 } from '../../../shared/ids.ts';
import { firstPrevious, sealRecord, type RoundRecord } from '../../../shared/round-log.ts';
import { initialWeights } from '../../../shared/tasks/initial.ts';
import { encodeTask } from '../../../shared/tasks/task.ts';
import { floatBytes } from '../../../shared/weights.ts';
import { storedRun } from '../../contracts/store.ts';
import type { MortalMessage } from '../../helpers/mortal-server.ts';
import { Nursery } from '../../helpers/mortal.ts';
import type { Outcome, TortureOptions } from '../figures.ts';

const clients = 100;
const restarts = 5;

/** Starts servers on a folder with so many rounds of 100 clients, and measures until they answer. */
export async function torture({ count: rounds }: Pick<TortureOptions, 'count'>): Promise<Outcome> {
  const dataDir = await mkdtemp(join(tmpdir(), 'fedloom-restart-'));
  const servers = await Nursery.of<MortalMessage>('test/helpers/mortal-server.ts');
  try {
    await writeHistory(dataDir, rounds);
    const times: number[] = [];
    for (let i = 0; i < restarts; i++) {
      const server = servers.take();
      await server.next('loaded');
      const startedAt = performance.now();
      await server.tell({ dataDir, port: 0, kill: null });
      const listening = await server.next('listening');
      const response = await fetch(`http://127.0.0.1:${listening!.port}/readyz`);
      if (response.ok) times.push(performance.now() - startedAt);
      await server.kill();
    }
    const verifiedAt = performance.now();
    const { whole, records } = await verifyFolder(dataDir);
    const verifySeconds = (performance.now() - verifiedAt) / 1000;
    times.sort((a, b) => a - b);
    const median = times[Math.floor(times.length / 2)] ?? Infinity;
    return {
      figures: [
        `restart to ready with ${rounds} rounds of ${clients} clients: ${median.toFixed(0)} ms ` +
          `(median of ${times.length}, without loading the code); verify ${verifySeconds.toFixed(2)} s`,
      ],
      failed: times.length === restarts && whole && records === rounds ? 0 : 1,
    };
  } finally {
    await servers.close();
    await rm(dataDir, { recursive: true, force: true });
  }
}

async function writeHistory(dataDir: string, rounds: number): Promise<void> {
  const { store, blobs, close } = await openStore(dataDir);
  const { config } = storedRun('first');
  const run = runId('first');
  const task = await blobs.put(encodeTask(config.task));
  let weights: Sha256 = await blobs.put(floatBytes(initialWeights(config.task.model, config.seed)));
  const endless = { ...config, rounds: rounds + 1_000 };
  await store.createRun(storedRun('first', { task, weights, state: 'running', config: endless }));
  const cohort = Array.from({ length: clients }, (_, i) => clientId(i.toString(16).padStart(32, '0')));
  let last: RoundRecord | null = null;
  for (let round = 1; round <= rounds; round++) {
    const after: Sha256 = await blobs.put(floatBytes(Float32Array.of(round, 0, 0)));
    last = sealRecord({
      run,
      sequence: round,
      round,
      attempt: 1,
      result: 'done',
      reason: '',
      task,
      weightsBefore: weights,
      weightsAfter: after,
      secureAggregation: false,
      cohort,
      reports: cohort.map((client) => ({ client, examples: 10 })),
      startedAt: round,
      endedAt: round,
      previous: last?.hash ?? firstPrevious,
    });
    const stored = { record: last, evaluation: { loss: 1, examples: 1 }, metrics: { seconds: 1 } };
    await store.commitRound(run, stored, { weights: after, strategyState: null });
    weights = after;
  }
  await close();
}

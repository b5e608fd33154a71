import { MaskPool } from '../../server/masking/mask-pool.ts';
import { runAttempt, type AttemptTask } from './secagg-attempt.ts';
import { toText } from './secagg-client.ts';

/**
 * One measurement of the benchmark of secure aggregation, in a process of its own so that the memory of one says nothing of
 * another's. Started by `secagg.ts`, which talks to it by IPC.
 */
process.once('message', (task: AttemptTask) => void measure(task));

async function measure(task: AttemptTask): Promise<void> {
  const pool = new MaskPool();
  // Once with little to mask: servers and clients that have been up for a while have their code compiled.
  await runAttempt({ ...task, clients: Math.min(task.clients, 40), parameters: 100_000 }, pool);
  const sample = await runAttempt(task, pool);
  await pool.close();
  process.send!(toText(sample), () => process.disconnect());
}

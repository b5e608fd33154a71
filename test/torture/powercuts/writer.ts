/** A process that commits rounds, in a right or in a wrong way, and says each one that it holds for durable. */
import Database from 'libsql';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openStore } from '../../../server/store/open.ts';
import type { StoredRun } from '../../../server/store/store.ts';
import { runId, type Sha256 } from '../../../shared/ids.ts';
import { firstPrevious, sealRecord, type RoundRecord } from '../../../shared/round-log.ts';
import { initialWeights } from '../../../shared/tasks/initial.ts';
import { encodeTask } from '../../../shared/tasks/task.ts';
import { floatBytes } from '../../../shared/weights.ts';
import { storedRound, storedRun } from '../../contracts/store.ts';
import type { WayToWrite, WriterMessage, WriterTask } from './ways.ts';

const run = runId('first');
const modelBytes = 20_000;
const say = (message: WriterMessage): void => void process.send!(message);
const pause = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

process.once('message', ({ dataDir, way }: WriterTask) => {
  const write = way === 'store' ? writeRounds(dataDir) : writeRows(dataDir, way);
  write.catch((error: unknown) => {
    process.stderr.write(`${String(error)}\n`);
    process.exit(1);
  });
});
process.on('disconnect', () => process.exit(0));
say({ type: 'loaded' });

/** Rounds as the server commits them: a model, then its row, then the word. */
async function writeRounds(dataDir: string): Promise<void> {
  const { store, blobs } = await openStore(dataDir);
  const { config } = storedRun('first');
  const task = await blobs.put(encodeTask(config.task));
  let weights: Sha256 = await blobs.put(floatBytes(initialWeights(config.task.model, config.seed)));
  const first: StoredRun = storedRun('first', { task, weights, state: 'running' });
  await store.createRun(first);
  let last: RoundRecord | null = null;
  for (let sequence = 1; ; sequence++) {
    const after: Sha256 = await blobs.put(randomBytes(modelBytes));
    last = sealRecord({
      run,
      sequence,
      round: sequence,
      attempt: 1,
      result: 'done',
      reason: '',
      task,
      weightsBefore: weights,
      weightsAfter: after,
      secureAggregation: false,
      cohort: [],
      reports: [],
      startedAt: sequence,
      endedAt: sequence,
      previous: last?.hash ?? firstPrevious,
    });
    await store.commitRound(run, storedRound(last), { weights: after, strategyState: null });
    weights = after;
    say({ type: 'durable', sequence });
    await pause();
  }
}

/** The same with one thing wrong. */
async function writeRows(dataDir: string, way: Exclude<WayToWrite, 'store'>): Promise<void> {
  mkdirSync(dataDir, { recursive: true });
  const db = new Database(join(dataDir, 'control.db'));
  db.exec('PRAGMA journal_mode = WAL');
  db.exec(`PRAGMA synchronous = ${way === 'synchronous off' ? 'OFF' : 'FULL'}`);
  db.exec('CREATE TABLE rounds (sequence INTEGER PRIMARY KEY, model TEXT NOT NULL)');
  const insert = db.prepare('INSERT INTO rounds VALUES (?, ?)');
  for (let sequence = 1; ; sequence++) {
    const model = randomBytes(modelBytes);
    const id = createHash('sha256').update(model).digest('hex');
    const putModel = (flush: boolean): void => {
      writeFileSync(join(dataDir, `${id}.draft`), model, { flush });
      renameSync(join(dataDir, `${id}.draft`), join(dataDir, id));
    };
    if (way === 'row before blob') {
      insert.run(sequence, id);
      putModel(true);
    } else {
      putModel(way !== 'blob without fsync');
      insert.run(sequence, id);
    }
    say({ type: 'durable', sequence });
    await pause();
  }
}

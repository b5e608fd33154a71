/** A process that commits rounds until it is killed; writes the sequence number of each durable one to stdout. */
import { randomBytes } from 'node:crypto';
import { openStore } from '../../../server/store/open.ts';
import { runId } from '../../../shared/ids.ts';
import { recordAfter, storedRound, storedRun } from '../../contracts/store.ts';

const run = runId('first');
const { store, blobs } = await openStore(process.argv[2]!);
if ((await store.runs()).length === 0) await store.createRun(storedRun('first'));
let last = (await store.rounds(run)).at(-1)?.record ?? null;
for (;;) {
  const weights = await blobs.put(randomBytes(20_000));
  last = recordAfter(run, last, (last?.round ?? 0) + 1);
  await store.commitRound(run, storedRound(last), { weights, strategyState: null });
  process.stdout.write(`${last.sequence}\n`);
}

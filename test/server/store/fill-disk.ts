/** Fills the small disk that a data folder lies on, then frees some; writes the outcome as JSON to stdout. */
import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { openStore } from '../../../server/store/open.ts';
import { asFederatedError } from '../../../shared/errors.ts';
import { runId } from '../../../shared/ids.ts';
import { recordAfter, storedRound, storedRun } from '../../contracts/store.ts';

const run = runId('first');
const folder = process.argv[2]!;
const { store, blobs, close } = await openStore(folder);
await store.createRun(storedRun('first'));
const codeOf = async (work: () => Promise<unknown>): Promise<string> => {
  try {
    for (;;) await work();
  } catch (error) {
    return asFederatedError(error).code;
  }
};
let last = recordAfter(run, null, 1);
const commit = async (): Promise<void> => {
  await store.commitRound(run, storedRound(last), { weights: last.weightsAfter, strategyState: null });
  last = recordAfter(run, last, last.round + 1);
};
const large = await codeOf(() => blobs.put(randomBytes(200_000)));
const drafts = await readdir(join(folder, 'blobs', 'tmp'));
const small = await codeOf(() => blobs.put(randomBytes(500)));
const row = await codeOf(commit);
await blobs.collect(new Set());
await commit(); // there is room again: the round that failed is committed, once
const sequences = (await store.rounds(run)).map(({ record }) => record.sequence);
await close();
process.stdout.write(JSON.stringify({ large, drafts, small, row, sequences, next: last.sequence }));

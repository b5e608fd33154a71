import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { memoryStore } from '../client/memory-store.ts';
import { fileStore } from '../client/node/store.ts';
import { OwnState } from '../client/own-state.ts';
import type { ClientStore } from '../client/platform.ts';
import type { StoredRound } from '../server/store/store.ts';
import { idOf } from './identities.ts';

/** Where each client keeps what its algorithm carries from round to round (control variates, personal layers, ...). */
export type StoreOf = (client: number) => ClientStore;

/** Rounds before the last whose end a client may not have written down when the run was interrupted. */
const looseRounds = 20;

const folderOf = (folder: string, client: number): string => join(folder, 'clients', String(client));

/** @param folder - of the run; null: in memory */
export const clientStores = (folder: string | null): StoreOf =>
  folder === null ? () => memoryStore() : (client) => fileStore(folderOf(folder, client));

/**
 * Tells clients of the rounds that ended while the run was being interrupted: a device would never hear of them, but a run
 * that is taken up again must go on as if it had not stopped.
 */
export async function settleClients(folder: string, rounds: readonly StoredRound[], clients: number): Promise<void> {
  const storeOf = clientStores(folder);
  for (let client = 0; client < clients; client++) {
    if (!existsSync(folderOf(folder, client))) continue;
    const own = new OwnState(storeOf(client));
    const id = idOf(client);
    for (const { record } of rounds.slice(-looseRounds)) {
      if (!record.cohort.includes(id)) continue;
      const { run, round, attempt, result } = record;
      const counted = record.reports.some((report) => report.client === id);
      await own.settle({ run, round, attempt, result, counted });
    }
  }
}

import { resolve } from 'node:path';
import type { ClientTls } from '../client/node/socket.ts';
import type { RunConfig } from '../server/config.ts';
import type { RunView } from '../server/operations.ts';
import { viewOfStoredRun } from '../server/views/run-view.ts';
import { openStore } from '../server/store/open.ts';
import type { StoredRound } from '../server/store/store.ts';
import { FederatedError } from '../shared/errors.ts';
import { runId, type RunId } from '../shared/ids.ts';
import { isRunFolder, readFolder } from '../simulations/reports/read-folder.ts';
import type { RunRecord } from '../simulations/reports/run-record.ts';
import { recordOfStored } from '../simulations/reports/stored-run.ts';
import { findServer } from './server-api.ts';

/**
 * A run by its folder, or by its name: from the server that runs on the data folder, else from the data folder.
 * @throws FederatedError NOT_FOUND, BAD_FILE, CONNECTION_REFUSED
 */
export async function readRun(runOrFolder: string, dataDir: string, tls?: ClientTls): Promise<RunRecord> {
  if (await isRunFolder(runOrFolder)) return readFolder(runOrFolder);
  if (!/^[a-z0-9][a-z0-9._-]*$/i.test(runOrFolder)) return readFolder(runOrFolder); // says what is missing there
  const id = named(runOrFolder);
  const server = await findServer(dataDir, tls);
  if (server === null) return fromStore(id, dataDir);
  const [view, config, rounds] = await Promise.all([
    server.call<RunView>('GET', `runs/${id}`),
    server.call<RunConfig>('GET', `runs/${id}/config`),
    server.call<StoredRound[]>('GET', `runs/${id}/rounds`),
  ]);
  return recordOfStored(view, config, rounds, server.url);
}

function named(name: string): RunId {
  try {
    return runId(name);
  } catch (cause) {
    const message = `${name} is neither the folder of a run (with metrics.jsonl) nor the name of one (fedloom runs ls)`;
    throw new FederatedError('NOT_FOUND', message, { cause });
  }
}

async function fromStore(id: RunId, dataDir: string): Promise<RunRecord> {
  const { store, close } = await openStore(dataDir, { lock: false }).catch((cause: unknown) => {
    if (!(cause instanceof FederatedError && cause.code === 'NOT_FOUND')) throw cause;
    const message = `run: ${id} is no folder of a run (it has no metrics.jsonl), and ${dataDir} holds no server's data in which it could be one`;
    throw new FederatedError('NOT_FOUND', message, { cause });
  });
  try {
    const [run, rounds] = [await store.run(id), await store.rounds(id)];
    return recordOfStored(viewOfStoredRun(run, rounds), run.config, rounds, resolve(dataDir));
  } finally {
    await close();
  }
}

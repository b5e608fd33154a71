import { createHash } from 'node:crypto';
import { FederatedError } from '../../shared/errors.ts';
import { sha256Id, type ClientId, type RunId, type Sha256 } from '../../shared/ids.ts';
import { copyOf } from './copy.ts';
import { attemptZero, checkFollows, emptyChain, noRound, noRun, runExists } from './chain.ts';
import { blobPieceBytes, type BlobStore, type Store, type StoredAttempt, type StoredClient } from './store.ts';
import type { StoredRound, StoredRun } from './store.ts';

/** A store that lives as long as the process: for simulations and tests. Values are copied on the way in and out. */
export function memoryStore(): Store {
  const runs = new Map<RunId, StoredRun>();
  const rounds = new Map<RunId, StoredRound[]>();
  const attempts = new Map<RunId, StoredAttempt>();
  const clients = new Map<ClientId, StoredClient>();
  const removed = new Set<RunId>();
  const pruned = new Map<RunId, Set<Sha256>>();

  const runOf = (id: RunId): StoredRun => {
    const run = runs.get(id);
    if (run === undefined) throw noRun(id);
    return run;
  };
  return {
    async createRun(run) {
      if (runs.has(run.id)) throw runExists(run.id);
      runs.set(run.id, copyOf(run));
      rounds.set(run.id, []);
    },
    run: async (id) => copyOf(runOf(id)),
    // The sort is stable: runs of the same millisecond stay in order of creation.
    runs: async () => [...runs.values()].toSorted((a, b) => a.createdAt - b.createdAt).map((run) => copyOf(run)),
    async setRunState(id, state, reason) {
      runs.set(id, { ...runOf(id), state, reason });
    },
    async removeRun(id) {
      runOf(id);
      runs.delete(id);
      rounds.delete(id);
      attempts.delete(id);
      pruned.delete(id);
      removed.add(id);
    },
    takenNames: async () => new Set([...runs.keys(), ...removed]),
    async saveAttempt(attempt) {
      runOf(attempt.run);
      attempts.set(attempt.run, copyOf(attempt));
    },
    attempt: async (run) => copyOf(attempts.get(run) ?? null),
    async commitRound(id, round, { bases, ...after }) {
      const run = runOf(id);
      const log = rounds.get(id)!;
      const { record } = round;
      checkFollows(id, log.at(-1)?.record ?? emptyChain, record);
      log.push(copyOf(round));
      if (record.result !== 'abandoned') runs.set(id, { ...run, round: record.round, ...after });
      attempts.delete(id);
      if (bases !== undefined) attempts.set(id, copyOf(attemptZero(record, bases)));
    },
    async setEvaluation(id, round, evaluation) {
      const log = rounds.get(id) ?? [];
      const index = log.findIndex(({ record }) => record.round === round && record.result !== 'abandoned');
      if (index === -1) throw noRound(id, round);
      log[index] = { ...log[index]!, evaluation: { ...evaluation } };
    },
    rounds: async (id, after = 0) => copyOf((rounds.get(id) ?? []).filter(({ record }) => record.sequence > after)),
    async newest(id) {
      const log = rounds.get(id) ?? [];
      const measured = log.findLast(({ evaluation }) => evaluation !== null);
      const evaluated = measured && { round: measured.record.round, evaluation: measured.evaluation! };
      return copyOf({ record: log.at(-1)?.record ?? null, evaluated: evaluated ?? null });
    },
    async markPruned(id, ids) {
      runOf(id);
      pruned.set(id, new Set([...(pruned.get(id) ?? []), ...ids]));
    },
    pruned: async (id) => new Set(pruned.get(id)),
    async saveClient(client) {
      clients.set(client.id, copyOf(client));
    },
    client: async (id) => copyOf(clients.get(id) ?? null),
    clients: async () => copyOf([...clients.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1))),
    async close() {},
  };
}

/** Blobs that live as long as the process. */
export function memoryBlobs(): BlobStore {
  const blobs = new Map<Sha256, Uint8Array>();
  const blobOf = (id: Sha256): Uint8Array => {
    const bytes = blobs.get(id);
    if (bytes === undefined) throw new FederatedError('NOT_FOUND', `there is no blob ${id}`);
    return bytes;
  };
  return {
    async put(bytes) {
      const id = sha256Id(createHash('sha256').update(bytes).digest('hex'));
      // new Uint8Array and not bytes.slice(): on a Node Buffer slice() is a view.
      if (!blobs.has(id)) blobs.set(id, new Uint8Array(bytes));
      return id;
    },
    get: async (id) => new Uint8Array(blobOf(id)),
    size: async (id) => blobs.get(id)?.length ?? null,
    async *read(id, start, end) {
      const bytes = blobOf(id).subarray(start, end);
      for (let at = 0; at < bytes.length; at += blobPieceBytes) yield bytes.slice(at, at + blobPieceBytes);
    },
    async remove(ids) {
      for (const id of ids) blobs.delete(id);
    },
    async collect(keep) {
      const gone = [...blobs.keys()].filter((id) => !keep.has(id));
      for (const id of gone) blobs.delete(id);
      return gone.length;
    },
  };
}

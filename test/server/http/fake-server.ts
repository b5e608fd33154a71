import { createServer, request, type IncomingMessage, type RequestOptions } from 'node:http';
import type { AddressInfo } from 'node:net';
import { EventLog } from '../../../server/event-log.ts';
import { silentLog } from '../../../server/host.ts';
import { createHttpApp, type HttpAppOptions } from '../../../server/http/app.ts';
import { createMetrics } from '../../../server/metrics.ts';
import type { Operations, Role, RunView } from '../../../server/operations.ts';
import { modelFiles } from '../../../server/export/model-files.ts';
import { detailOfRecord, roundsOfClient, summaryOf } from '../../../server/views/round-detail.ts';
import { memoryBlobs, memoryStore } from '../../../server/store/memory.ts';
import type { BlobStore, Store } from '../../../server/store/store.ts';
import { FederatedError } from '../../../shared/errors.ts';
import { defaultLimits, type Limits } from '../../../shared/protocol/limits.ts';
import { clientId, runId } from '../../../shared/ids.ts';
import { storedRun } from '../../contracts/store.ts';

export const tokens: Record<Role, string> = { admin: 'the-admin', viewer: 'the-viewer', client: 'the-client' };
export const bearer = (role: Role): Record<string, string> => ({ Authorization: `Bearer ${tokens[role]}` });

/** Operations over a store and nothing else: no rounds are played. */
function fakeOperations(store: Store, blobs: BlobStore): { operations: Operations; calls: unknown[][] } {
  const calls: unknown[][] = [];
  const view = async (id: string): Promise<RunView> => {
    const { config, ...run } = await store.run(runId(id));
    return {
      ...run,
      task: config.task.name,
      strategy: 'fedavg',
      waiting: null,
      message: `Run ${id} is ${run.state}.`,
      rounds: config.rounds,
      parameters: 3,
      evaluation: null,
      current: null,
      secureAggregation: false,
      resumedAt: null,
    };
  };
  const operations: Operations = {
    info: () => ({
      name: 'fedloom',
      version: '0.0.0',
      fingerprint: 'f',
      admission: 'code',
      joinLink: 'fedloom://secret',
      startedAt: 1,
      connections: 0,
      traffic: { up: 0, down: 0 },
      audit: { failure: null, waiting: 0, lost: 0 },
    }),
    runs: async () => Promise.all((await store.runs()).map(({ id }) => view(id))),
    run: view,
    config: async (id) => (await store.run(id)).config,
    rounds: async (id, after) => {
      await store.run(id);
      return store.rounds(id, after);
    },
    history: async (id, after) => (await store.rounds(id, after)).map(summaryOf),
    async round(id, round) {
      const found = (await store.rounds(id)).filter(({ record }) => record.round === round);
      return found.map((each) => detailOfRecord(each, 3));
    },
    clientRounds: async (id, client) => roundsOfClient(client, await store.rounds(id)),
    exportModel: (wanted) => modelFiles(store, blobs, wanted),
    async create(config, id = runId('made')) {
      calls.push(['create', config, id]);
      if (config === null || typeof config !== 'object')
        throw new FederatedError('BAD_CONFIG', 'config: expected object');
      await store.createRun(storedRun(id));
      return view(id);
    },
    async pause(id) {
      await store.setRunState(id, 'paused', null);
      return view(id);
    },
    resume: async () => {
      throw new Error('cannot read /secret/path');
    },
    async stop(id, options) {
      calls.push(['stop', id, options]);
      return view(id);
    },
    async remove(id) {
      if ((await store.run(id)).state !== 'stopped') throw new FederatedError('BAD_STATE', 'stop the run first');
      await store.removeRun(id);
    },
    clients: async () => [],
    async register(publicKey, label) {
      calls.push(['register', publicKey, label]);
      return clientId('c'.repeat(32));
    },
    async exclude(id, excluded) {
      calls.push(['exclude', id, excluded]);
    },
  };
  return { operations, calls };
}

/** The HTTP app on a real server with a free port. */
export async function startHttp({
  limits,
  ...options
}: Partial<Omit<HttpAppOptions, 'limits'>> & { limits?: Partial<Limits> } = {}) {
  const store = memoryStore();
  const blobs = memoryBlobs();
  const events = new EventLog(1_000);
  const metrics = createMetrics();
  const { operations, calls } = fakeOperations(store, blobs);
  const roleOf = (token: string): Role | null =>
    (Object.keys(tokens) as Role[]).find((role) => tokens[role] === token) ?? null;
  const app = createHttpApp({
    operations,
    events,
    blobs,
    metrics,
    roleOf,
    ready: () => true,
    log: silentLog,
    limits: { ...defaultLimits, ...limits },
    ...options,
  });
  const server = createServer(app);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    store,
    blobs,
    events,
    metrics,
    calls,
    /** fetch with the role's token. */
    as: (role: Role, path: string, init: RequestInit = {}): Promise<Response> =>
      fetch(url + path, { ...init, headers: { ...bearer(role), ...(init.headers as Record<string, string>) } }),
    /** As admin, with a JSON body. */
    post: (path: string, body?: unknown): Promise<Response> =>
      fetch(url + path, {
        method: 'POST',
        headers: { ...bearer('admin'), ...(body === undefined ? {} : { 'Content-Type': 'application/json' }) },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      }),
    /** What fetch cannot send: forbidden headers, odd paths and methods. */
    raw: (request_: RequestOptions): Promise<{ status: number; headers: IncomingMessage['headers']; body: string }> =>
      new Promise((resolve, reject) => {
        const sent = request({ host: '127.0.0.1', port, agent: false, ...request_ }, (res) => {
          let body = '';
          res.setEncoding('utf8').on('data', (text: string) => (body += text));
          res.on('end', () => resolve({ status: res.statusCode!, headers: res.headers, body }));
        });
        sent.on('error', reject).end();
      }),
    close: (): Promise<void> =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export type HttpFixture = Awaited<ReturnType<typeof startHttp>>;

/** Status and code of an error response. */
export async function errorOf(response: Response): Promise<[number, string]> {
  const { error } = (await response.json()) as { error: { code: string; message: string } };
  return [response.status, error.code];
}

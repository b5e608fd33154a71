import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { checkRunConfig, type RunConfig } from '../../server/config.ts';
import { EventLog } from '../../server/event-log.ts';
import { silentLog } from '../../server/host.ts';
import { createHttpApp } from '../../server/http/app.ts';
import { createMetrics } from '../../server/metrics.ts';
import type {
  ClientInRound,
  ClientView,
  Operations,
  Role,
  RoundDetail,
  RoundSummary,
  RunView,
  ServerEvent,
} from '../../server/operations.ts';
import { spreadMetrics } from '../../server/run/spread.ts';
import { memoryBlobs } from '../../server/store/memory.ts';
import { FederatedError } from '../../shared/errors.ts';
import { clientId, runId, sha256Id, type ClientId } from '../../shared/ids.ts';
import { taskByName } from '../../shared/tasks/catalog.ts';

/** A run that never was, behind the real HTTP app: for states that a real run reaches rarely, and for large numbers. */
export interface World {
  run: RunView | null;
  config: RunConfig;
  rounds: RoundSummary[];
  details: RoundDetail[];
  clients: ClientView[];
  startedAt: number;
  calls: string[];
}

export interface WorldOptions {
  readonly rounds?: number;
  readonly of?: number;
  readonly clients?: number;
  readonly perRound?: number;
  readonly secure?: boolean;
  /** What becomes of a round, where it is not `done`. */
  readonly result?: (round: number) => RoundSummary['result'];
  readonly loss?: (round: number) => number;
  readonly run?: Partial<RunView>;
}

/** Pseudo-random, 0 to 1: the same for the same numbers. */
const noise = (a: number, b = 0): number => Math.abs(Math.sin(a * 12.9898 + b * 78.233) * 43758.5453) % 1;
export const idOf = (index: number): ClientId =>
  clientId((((index + 1) * 2_654_435_761) % 2 ** 32).toString(16).padStart(8, '0').padEnd(32, '0'));
const hash = (index: number) => sha256Id(index.toString(16).padStart(64, '0'));
const secondsARound = 9_000;

export function makeWorld(options: WorldOptions = {}): World {
  const { rounds: ended = 36, of = 100, clients: people = 194, perRound = 20, secure = false } = options;
  const { result = () => 'done', loss = (round) => 2.3 * Math.exp(-round / 14) + 0.08 } = options;
  const now = Date.now();
  const begin = now - ended * (secondsARound + 600) - 6_000;
  const config = checkRunConfig({
    task: taskByName('mnist-2nn'),
    rounds: of,
    clientsPerRound: perRound,
    seed: 7,
    secureAggregation: secure,
  });
  const membersOf = (round: number): number[] =>
    people === 0
      ? []
      : Array.from(
          { length: perRound },
          (_, index) => (round * 7 + index * Math.max(1, Math.floor(people / perRound))) % people,
        );
  const at = (round: number): number => begin + (round - 1) * (secondsARound + 600);
  const accuracyAt = (round: number): number => 0.98 - 0.85 * Math.exp(-round / 9);

  const member = (index: number, round: number, step: number): ClientInRound => {
    const start = at(round);
    const reported = step >= 3;
    const known = reported && !secure;
    return {
      id: idOf(index),
      state: reported ? 'reported' : step === -1 ? 'lost' : step === 0 ? 'sent' : 'training',
      examples: known ? 400 + Math.floor(noise(index) * 400) : null,
      norm: known ? 0.8 + noise(index, round) : null,
      accuracy: known ? Math.min(1, accuracyAt(round) - 0.12 * noise(index, round) ** 2 + 0.01) : null,
      loss: known ? 0.3 : null,
      backend: index % 3 === 0 ? 'wasm' : 'webgl',
      bytes: reported ? 796_840 : step === 2 ? 400_000 : 0,
      sentAt: start + 40,
      modelAt: step >= 1 ? start + 300 + 900 * noise(index, 1) : null,
      offeredAt: step >= 2 ? start + 2_500 + 3_500 * noise(index, 2) : null,
      countedAt: reported ? start + 6_300 + 1_800 * noise(index, 3) : null,
    };
  };
  const detailOf = (round: number, how: RoundSummary['result'] | null): RoundDetail => {
    const start = at(round);
    const few = how === 'abandoned' ? 0.3 : how === 'short' ? 0.8 : how === null ? 0.6 : 1;
    return {
      round,
      attempt: 1,
      phase: how === null ? 'training' : null,
      result: how,
      reason: how === 'abandoned' ? `4 of ${perRound} reports, at least ${perRound / 2} needed (2 lost, 14 late)` : '',
      startedAt: start,
      endedAt: how === null ? null : start + secondsARound,
      deadline: how === null ? now + 14_000 : null,
      wanted: perRound,
      minReports: perRound / 2,
      phases: {
        selecting: start,
        sending: start + 30,
        training: start + 400,
        ...(how === null || how === 'abandoned' ? {} : { aggregating: start + 8_000, evaluating: start + 8_500 }),
      },
      modelBytes: 796_840,
      secureAggregation: secure,
      timed: true,
      clients: membersOf(round).map((index, place) =>
        member(
          index,
          round,
          place < perRound * few
            ? 3
            : how !== null
              ? -1
              : place % 4 === 0
                ? 2
                : place % 7 === 0
                  ? -1
                  : place % 5 === 0
                    ? 0
                    : 1,
        ),
      ),
    };
  };
  const details = Array.from({ length: ended }, (_, index) => detailOf(index + 1, result(index + 1)));
  const rounds = details.map((detail, index): RoundSummary => {
    const { round, result: how, reason, startedAt } = detail;
    const good = how !== 'abandoned';
    const lost = loss(round);
    const seconds = (secondsARound * (0.8 + 0.5 * noise(round, 5))) / 1000;
    return {
      sequence: index + 1,
      round,
      attempt: 1,
      result: how!,
      reason,
      startedAt,
      endedAt: startedAt + 1000 * seconds,
      cohort: perRound,
      reports: good ? detail.clients.filter(({ state }) => state === 'reported').length : 0,
      weights: hash(round),
      evaluation: good
        ? { accuracy: accuracyAt(round) + 0.01 * (noise(round) - 0.5), loss: lost, examples: 10_000 }
        : null,
      metrics: good
        ? {
            seconds,
            bytesUp: 796_840 * perRound,
            bytesDown: 801_000 * perRound,
            examples: 12_000,
            'train/loss': lost * 0.9,
            'train/accuracy': accuracyAt(round) - 0.01,
            ...spreadMetrics(detail.clients),
          }
        : { seconds },
    };
  });
  const current = ended < of && options.run?.current !== null;
  if (current) details.push(detailOf(ended + 1, null));
  const inRound = new Map(details.at(-1)?.clients.map((one) => [one.id, one.state]));
  const views = Array.from({ length: people }, (_, index): ClientView => {
    const connected = noise(index, 9) < 0.96 || inRound.has(idOf(index));
    const state = inRound.get(idOf(index));
    return {
      id: idOf(index),
      label: index % 4 === 0 ? `kiosk-${index}` : '',
      state: !connected
        ? 'off'
        : !current || state === undefined
          ? 'waiting'
          : state === 'reported'
            ? 'reported'
            : index % 3 === 0
              ? 'uploading'
              : 'training',
      waiting: !connected || (current && state !== undefined) ? null : 'not-selected',
      connected,
      excluded: index === 17,
      backend: index % 3 === 0 ? 'wasm' : 'webgl',
      software: index % 3 === 0 ? 'node 20 linux' : 'browser',
      examples: 400 + Math.floor(noise(index) * 400),
      progress: null,
      roundsReported: Math.floor(noise(index, 4) * 6),
      bytesUp: 796_840 * 3,
      lastSeen: now - Math.floor(noise(index, 6) * 20_000),
    };
  });
  const last = rounds.at(-1);
  const committed = rounds.filter(({ result: how }) => how !== 'abandoned').at(-1)?.round ?? 0;
  const detail = details.at(-1);
  const run: RunView = {
    id: runId('mnist-2nn-1'),
    task: 'mnist-2nn',
    strategy: 'fedavg',
    state: current ? 'running' : 'finished',
    waiting: null,
    message: '',
    round: committed,
    rounds: of,
    weights: hash(ended),
    parameters: 199_210,
    evaluation: last?.evaluation ?? null,
    current: current
      ? {
          round: ended + 1,
          attempt: 1,
          phase: 'training',
          cohort: perRound,
          wanted: perRound,
          reported: detail!.clients.filter(({ state }) => state === 'reported').length,
          deadline: now + 14_000,
        }
      : null,
    secureAggregation: secure,
    createdAt: begin,
    reason: null,
    resumedAt: null,
    ...options.run,
  };
  return { run, config, rounds, details, clients: views, startedAt: begin, calls: [] };
}

export const tokens: Record<'admin' | 'viewer', string> = {
  admin: 'admin-token-of-a-test',
  viewer: 'viewer-token-of-a-test',
};

/** The world behind the real HTTP app. */
export async function serveWorld(world: World, dashboard: string, port = 0) {
  const events = new EventLog(world.startedAt);
  const asked: { path: string; referer: string | undefined }[] = [];
  const missing = (): never => {
    throw new FederatedError('NOT_FOUND', 'no such run');
  };
  const view = async (): Promise<RunView> => world.run ?? missing();
  const change = (what: string, state: RunView['state']) => async (): Promise<RunView> => {
    world.calls.push(what);
    world.run = { ...world.run!, state };
    say({ type: 'run', message: `Run is ${state}.`, data: { state } });
    return world.run;
  };
  const say = (event: Pick<ServerEvent, 'type' | 'message' | 'data'>): ServerEvent =>
    events.add({ at: Date.now(), run: world.run?.id ?? null, ...event });
  const operations: Operations = {
    info: () => ({
      name: 'fedloom',
      version: '0.1.0',
      fingerprint: 'f'.repeat(22),
      admission: 'code',
      joinLink: 'fedloom://fl.example:8080/#ffffffffffffffffffffff.7KQ4XH2M',
      startedAt: world.startedAt,
      connections: world.clients.length,
      traffic: { up: 574_000_000, down: 581_000_000 },
      audit: { failure: null, waiting: 0, lost: 0 },
    }),
    runs: async () => (world.run === null ? [] : [world.run]),
    run: view,
    config: async () => world.config,
    rounds: async () => [],
    history: async (_, after = 0) => world.rounds.filter(({ sequence }) => sequence > after),
    round: async (_, round) => world.details.filter((detail) => detail.round === round),
    clientRounds: async (_, client) =>
      world.rounds
        .filter((_round, index) => world.details[index]!.clients.some(({ id }) => id === client))
        .map(({ sequence, round, attempt, result, endedAt }) => ({
          sequence,
          round,
          attempt,
          result,
          endedAt,
          counted: result !== 'abandoned',
          examples: null,
        })),
    exportModel: async () => missing(),
    create: view,
    pause: change('pause', 'pausing'),
    resume: change('resume', 'running'),
    stop: async (_, options) => {
      world.calls.push(options?.now === true ? 'stop now' : 'stop');
      world.run = { ...world.run!, state: 'stopping' };
      return world.run;
    },
    remove: async () => {},
    clients: async () => world.clients,
    register: async () => idOf(0),
    exclude: async (id, excluded) => {
      world.calls.push(`${excluded ? 'exclude' : 'include'} ${id}`);
      world.clients = world.clients.map((client) => (client.id === id ? { ...client, excluded } : client));
    },
  };
  const roleOf = (token: string): Role | null =>
    token === tokens.admin ? 'admin' : token === tokens.viewer ? 'viewer' : null;
  const app = createHttpApp({
    operations,
    events,
    blobs: memoryBlobs(),
    metrics: createMetrics(),
    roleOf,
    ready: () => true,
    log: silentLog,
    dashboard,
  });
  const server = createServer((req, res) => {
    asked.push({ path: req.url ?? '', referer: req.headers.referer });
    app(req, res);
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const { port: listens } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${listens}`,
    port: listens,
    say,
    /** Requests so far. */
    asked,
    close: (): Promise<void> =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

import { Command } from 'commander';
import type { RunView } from '../server/operations.ts';
import { viewOfStoredRun } from '../server/views/run-view.ts';
import { openStore } from '../server/store/open.ts';
import type { StoredRound } from '../server/store/store.ts';
import { FederatedError } from '../shared/errors.ts';
import { runId, type RunId } from '../shared/ids.ts';
import { findBreak } from '../shared/round-log.ts';
import { finalRunStates } from '../shared/states.ts';
import { bold, dim, printJson, printTable, runAction, say } from './output.ts';
import { findServer, type ServerApi } from './server-api.ts';
import { addTlsFlags, tlsFrom, type TlsFlags } from './tls-flags.ts';

interface Options extends TlsFlags {
  readonly dataDir: string;
  readonly json?: boolean;
}

/** `fedloom runs ...`: through the running server where there is one, else from its data folder. */
export function command(): Command {
  const runs = new Command('runs').description('list, show, pause, resume, stop and remove runs');
  const add = (usage: string, description: string): Command =>
    addTlsFlags(
      runs
        .command(usage)
        .description(description)
        .option('--data-dir <folder>', "the server's data folder", './fedloom-data'),
    ).option('--json', 'one JSON object on stdout');

  add('ls', 'list the runs').action((options: Options) => act(options, () => list(options)));
  add('show <id>', 'show a run, its rounds and whether its log holds').action((id: string, options: Options) =>
    act(options, () => show(runId(id), options)),
  );
  add('pause <id>', 'end the round in progress, then wait').action((id: string, options: Options) =>
    act(options, () => steer(runId(id), 'pause', options)),
  );
  add('resume <id>', 'go on with a paused run').action((id: string, options: Options) =>
    act(options, () => steer(runId(id), 'resume', options)),
  );
  add('stop <id>', 'end the run after the round in progress')
    .option('--now', 'abandon the round in progress')
    .action((id: string, options: Options & { now?: boolean }) =>
      act(options, () => steer(runId(id), 'stop', options, { now: options.now === true })),
    );
  add('rm <id>', 'remove a run that is over, with its rounds').action((id: string, options: Options) =>
    act(options, () => remove(runId(id), options)),
  );
  return runs;
}

const act = (options: Options, action: () => Promise<void>): Promise<void> => runAction(options.json === true, action);

async function list({ dataDir, json, ...tls }: Options): Promise<void> {
  const server = await findServer(dataDir, await tlsFrom(tls));
  const runs =
    server === null
      ? await reading(dataDir, async (store) => {
          const stored = await store.runs();
          return Promise.all(stored.map(async (run) => offline(viewOfStoredRun(run, await store.rounds(run.id)))));
        })
      : await server.call<RunView[]>('GET', 'runs');
  if (json === true) return printJson({ runs, server: server?.url ?? null });
  if (runs.length === 0) return say('There are no runs.');
  printTable([
    ['RUN', 'STATE', 'ROUND', 'TASK', 'STRATEGY', 'ACCURACY', 'LOSS', 'SERVER SEES', 'CREATED'],
    ...runs.map((run) => [
      run.id,
      run.state,
      `${run.round}/${run.rounds}`,
      run.task,
      run.strategy,
      figure(run.evaluation?.['accuracy']),
      figure(run.evaluation?.['loss']),
      run.secureAggregation ? 'sums' : 'EACH UPDATE',
      time(run.createdAt),
    ]),
  ]);
  sayServer(server);
}

async function show(id: RunId, { dataDir, json, ...tls }: Options): Promise<void> {
  const server = await findServer(dataDir, await tlsFrom(tls));
  const [run, rounds] =
    server === null
      ? await reading(dataDir, async (store) => {
          const log = await store.rounds(id);
          return [offline(viewOfStoredRun(await store.run(id), log)), log] as const;
        })
      : await Promise.all([
          server.call<RunView>('GET', `runs/${id}`),
          server.call<StoredRound[]>('GET', `runs/${id}/rounds`),
        ]);
  const broken = findBreak(rounds.map(({ record }) => record));
  if (json === true) return printJson({ run, rounds, intact: broken === -1, server: server?.url ?? null });
  say(`${bold(run.id)}  ${run.task}, ${run.strategy}, ${run.parameters} parameters, created ${time(run.createdAt)}`);
  say(run.message);
  say(
    run.secureAggregation
      ? 'Secure aggregation: the server learns sums only.'
      : bold('NO SECURE AGGREGATION: the server sees every single update.'),
  );
  if (rounds.length > 0) {
    printTable([
      ['#', 'ROUND', 'ATTEMPT', 'RESULT', 'REPORTS', 'ACCURACY', 'LOSS', 'SECONDS', 'WEIGHTS'],
      ...rounds.map(({ record, evaluation }) => [
        String(record.sequence),
        String(record.round),
        String(record.attempt),
        record.result,
        `${record.reports.length}/${record.cohort.length}`,
        figure(evaluation?.['accuracy']),
        figure(evaluation?.['loss']),
        ((record.endedAt - record.startedAt) / 1000).toFixed(1),
        record.weightsAfter.slice(0, 12),
      ]),
    ]);
  }
  say(
    broken === -1
      ? `The log holds: ${rounds.length} records, each with the hash of the one before.`
      : `The log is broken at record ${broken + 1}: it, or one before it, was changed after it was written.`,
  );
  sayServer(server);
}

async function steer(id: RunId, action: 'pause' | 'resume' | 'stop', options: Options, body?: object): Promise<void> {
  const server = await findServer(options.dataDir, await tlsFrom(options));
  if (server === null) {
    const message = `no server is running on ${options.dataDir}, so there is nothing to ${action}; start one with 'fedloom serve'`;
    throw new FederatedError('BAD_STATE', message);
  }
  const run = await server.call<RunView>('POST', `runs/${id}/${action}`, body);
  if (options.json === true) printJson({ run, server: server.url });
  else say(`${run.id}: ${run.state}. ${run.message}`);
}

async function remove(id: RunId, { dataDir, json, ...tls }: Options): Promise<void> {
  const server = await findServer(dataDir, await tlsFrom(tls));
  if (server === null) await removeOffline(id, dataDir);
  else await server.call('DELETE', `runs/${id}`);
  if (json === true) printJson({ removed: id });
  else say(`${id} is removed.`);
}

/** Under the folder's lock, so that no server starts on it meanwhile. */
async function removeOffline(id: RunId, dataDir: string): Promise<void> {
  await (await openStore(dataDir, { lock: false })).close(); // a folder that is not there is not made
  const { store, close } = await openStore(dataDir);
  try {
    const { state } = await store.run(id);
    if (!finalRunStates.includes(state)) {
      throw new FederatedError('BAD_STATE', `run ${id} is ${state}: start its server and stop the run first`);
    }
    await store.removeRun(id);
  } finally {
    await close();
  }
}

async function reading<T>(
  dataDir: string,
  read: (store: Awaited<ReturnType<typeof openStore>>['store']) => Promise<T>,
): Promise<T> {
  const { store, close } = await openStore(dataDir, { lock: false });
  try {
    return await read(store);
  } finally {
    await close();
  }
}

/** Nothing waits for anything while no server runs. */
const offline = (view: RunView): RunView =>
  finalRunStates.includes(view.state)
    ? view
    : {
        ...view,
        waiting: null,
        message: `It goes on after round ${view.round} of ${view.rounds} when its server starts.`,
      };

const sayServer = (server: ServerApi | null): void =>
  say(dim(server === null ? 'No server is running on this folder.' : `Server: ${server.url}`));
const figure = (value: number | undefined): string => (value === undefined ? '-' : value.toFixed(4));
const time = (ms: number): string => new Date(ms).toISOString().replace('T', ' ').slice(0, 19);

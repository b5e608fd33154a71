import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import pino from 'pino';
import type { AdmissionMode } from '../server/gateway/admission.ts';
import type { RunView } from '../server/operations.ts';
import { RunFolder } from '../server/run-folder/run-folder.ts';
import { createServer, type FederatedServer, type ServerOptions } from '../server/server.ts';
import { checkRunConfig } from '../server/config.ts';
import type { Log } from '../server/host.ts';
import { FederatedError } from '../shared/errors.ts';
import { finalRunStates } from '../shared/states.ts';
import type { DataContract } from '../shared/tasks/task.ts';
import { version } from '../shared/version.ts';
import { evaluationOf } from './evaluation-data.ts';
import { bold, dim, input, printJson, runAction, say } from './output.ts';
import { Progress } from './progress.ts';
import { addRunFlags, number, readConfigFile, readText, runConfigFrom, type RunFlags } from './run-options.ts';
import {
  admissionModes,
  logLevels,
  mergeServeSettings,
  publicKeyFrom,
  serveFileKeys,
  type ServeFlags,
  type ServeSettings,
} from './serve-settings.ts';

interface CommandFlags extends ServeFlags {
  readonly config?: string;
  readonly new: boolean;
  readonly json: boolean;
}

const several = (value: string, before: string[] | undefined): string[] => [...(before ?? []), value];

export const command = (): Command =>
  addRunFlags(
    new Command('serve').description('The aggregation server: prints its page, its join link and what it waits for.'),
  )
    .option('--config <file>', 'YAML file with any of these options in camelCase; flags win over the file')
    .option('--host <address>', 'address to listen on (127.0.0.1: this machine only)')
    .option('--port <n>', 'port (8080); 0 takes a free one', number)
    .option('--public-host <name>', 'host name in the join link')
    .option('--data-dir <dir>', 'folder of runs, models and keys (./fedloom-data)')
    .addOption(new Option('--admission <mode>', 'who may join (code)').choices(admissionModes))
    .option('--register <key>', "put a client's public key (hex) on the roster; may be given several times", several)
    .option('--allowed-origin <url>', 'web origin whose pages may connect; may be given several times', several)
    .option('--tls-key <file>', 'PEM key; with --tls-cert everything is served over TLS')
    .option('--tls-cert <file>', 'PEM certificate')
    .option('--tls-client-ca <file>', 'PEM authority: only who shows a certificate of it gets a connection')
    .option('--evaluate <spec|none>', "held-out data for central evaluation (the task's own test set)")
    .option('--audit-file-mb <n>', 'a file of the audit log that is so large, MB, is put aside (16)', number)
    .option('--audit-files <n>', 'so many older files of the audit log are kept (8)', number)
    .option('--new', 'begin a new run although an unfinished one is stored', false)
    .addOption(new Option('--log-level <level>', 'log lines on stderr (warn)').choices(logLevels))
    .option('--json', 'one JSON object on stdout when ready', false)
    .action(({ config, new: fresh, json, ...flags }: CommandFlags) =>
      runAction(json, async () => {
        const file = config === undefined ? {} : await input(() => readConfigFile(config, serveFileKeys));
        const { server, run } = mergeServeSettings(file, flags);
        await serve(server, run, { fresh, json });
      }),
    );

async function serve(
  settings: ServeSettings,
  flags: RunFlags,
  { fresh, json }: { readonly fresh: boolean; readonly json: boolean },
): Promise<void> {
  const startedAt = Date.now();
  // Checked before anything is opened, so that a wrong setting leaves no folder behind.
  const { keys, config, tls, evaluation } = await input(async () => {
    const checked = checkRunConfig(await runConfigFrom(flags, () => randomInt(2 ** 32)));
    return {
      keys: settings.register.map(publicKeyFrom),
      config: checked,
      tls: await tlsOf(settings),
      evaluation: await heldOut(checked.task.data, settings.evaluate),
    };
  });
  // Before anything is printed: whoever reads that the server is ready may already want it to stop.
  const stopped = Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
  let server: FederatedServer | null = null;
  let folder: RunFolder | null = null;
  try {
    server = await createServer({
      dataDir: settings.dataDir,
      host: settings.host,
      port: settings.port,
      admission: settings.admission,
      allowedOrigins: settings.allowedOrigin,
      log: pinoLog(settings.logLevel),
      audit: { fileBytes: 1e6 * settings.auditFileMb, olderFiles: settings.auditFiles },
      ...(settings.publicHost === undefined ? {} : { publicHost: settings.publicHost }),
      ...('evaluate' in evaluation ? { evaluate: evaluation.evaluate } : {}),
      ...tls,
    });
    for (const key of keys) await server.operations.register(key, '');
    const unfinished = (await server.operations.runs()).find(({ state }) => !finalRunStates.includes(state));
    const isNew = unfinished === undefined || fresh;
    const run = isNew ? await server.operations.create(config) : unfinished;
    if (json) printReady(server, run);
    announce(server, run, {
      ms: Date.now() - startedAt,
      admission: settings.admission,
      evaluation:
        'evaluate' in evaluation ? `${evaluation.examples} held-out examples of ${evaluation.source}` : evaluation.none,
      ignored: isNew ? [] : Object.keys(flags).toSorted(),
      data: config.task.data.source ?? 'FILE',
      whyClear: isNew && flags.secureAggregation === undefined ? ' (it needs three clients in every round)' : '',
    });
    follow(server, run);
    const words = ['fedloom', ...process.argv.slice(2)];
    folder = await RunFolder.begin(join(settings.dataDir, 'runs'), run.id, server.operations, server.events, words);
    await stopped;
    say('Stopping; a round in progress goes on at the next start.');
  } finally {
    await server?.close();
    await folder?.close();
    if ('close' in evaluation) await evaluation.close();
  }
}

/** Central evaluation; without it, why. That the task's own test set is not on this machine must not stop a server. */
async function heldOut(
  contract: DataContract,
  spec: string | undefined,
): Promise<NonNullable<Awaited<ReturnType<typeof evaluationOf>>> | { readonly none: string }> {
  try {
    return (await evaluationOf(contract, spec)) ?? { none: 'none' };
  } catch (error) {
    if (spec !== undefined || !(error instanceof FederatedError) || error.code !== 'NOT_FOUND') throw error;
    return { none: `none: ${error.message}` };
  }
}

function pinoLog(level: string): Log {
  const log = pino({ level }, pino.destination({ dest: 2, sync: true }));
  return {
    debug: (data, message) => log.debug(data, message),
    info: (data, message) => log.info(data, message),
    warn: (data, message) => log.warn(data, message),
    error: (data, message) => log.error(data, message),
  };
}

function printReady(server: FederatedServer, run: RunView): void {
  printJson({
    url: server.url,
    page: pageOf(server),
    joinLink: server.joinLink,
    fingerprint: server.fingerprint,
    run: run.id,
    resumedAt: run.resumedAt,
    secureAggregation: run.secureAggregation,
    pid: process.pid,
  });
}

const pageOf = (server: FederatedServer): string => `${server.url}/?token=${server.adminToken}`;

function announce(
  server: FederatedServer,
  run: RunView,
  about: {
    readonly ms: number;
    readonly admission: AdmissionMode;
    readonly evaluation: string;
    /** Settings of a new run that were given while a stored one goes on. */
    readonly ignored: readonly string[];
    readonly data: string;
    /** What would turn secure aggregation on; empty where it is on or was turned off on purpose. */
    readonly whyClear: string;
  },
): void {
  const admission = about.admission === 'open' ? 'open: anyone may join (use it for tests only)' : about.admission;
  say();
  say(`  ${bold('fedloom')} ${version}  ready in ${about.ms} ms`);
  say();
  say(`  Page        ${pageOf(server)}`);
  say(`  Join        ${server.joinLink}`);
  say(`  Admission   ${admission}`);
  say(`  Run         ${run.id} · ${run.strategy} · ${run.rounds} rounds · ${run.parameters} parameters`);
  if (run.secureAggregation)
    say('  Privacy     secure aggregation: this server learns sums over clients, and no single update');
  else say(`  ${bold('Privacy     NO SECURE AGGREGATION: this server sees every single update')}${about.whyClear}`);
  say(`  Evaluation  ${about.evaluation}`);
  if (run.resumedAt !== null) say(`  Resumed     after round ${run.resumedAt} of ${run.rounds}`);
  if (about.ignored.length > 0) {
    say(`  Ignored     ${about.ignored.join(', ')}: the stored run keeps its settings; --new begins another`);
  }
  say();
  say(`  ${run.message}  Try: npx fedloom join '${server.joinLink}' --data ${about.data}:0/10`);
  say();
}

/** Prints a line a round, and what is refused. */
function follow(server: FederatedServer, run: RunView): void {
  const progress = new Progress(run.rounds, { done: run.round });
  let evaluated = '';
  server.events.listen((event) => {
    const { data } = event;
    if (event.type === 'evaluation') {
      const accuracy = data['accuracy'];
      evaluated = typeof accuracy === 'number' ? `acc ${accuracy.toFixed(4)}` : '';
      if (typeof data['round'] === 'number') progress.step(data['round'], evaluated);
    } else if (
      event.type === 'run' ||
      event.type === 'refused' ||
      (event.type === 'round' && data['result'] === 'abandoned')
    ) {
      say(dim(event.message));
    } else if (event.type === 'client') say(dim(event.message));
  });
}

async function tlsOf({ tlsKey, tlsCert, tlsClientCa }: ServeSettings): Promise<Pick<ServerOptions, 'tls'>> {
  if (tlsKey === undefined || tlsCert === undefined) return {};
  const key = await readText(tlsKey, 'tls-key');
  const cert = await readText(tlsCert, 'tls-cert');
  return {
    tls: {
      key,
      cert,
      ...(tlsClientCa === undefined ? {} : { clientCa: await readText(tlsClientCa, 'tls-client-ca') }),
    },
  };
}

import { randomInt } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Command, Option } from 'commander';
import pino from 'pino';
import type { AdmissionMode } from '../server/gateway/admission.ts';
import type { RunView } from '../server/operations.ts';
import { createServer, type FederatedServer } from '../server/server.ts';
import { fromBase64Url, fromHex } from '../shared/bytes.ts';
import { FederatedError } from '../shared/errors.ts';
import { finalRunStates } from '../shared/states.ts';
import { version } from '../shared/version.ts';
import { evaluationOf } from './evaluation-data.ts';
import { bold, dim, printJson, runAction, say } from './output.ts';
import { Progress } from './progress.ts';
import { addRunFlags, readConfigFile, runConfigFrom, runFlagNames, type RunFlags } from './run-options.ts';

const logLevels = ['silent', 'error', 'warn', 'info', 'debug'] as const;

interface ServeFlags extends RunFlags {
  config?: string;
  host?: string;
  port?: number | string;
  publicHost?: string;
  dataDir?: string;
  admission?: AdmissionMode;
  register?: string[];
  allowedOrigin?: string[];
  tlsKey?: string;
  tlsCert?: string;
  evaluate?: string;
  new?: boolean;
  logLevel?: string;
  json?: boolean;
}

const serveKeys = [
  'host',
  'port',
  'publicHost',
  'dataDir',
  'admission',
  'register',
  'allowedOrigin',
  'tlsKey',
  'tlsCert',
  'evaluate',
  'logLevel',
] as const;

const several = (value: string, before: string[] | undefined): string[] => [...(before ?? []), value];

export const command = (): Command =>
  addRunFlags(
    new Command('serve').description('The aggregation server: prints its page, its join link and what it waits for.'),
  )
    .option('--config <file>', 'YAML file with any of these options in camelCase; flags win over the file')
    .option('--host <address>', 'address to listen on (127.0.0.1: this machine only)')
    .option('--port <n>', 'port (8080); 0 takes a free one')
    .option('--public-host <name>', 'host name in the join link')
    .option('--data-dir <dir>', 'folder of runs, models and keys (./fedloom-data)')
    .addOption(new Option('--admission <mode>', 'who may join (code)').choices(['code', 'registered', 'open']))
    .option('--register <key>', "put a client's public key (hex) on the roster; may be given several times", several)
    .option('--allowed-origin <url>', 'web origin whose pages may connect; may be given several times', several)
    .option('--tls-key <file>', 'PEM key; with --tls-cert everything is served over TLS')
    .option('--tls-cert <file>', 'PEM certificate')
    .option('--evaluate <spec|none>', "held-out data for central evaluation (the task's own test set)")
    .option('--new', 'begin a new run although an unfinished one is stored', false)
    .addOption(new Option('--log-level <level>', 'log lines on stderr (warn)').choices(logLevels))
    .option('--json', 'one JSON object on stdout when ready', false)
    .action((flags: ServeFlags) => runAction(flags.json ?? false, () => serve(flags)));

async function serve(given: ServeFlags): Promise<void> {
  const startedAt = Date.now();
  const file = given.config === undefined ? {} : await readConfigFile(given.config, [...runFlagNames, ...serveKeys]);
  const flags: ServeFlags = { ...file, ...given };
  const port = Number(flags.port ?? 8080);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new FederatedError('BAD_ARGUMENT', `--port: expected 0 to 65535, got ${String(flags.port)}`);
  }
  if ((flags.tlsKey === undefined) !== (flags.tlsCert === undefined)) {
    throw new FederatedError('BAD_ARGUMENT', 'give both --tls-key and --tls-cert, or neither');
  }
  if (flags.admission !== undefined && !['code', 'registered', 'open'].includes(flags.admission)) {
    throw new FederatedError(
      'BAD_CONFIG',
      `admission: expected code, registered or open, got ${String(flags.admission)}`,
    );
  }
  const keys = [flags.register ?? []].flat().map(publicKey);
  const config = await runConfigFrom(flags, () => randomInt(2 ** 32));
  const task = config['task'] as { data: Parameters<typeof evaluationOf>[0]; name: string };
  const evaluation = await evaluationOf(task.data, flags.evaluate);
  const log = pino({ level: flags.logLevel ?? 'warn' }, pino.destination({ dest: 2, sync: true }));
  const server = await createServer({
    dataDir: flags.dataDir ?? 'fedloom-data',
    host: flags.host ?? '127.0.0.1',
    port,
    admission: flags.admission ?? 'code',
    allowedOrigins: [flags.allowedOrigin ?? []].flat(),
    log: {
      debug: (data, message) => log.debug(data, message),
      info: (data, message) => log.info(data, message),
      warn: (data, message) => log.warn(data, message),
      error: (data, message) => log.error(data, message),
    },
    ...(flags.publicHost === undefined ? {} : { publicHost: flags.publicHost }),
    ...(evaluation === null ? {} : { evaluate: evaluation.evaluate }),
    ...(flags.tlsKey === undefined
      ? {}
      : { tls: { key: await readPem(flags.tlsKey), cert: await readPem(flags.tlsCert!) } }),
  });
  for (const key of keys) await server.operations.register(key, '');

  const unfinished = (await server.operations.runs()).find(({ state }) => !finalRunStates.includes(state));
  const run = unfinished === undefined || flags.new === true ? await server.operations.create(config) : unfinished;
  announce(server, run, {
    ms: Date.now() - startedAt,
    admission: flags.admission ?? 'code',
    evaluation,
    json: flags.json ?? false,
  });
  follow(server, run);

  await new Promise<void>((resolve) => {
    process.once('SIGINT', () => resolve());
    process.once('SIGTERM', () => resolve());
  });
  say('Stopping; a round in progress goes on at the next start.');
  await server.close();
  await evaluation?.close();
}

function announce(
  server: FederatedServer,
  run: RunView,
  about: {
    ms: number;
    admission: AdmissionMode;
    evaluation: { source: string; examples: number } | null;
    json: boolean;
  },
): void {
  const page = `${server.url}/?token=${server.adminToken}`;
  if (about.json) {
    printJson({
      url: server.url,
      page,
      joinLink: server.joinLink,
      fingerprint: server.fingerprint,
      run: run.id,
      resumedAt: run.resumedAt,
      pid: process.pid,
    });
  }
  say();
  say(`  ${bold('fedloom')} ${version}  ready in ${about.ms} ms`);
  say();
  say(`  Page        ${page}`);
  say(`  Join        ${server.joinLink}`);
  say(
    `  Admission   ${about.admission === 'open' ? 'open: anyone may join (use it for tests only)' : about.admission}`,
  );
  say(`  Run         ${run.id} · ${run.strategy} · ${run.rounds} rounds · ${run.parameters} parameters`);
  say(`  Privacy     updates are encrypted on the way; this server sees each one (no secure aggregation yet)`);
  say(
    `  Evaluation  ${about.evaluation === null ? 'none' : `${about.evaluation.examples} held-out examples of ${about.evaluation.source}`}`,
  );
  if (run.resumedAt !== null) say(`  Resumed     after round ${run.resumedAt} of ${run.rounds}`);
  say();
  say(`  ${run.message}  Try: npx fedloom join '${server.joinLink}' --data mnist-10k:0/10`);
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

function publicKey(text: string): Uint8Array {
  try {
    const bytes = /^[0-9a-fA-F]{64}$/.test(text) ? fromHex(text) : fromBase64Url(text);
    if (bytes.length === 32) return bytes;
  } catch {
    // said below
  }
  throw new FederatedError(
    'BAD_ARGUMENT',
    `--register: expected a 32-byte public key in hex, got "${text.slice(0, 80)}"`,
  );
}

async function readPem(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new FederatedError('BAD_FILE', `${path}: ${(cause as Error).message}`, { cause });
  }
}

import { randomBytes } from 'node:crypto';
import { mkdir, open, rm, statfs } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { Command } from 'commander';
import { availableBackends, type BackendReport } from '../shared/engine/available-backends.ts';
import { version } from '../shared/version.ts';
import { list } from '../simulations/datasets/registry.ts';
import { bold, printJson, printTable, runAction, say } from './output.ts';

/**
 * One thing that was looked at. `warning`: Fedloom works, but not all of it or not as it should. `unused`: something that
 * Fedloom can do without.
 */
export interface Finding {
  readonly check: string;
  readonly state: 'ok' | 'unused' | 'warning' | 'failed';
  /** One sentence; says what to do where something is wrong. */
  readonly message: string;
}

/** `fedloom doctor`: looks at this machine and says what would not work. Exit code 1 when something failed. */
export function command(): Command {
  return new Command('doctor')
    .description('check this machine: Node, backends, disk, ports')
    .option('--data-dir <folder>', "the server's data folder", './fedloom-data')
    .option('--json', 'one JSON object on stdout')
    .action((options: { readonly dataDir: string; readonly json?: boolean }) =>
      runAction(options.json === true, async () => {
        const backends = await availableBackends(() => performance.now());
        const findings = [
          checkNode(process.versions.node),
          ...checkBackends(backends),
          ...(await checkData()),
          await checkPort(8080),
          await checkFolder(options.dataDir),
          checkClock(Date.now()),
        ];
        const ok = findings.every(({ state }) => state !== 'failed');
        if (!ok) process.exitCode = 1;
        if (options.json === true) return printJson({ version, ok, node: process.versions.node, backends, findings });
        printTable(findings.map(({ check, state, message }) => [state, check, message]));
        say(bold(ok ? 'Fedloom can run here.' : 'Fedloom cannot run here as it is; see what failed above.'));
      }),
    );
}

/** @param node - a version such as `20.19.0` */
export function checkNode(node: string): Finding {
  const [major = 0, minor = 0] = node.split('.').map(Number);
  const recent = major > 20 || (major === 20 && minor >= 19);
  const message = recent ? `Node ${node}` : `Node ${node} is too old; install 20.19 or newer`;
  return { check: 'node', state: recent ? 'ok' : 'failed', message };
}

/**
 * A finding for each backend. The last two, wasm and cpu, run everywhere: one of them must, and a broken wasm is worth a
 * warning. The others are a bonus.
 */
export function checkBackends(backends: readonly BackendReport[]): Finding[] {
  const anyFound = backends.some(({ found }) => found);
  return backends.map(({ name, found, adapter, path, reason, examplesPerSecond }): Finding => {
    const check = `backend ${name}`;
    const isBonus = name !== 'wasm' && name !== 'cpu';
    const speed = `trains ${examplesPerSecond} examples of mnist-2nn a second, in batches of 10`;
    const where = [adapter, path === 'fused' ? 'fused kernels' : null].filter((part) => part !== null).join(', ');
    const why = reason?.replace(`${check}: `, '') ?? ''; // the table says the name already
    if (!found) return { check, state: !anyFound ? 'failed' : isBonus ? 'unused' : 'warning', message: why };
    if (reason !== null) return { check, state: 'unused', message: why };
    return { check, state: 'ok', message: where === '' ? speed : `${speed} (${where})` };
  });
}

const checkData = (): Promise<Finding[]> =>
  Promise.all(
    list().map(async ({ name, advice, locate }): Promise<Finding> => {
      const path = await locate();
      return { check: `data ${name}`, state: path === null ? 'warning' : 'ok', message: path ?? `not here: ${advice}` };
    }),
  );

/** Whether the port can be listened on. */
export async function checkPort(port: number): Promise<Finding> {
  const server = createServer();
  const error = await new Promise<NodeJS.ErrnoException | null>((done) => {
    server.once('error', done);
    server.listen(port, '127.0.0.1', () => done(null));
  });
  const check = `port ${port}`;
  if (error !== null) {
    const message = `cannot be listened on (${error.code}); give the server another with --port`;
    return { check, state: 'warning', message };
  }
  await new Promise((closed) => server.close(closed));
  return { check, state: 'ok', message: 'is free' };
}

/** Whether the folder, or the nearest one above it that exists, can be written durably and has room. */
export async function checkFolder(dataDir: string): Promise<Finding> {
  const check = 'data folder';
  let folder = resolve(dataDir);
  for (;;) {
    try {
      const { bavail, bsize } = await statfs(folder);
      await writeTest(folder);
      const gigabytes = (bavail * bsize) / 1e9;
      const room = `${gigabytes.toFixed(1)} GB are free in ${folder}`;
      if (gigabytes >= 1) return { check, state: 'ok', message: `can be written; ${room}` };
      return { check, state: 'warning', message: `${room}; models of many rounds need more` };
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code !== 'ENOENT' || dirname(folder) === folder) {
        return { check, state: 'failed', message: `${folder} cannot be written: ${message}` };
      }
      folder = dirname(folder);
    }
  }
}

async function writeTest(folder: string): Promise<void> {
  const trial = join(folder, `.fedloom-${randomBytes(6).toString('hex')}`);
  await mkdir(trial);
  try {
    const file = await open(join(trial, 'trial'), 'wx');
    try {
      await file.writeFile('trial');
      await file.sync();
    } finally {
      await file.close();
    }
  } finally {
    await rm(trial, { recursive: true, force: true });
  }
}

/** A clock far off breaks TLS and makes times in logs worthless. @param now - ms since 1970 */
export function checkClock(now: number): Finding {
  const year = new Date(now).getUTCFullYear();
  const plausible = year >= 2025 && year < 2100;
  const time = new Date(now).toISOString();
  return {
    check: 'clock',
    state: plausible ? 'ok' : 'failed',
    message: plausible ? time : `${time} cannot be right; set the clock of this machine`,
  };
}

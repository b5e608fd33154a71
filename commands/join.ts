import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { toExamples } from '../client/data.ts';
import {
  FederatedClient,
  type ProblemDetail,
  type RoundOutcome,
  type SecureDemands,
  type StateDetail,
} from '../client/node.ts';
import { lockFolder } from '../client/node/lock.ts';
import { FederatedError } from '../shared/errors.ts';
import { autoOrder } from '../shared/engine/backends/names.ts';
import { parseLink } from '../shared/protocol/link.ts';
import { checkClassNames, loadData } from '../simulations/datasets/registry.ts';
import { dim, printJson, runAction, say } from './output.ts';
import { addTlsFlags, tlsFrom, type TlsFlags } from './tls-flags.ts';

interface JoinOptions extends TlsFlags {
  readonly data: string;
  readonly label?: string;
  readonly state?: string;
  readonly seed?: string;
  readonly backend: string;
  readonly trainer?: string;
  readonly stay: boolean;
  readonly requireSecureAggregation: boolean;
  readonly minCohort?: number;
  readonly peers?: string;
  readonly whenCharging: boolean;
  readonly whenIdle: boolean;
  readonly minBattery?: number;
  readonly json: boolean;
}

const whole = (text: string): number => {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 3) throw new InvalidArgumentError('expected a whole number from 3 on');
  return value;
};

async function demandsOf({ requireSecureAggregation, minCohort, peers }: JoinOptions): Promise<SecureDemands> {
  return {
    required: requireSecureAggregation,
    ...(minCohort === undefined ? {} : { minCohort }),
    ...(peers === undefined ? {} : { peers: await readPeers(peers) }),
  };
}

/** @throws FederatedError BAD_FILE */
async function readPeers(path: string): Promise<string[]> {
  try {
    const lines = (await readFile(path, 'utf8')).split('\n').map((line) => line.replace(/#.*/, '').trim());
    return lines.filter((line) => line !== '');
  } catch (cause) {
    throw new FederatedError('BAD_FILE', `${path}: ${(cause as Error).message}`, { cause });
  }
}

const charge = (text: string): number => {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value <= 1)) throw new InvalidArgumentError('expected 0 to 1');
  return value;
};

export const command = (): Command =>
  addTlsFlags(
    new Command('join')
      .description(
        'Trains on local data for a server. The data stays in this process; encrypted weight changes are sent.',
      )
      .argument('<link>', 'the join link that the server printed')
      .requiredOption(
        '--data <spec>',
        'mnist-10k:0/10 (a part of a data set), file.csv?label=COLUMN, or images.idx,labels.idx',
      )
      .option('--label <text>', 'shown to the operator')
      .option('--state <dir>', 'folder of the identity and the newest model (the first free one under ~/.fedloom)')
      .option('--seed <seed>', 'for experiments: seed of the order of the batches and of rounding')
      .addOption(new Option('--backend <name>', 'who computes').choices(['auto', ...autoOrder.node]).default('auto'))
      .option('--trainer <file>', 'a module with `train`, instead of the built-in training')
      .option('--require-secure-aggregation', 'refuse runs in which the server would see this update', false)
      .option('--min-cohort <n>', 'refuse sums over fewer clients (3)', whole)
      .option('--peers <file>', 'take part only beside these: a client id or public key (hex) on each line'),
  )
    .option('--stay', 'stay after the run and take part in the next', false)
    .option('--when-charging', 'train only on mains', false)
    .option('--when-idle', 'train only while the machine is idle', false)
    .option('--min-battery <part>', 'train only above this charge, 0 to 1', charge)
    .option('--json', 'one JSON object on stdout at the end', false)
    .action((link: string, options: JoinOptions) => runAction(options.json, () => joinFederation(link, options)));

async function joinFederation(link: string, options: JoinOptions): Promise<void> {
  parseLink(link); // before the data is read, which may take a while
  const tls = await tlsFrom(options);
  const data = await loadData(options.data);
  const { folder, release } = await stateFolder(options.state);
  const stop = new AbortController();
  const interrupt = (): void => stop.abort();
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  let misfit: unknown = null;
  try {
    const client = new FederatedClient({
      url: link,
      stateDir: folder,
      consent: 'given',
      ...(tls === undefined ? {} : { tls }),
      data: async ({ task }) => {
        try {
          checkClassNames(data, task.data);
          await toExamples(data, task.data);
        } catch (thrown) {
          misfit = thrown; // no round will mend it
          stop.abort();
          throw thrown;
        }
        return data;
      },
      backend: options.backend,
      stay: options.stay,
      when: {
        charging: options.whenCharging,
        idle: options.whenIdle,
        ...(options.minBattery === undefined ? {} : { minBattery: options.minBattery }),
      },
      ...(options.label === undefined ? {} : { label: options.label }),
      secureAggregation: await demandsOf(options),
      ...(options.seed === undefined ? {} : { seed: options.seed }),
      ...(options.trainer === undefined ? {} : { trainer: options.trainer }),
    });
    showStates(client);
    const outcomes: RoundOutcome[] = [];
    for await (const outcome of client.join({ signal: stop.signal })) {
      outcomes.push(outcome);
      say(describe(outcome));
    }
    if (misfit !== null) throw misfit;
    await report(client, outcomes, options.json);
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
    await release();
  }
}

function showStates(client: FederatedClient): void {
  let last = '';
  client.addEventListener('state', (event) => {
    const { message } = (event as CustomEvent<StateDetail>).detail;
    if (message !== last) say(dim(message));
    last = message;
  });
  client.addEventListener('problem', (event) => {
    const { code, message } = (event as CustomEvent<ProblemDetail>).detail;
    say(`${message} [${code}]`);
  });
}

const describe = ({ round, result, counted }: RoundOutcome): string =>
  result === 'abandoned'
    ? `round ${round}: abandoned, will be tried again`
    : `round ${round}: ${result}, ${counted ? 'this update counts' : 'without this update'}`;

async function report(client: FederatedClient, outcomes: readonly RoundOutcome[], json: boolean): Promise<void> {
  const { backend } = client;
  const counted = outcomes.filter((outcome) => outcome.counted).length;
  const model = await client.model().catch(() => null);
  if (json) {
    printJson({
      run: model?.run ?? outcomes.at(-1)?.run ?? null,
      round: model?.round ?? null,
      counted,
      backend,
      weightsSha256: model?.sha256 ?? null,
    });
  }
  const kept = model === null ? '' : `; the model after round ${model.round} is kept on this device`;
  say(`Done: ${counted} of this client's updates counted${kept}.`);
}

/** The given folder, or the first under ~/.fedloom that no other client on this machine uses. */
async function stateFolder(given: string | undefined): Promise<{ folder: string; release: () => Promise<void> }> {
  if (given !== undefined) {
    const release = await lockFolder(given);
    if (release !== null) return { folder: given, release };
    throw new FederatedError('STORE_LOCKED', `${given} is in use by another client; choose another with --state`);
  }
  for (let number = 1; number <= 1_000; number++) {
    const folder = join(homedir(), '.fedloom', `client-${number}`);
    const release = await lockFolder(folder);
    if (release !== null) return { folder, release };
  }
  throw new FederatedError('STORE_LOCKED', 'a thousand clients run here already; give a folder with --state');
}

import { expect } from 'chai';
import { fork, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FederatedClient } from '../../client/node.ts';
import type { StepName } from '../../server/host.ts';
import { findBreak, type RoundRecord } from '../../shared/round-log.ts';
import { simpleTrainer, tinyConfig } from '../helpers/federation.ts';
import type { MortalMessage, MortalTask } from '../helpers/mortal-server.ts';

const script = fileURLToPath(new URL('../helpers/mortal-server.ts', import.meta.url));

/** A server process that has loaded its code and waits to be told to start. */
class Mortal {
  readonly process: ChildProcess = fork(script, {
    execArgv: ['--import=tsx'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  readonly died = new Promise<void>((resolve) => this.process.once('exit', () => resolve()));
  readonly #messages: MortalMessage[] = [];
  readonly #wake = new Set<() => void>();

  constructor() {
    this.process.on('message', (message: MortalMessage) => {
      this.#messages.push(message);
      for (const wake of this.#wake) wake();
    });
  }

  async next<T extends MortalMessage['type']>(type: T): Promise<Extract<MortalMessage, { type: T }>> {
    for (;;) {
      const found = this.#messages.find((message) => message.type === type);
      if (found !== undefined) return found as Extract<MortalMessage, { type: T }>;
      await new Promise<void>((resolve) => this.#wake.add(resolve));
    }
  }

  async start(task: MortalTask): Promise<Extract<MortalMessage, { type: 'listening' }>> {
    await this.next('loaded');
    this.process.send(task);
    return this.next('listening');
  }
}

interface Log {
  readonly records: readonly RoundRecord[];
  readonly trainings: ReadonlyMap<string, number>;
  readonly resumedAt: readonly number[];
}

const rounds = 5;
const steps: readonly StepName[] = [
  'attempt-saved',
  'train-sent',
  'upload-begun',
  'report-received',
  'aggregated',
  'blob-durable',
  'round-committed',
  'clients-told',
  'evaluated',
];
/** Those of secure aggregation, and two on which it bears. */
const secureSteps: readonly StepName[] = [
  'adverts-closed',
  'shares-closed',
  'report-received',
  'sum-masked',
  'consents-closed',
  'unmasked',
  'round-committed',
];

/** A whole run with three clients; the server is killed at each of the given steps in turn, and started again at once. */
async function runWithKills(
  kills: readonly NonNullable<MortalTask['kill']>[],
  secureAggregation = false,
): Promise<Log> {
  const dataDir = await mkdtemp(join(tmpdir(), 'fedloom-kill-'));
  const trainings = new Map<string, number>();
  const resumedAt: number[] = [];
  const abort = new AbortController();
  const joined: Promise<void>[] = [];
  let server = new Mortal();
  let spare = new Mortal();
  try {
    const first = await server.start({ dataDir, port: 0, kill: kills[0] ?? null });
    const { port, adminToken, joinLink } = first;
    server.process.send(tinyConfig({ rounds, minReports: 3, evaluateEvery: 1, secureAggregation }));
    for (const seed of [1, 2, 3]) {
      const onTrain = ({ round }: { round: number }): void => {
        const key = `${seed}/${round}`;
        trainings.set(key, (trainings.get(key) ?? 0) + 1);
      };
      const client = new FederatedClient({
        url: joinLink,
        consent: 'given',
        seed,
        data: () => ({ xs: new Float32Array(8), ys: new Float32Array(1) }),
        trainer: simpleTrainer({ examples: seed, onTrain }),
      });
      joined.push(
        (async () => {
          for await (const _ of client.join({ signal: abort.signal })) void _;
        })(),
      );
    }
    for (let i = 1; i <= kills.length; i++) {
      await server.died;
      server = spare;
      spare = new Mortal();
      // It may reach the next step, and die, before it can say anything.
      await Promise.race([server.start({ dataDir, port, kill: kills[i] ?? null }), server.died]);
      const said = await Promise.race([server.next('resumed'), server.died]);
      if (said !== undefined) resumedAt.push(said.round);
    }
    await Promise.all(joined); // each client ends when it hears that the run is finished
    const response = await fetch(`http://127.0.0.1:${port}/api/runs/tiny-1/log`, {
      headers: { authorization: `Bearer ${adminToken}` },
    });
    const { records } = (await response.json()) as { records: RoundRecord[] };
    return { records, trainings, resumedAt };
  } finally {
    abort.abort();
    await Promise.allSettled(joined);
    for (const each of [server, spare]) {
      each.process.kill('SIGKILL');
      await each.died;
    }
    await rm(dataDir, { recursive: true, force: true });
  }
}

describe('a server killed with SIGKILL', function () {
  this.timeout(60_000);
  const undisturbed = { plain: null as Log | null, secure: null as Log | null };
  const weights = ({ records }: Log): string[] => records.map(({ weightsAfter }) => weightsAfter);
  before(async () => {
    undisturbed.plain = await runWithKills([]);
    undisturbed.secure = await runWithKills([], true);
    for (const { records } of [undisturbed.plain, undisturbed.secure]) expect(records).to.have.length(rounds);
  });

  for (const { step, kind } of [
    ...steps.map((each) => ({ step: each, kind: 'plain' as const })),
    ...secureSteps.map((each) => ({ step: each, kind: 'secure' as const })),
  ]) {
    it(`four times at the step "${step}" of a ${kind} round goes on there and ends with the same weights`, async () => {
      // Steps that come once a round are reached in each life for the first time; the others once for each client too.
      const perClient = step === 'train-sent' || step === 'upload-begun' || step === 'report-received';
      const counts = perClient ? [1, 2, 3, 1] : [1, 1, 1, 1];
      const log = await runWithKills(
        counts.map((count) => ({ step, count })),
        kind === 'secure',
      );
      // No committed round is lost, none comes twice, and each has the undisturbed run's model.
      expect(log.records.map(({ round, result }) => [round, result])).to.deep.equal(
        Array.from({ length: rounds }, (_, i) => [i + 1, 'done']),
      );
      expect(weights(log)).to.deep.equal(weights(undisturbed[kind]!));
      expect(findBreak(log.records)).to.equal(-1);
      // Every client counts once in every round, and has trained once for it.
      for (const { reports } of log.records) expect(new Set(reports.map(({ client }) => client)).size).to.equal(3);
      expect([...log.trainings.values()]).to.deep.equal(Array.from({ length: 3 * rounds }, () => 1));
      // It says at which round it goes on, and never goes back.
      expect(log.resumedAt).to.have.length.within(1, 4);
      expect(log.resumedAt).to.deep.equal(log.resumedAt.toSorted((a, b) => a - b));
    });
  }
});

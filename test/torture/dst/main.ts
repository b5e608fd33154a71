import { fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { planOf, type PlanChanges } from './plan.ts';
import { commandOf, shrink } from './shrink.ts';
import { World } from './world.ts';

Error.stackTraceLimit = 0; // half of the time would go there

/**
 * Simulated worlds, one for each seed.
 *
 * - `--count 100000`: so many from `--from`, over `--workers` processes, within `--budget` seconds
 * - `--secure-count 2000`: so many more with secure aggregation
 * - `--first`: ends with the first broken rule, and says no more of it
 * - `--seed N`: one of them, with its history after `--verbose`; `--without KIND,KIND`, `--more KIND`, `--clients`, `--rounds`, `--secure`, `--buffered` make
 *   it another one
 */
const { values } = parseArgs({
  options: {
    from: { type: 'string', default: '0' },
    count: { type: 'string', default: '100000' },
    'secure-count': { type: 'string', default: '2000' },
    budget: { type: 'string', default: '3600' },
    workers: { type: 'string', default: String(availableParallelism()) },
    first: { type: 'boolean', default: false },
    seed: { type: 'string' },
    secure: { type: 'boolean' },
    buffered: { type: 'boolean' },
    verbose: { type: 'boolean', default: false },
    without: { type: 'string', default: '' },
    more: { type: 'string', default: '' },
    clients: { type: 'string' },
    rounds: { type: 'string' },
  },
});

interface Totals {
  seeds: number;
  secure: number;
  steps: number;
  faults: number;
  commits: number;
  checked: number;
  failures: number;
}
const none = (): Totals => ({ seeds: 0, secure: 0, steps: 0, faults: 0, commits: 0, checked: 0, failures: 0 });

const listOf = (text: string): string[] => text.split(',').filter((each) => each !== '');
const changes: PlanChanges = {
  without: listOf(values.without),
  more: listOf(values.more),
  ...(values.clients === undefined ? {} : { clients: Number(values.clients) }),
  ...(values.rounds === undefined ? {} : { rounds: Number(values.rounds) }),
  ...(values.secure === undefined ? {} : { secure: values.secure }),
  ...(values.buffered === undefined ? {} : { buffered: values.buffered }),
};
/** A failing run says what its first worlds have broken; the rest would say the same. */
const shown = 5;

async function one(seed: number): Promise<void> {
  const result = await new World(planOf(seed, changes), { records: values.verbose }).run();
  for (const line of result.history) console.log(line);
  const { violation, steps, faults, commits, checked } = result;
  console.log(`seed ${seed}: ${steps} steps, ${faults} faults, ${commits} records, ${checked} models compared`);
  if (violation === null) return console.log('no rule broken');
  console.log(`BROKEN: ${violation}`);
  process.exitCode = 1;
}

async function explain(seed: number, secure: boolean, violation: string): Promise<void> {
  console.log(`seed ${seed}: ${violation}`);
  const smallest = await shrink(seed, secure ? { ...changes, secure } : changes);
  const { history, violation: left } = await new World(planOf(seed, smallest), { records: true }).run();
  for (const line of history.slice(-60)) console.log(`  ${line}`);
  console.log(`  BROKEN: ${left}`);
  console.log(`  the whole history: ${commandOf(seed, smallest)}`);
}

async function stretch(from: number, count: number, step: number, isSecure: boolean, until: number): Promise<Totals> {
  const totals = none();
  for (let seed = from; seed < from + count && Date.now() < until; seed += step) {
    const plan = planOf(seed, isSecure ? { ...changes, secure: true } : changes);
    const { violation, ...result } = await new World(plan).run();
    totals.seeds++;
    if (plan.secure) totals.secure++;
    for (const name of ['steps', 'faults', 'commits', 'checked'] as const) totals[name] += result[name];
    if (violation === null) continue;
    if (values.first) {
      console.log(`seed ${seed}: ${violation}`);
      process.exit(1);
    }
    if (++totals.failures <= shown) await explain(seed, isSecure, violation);
  }
  return totals;
}

/** What a worker process is sent. */
interface Part {
  readonly offset: number;
  readonly step: number;
  readonly until: number;
}

async function work({ offset, step, until }: Part): Promise<Totals> {
  const from = Number(values.from);
  const secure = await stretch(from + offset, Number(values['secure-count']) - offset, step, true, until);
  const plain = await stretch(from + offset, Number(values.count) - offset, step, false, until);
  for (const name of Object.keys(plain) as (keyof Totals)[]) plain[name] += secure[name];
  return plain;
}

async function all(): Promise<void> {
  const start = Date.now();
  const workers = Number(values.workers);
  const until = start + 1000 * Number(values.budget);
  const parts = await Promise.all(
    Array.from({ length: workers }, (_, offset) => {
      if (workers === 1) return work({ offset, step: 1, until });
      return new Promise<Totals>((resolve, reject) => {
        const child = fork(process.argv[1]!, process.argv.slice(2), { execArgv: process.execArgv });
        child.send({ offset, step: workers, until } satisfies Part);
        child.on('message', (totals: Totals) => resolve(totals));
        child.on('exit', (code) => reject(new Error(`a worker ended with code ${code}`)));
      });
    }),
  );
  const totals = none();
  for (const part of parts) for (const name of Object.keys(totals) as (keyof Totals)[]) totals[name] += part[name];
  const { seeds, secure, steps, faults, commits, checked, failures } = totals;
  const seconds = (Date.now() - start) / 1000;
  const asked = Number(values.count) + Number(values['secure-count']);
  console.log(
    `${seeds} simulated seeds${seeds < asked ? ` of ${asked}, then the time was over` : ''} (${secure} with secure aggregation) in ` +
      `${seconds.toFixed(0)} s: ${failures} with a broken rule; ` +
      `${steps} steps, ${faults} faults, ${commits} records, ${checked} models compared bit for bit`,
  );
  process.exitCode = failures === 0 && seeds > 0 ? 0 : 1;
}

if (values.seed !== undefined) await one(Number(values.seed));
else if (process.send !== undefined) {
  process.once('message', (part: Part) => {
    void work(part).then((totals) => process.send!(totals, () => process.disconnect()));
  });
} else await all();

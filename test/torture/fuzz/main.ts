import { fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { campaign, type Campaign } from './campaign.ts';
import { keepInputs, keptInputs } from './corpus.ts';
import { closeTargets, openTargets, shareOf } from './targets/all.ts';

/**
 * - `--inputs 5000000`: so many over all readers, in `--workers` processes, within `--budget` seconds
 * - `--target NAME`: only to this one; with `--input BASE64`, only this input, as a failure prints it
 * - `--keep`: adds inputs of new kinds to the corpus in the repository
 */
const { values } = parseArgs({
  options: {
    inputs: { type: 'string', default: '5000000' },
    seed: { type: 'string', default: '1' },
    workers: { type: 'string', default: String(Math.min(4, availableParallelism())) },
    budget: { type: 'string', default: '3600' },
    target: { type: 'string' },
    input: { type: 'string' },
    keep: { type: 'boolean', default: false },
  },
});

/** Each goes by its own seed, so that memory and corpus stay small, and a stop in between costs little. */
const stretch = 4_000;

interface Line extends Omit<Campaign, 'found' | 'refused'> {
  readonly ms: number;
  readonly name: string;
  readonly refused: number;
  readonly codes: readonly string[];
}

async function work(worker: number, workers: number, until: number): Promise<Line[]> {
  const every = await openTargets();
  const targets = every.filter(({ name }) => values.target === undefined || name === values.target);
  if (targets.length === 0)
    throw new Error(`no target ${values.target}; known are ${every.map(({ name }) => name).join(', ')}`);
  const lines = new Map<string, Line>();
  // In turns, so that a budget that runs out leaves no reader without its part.
  const left = new Map(
    targets.map((target) => [target, Math.ceil(shareOf(target, targets, Number(values.inputs)) / workers)]),
  );
  for (let turn = 0; left.size > 0 && Date.now() < until; turn++) {
    for (const [target, rest] of left) {
      const count = Math.min(rest, Math.max(100, Math.ceil((stretch * target.weight) / 10)));
      const began = performance.now();
      const result = await campaign(target, {
        count,
        seed: `${values.seed}/${worker}/${turn}`,
        kept: keptInputs(target),
      });
      if (values.keep) keepInputs(target, result.found);
      const before = lines.get(target.name);
      const refused = Object.values(result.refused).reduce((sum, each) => sum + each, 0);
      lines.set(target.name, {
        name: target.name,
        ms: (before?.ms ?? 0) + performance.now() - began,
        inputs: (before?.inputs ?? 0) + result.inputs,
        accepted: (before?.accepted ?? 0) + result.accepted,
        refused: (before?.refused ?? 0) + refused,
        codes: [...new Set([...(before?.codes ?? []), ...Object.keys(result.refused)])],
        worstMs: Math.max(before?.worstMs ?? 0, result.worstMs),
        worstExcess: Math.max(before?.worstExcess ?? -Infinity, result.worstExcess),
        failures: [...(before?.failures ?? []), ...result.failures].slice(0, 5),
      });
      if (rest > count) left.set(target, rest - count);
      else left.delete(target);
    }
  }
  await closeTargets(every);
  return [...lines.values()];
}

async function one(name: string, input: string): Promise<void> {
  const targets = await openTargets();
  const target = targets.find((each) => each.name === name);
  if (target === undefined) throw new Error(`no target ${name}`);
  try {
    console.log(await target.read(new Uint8Array(Buffer.from(input, 'base64'))));
  } catch (error) {
    console.log(error);
  }
  await closeTargets(targets);
}

async function all(): Promise<void> {
  const start = Date.now();
  const workers = values.keep ? 1 : Number(values.workers);
  const until = start + 1000 * Number(values.budget);
  const parts = await Promise.all(
    Array.from({ length: workers }, (_, worker) => {
      if (workers === 1) return work(0, 1, until);
      return new Promise<Line[]>((resolve, reject) => {
        const child = fork(process.argv[1]!, process.argv.slice(2), { execArgv: process.execArgv });
        child.send({ worker, workers, until });
        child.on('message', (lines: Line[]) => resolve(lines));
        child.on('exit', (code) => reject(new Error(`a worker ended with code ${code}`)));
      });
    }),
  );
  const lines = parts.flat();
  const names = [...new Set(lines.map(({ name }) => name))];
  const total = { inputs: 0, failures: 0, ms: 0 };
  for (const name of names) {
    const own = lines.filter((line) => line.name === name);
    const sum = (of: (line: Line) => number): number => own.reduce((s, line) => s + of(line), 0);
    const most = (of: (line: Line) => number): number => Math.max(...own.map(of));
    const failures = own.flatMap((line) => line.failures);
    const codes = new Set(own.flatMap((line) => line.codes));
    total.inputs += sum((line) => line.inputs);
    total.failures += failures.length;
    total.ms = Math.max(total.ms, most((line) => line.worstMs)); // prettier-ignore
    console.log(
      `${name}: ${sum((line) => line.inputs)} inputs, ${sum((line) => line.accepted)} taken, ${sum((line) => line.refused)} refused ` +
        `(${codes.size} codes); ${((1_000 * sum((line) => line.ms)) / sum((line) => line.inputs)).toFixed(0)} us each, worst ${most((line) => line.worstMs).toFixed(1)} ms, ` +
        `memory ${(most((line) => line.worstExcess) / 1024).toFixed(0)} KiB beyond its bound`,
    );
    for (const { why, input } of failures)
      console.log(`  BROKEN: ${why}\n  npm run torture -- fuzz --target ${name} --input ${input}`);
  }
  const seconds = (Date.now() - start) / 1000;
  const isShort = values.target === undefined && total.inputs < 0.99 * Number(values.inputs);
  console.log(
    `${total.inputs} inputs${isShort ? ` of ${values.inputs}, then the time was over` : ''} to ${names.length} readers in ` +
      `${seconds.toFixed(0)} s: ${total.failures} broke a rule; worst ${total.ms.toFixed(1)} ms`,
  );
  process.exitCode = total.failures === 0 && total.inputs > 0 ? 0 : 1;
}

if (values.target !== undefined && values.input !== undefined) await one(values.target, values.input);
else if (process.send !== undefined) {
  process.once('message', ({ worker, workers, until }: { worker: number; workers: number; until: number }) => {
    void work(worker, workers, until).then((lines) => process.send!(lines, () => process.disconnect()));
  });
} else await all();

import type { RunConfig } from '../../config.ts';
import type { Task } from '../../../shared/tasks/task.ts';

/** A run's config as people keep it: a file for `fedloom serve --config`, or one command. Pure. */

/** The keys of a config file, as `fedloom serve` reads them. @param known - the built-in task of that name, if there is one */
export function settingsOf(config: RunConfig, known: Task | undefined): Record<string, unknown> {
  const { task, strategy, ...rest } = config;
  // The algorithm of the clients follows from the strategy.
  const { localEpochs, batchSize, clientLearningRate, algorithm: _, ...training } = task.training;
  const isKnown = known !== undefined && sameBut(task, known, training);
  const { name, ...options } = strategy;
  const spec = Object.entries(options)
    .filter(([, value]) => value !== undefined)
    .map(([option, value]) => `${option}=${value}`)
    .join(',');
  return {
    task: isKnown ? task.name : task,
    ...(isKnown ? { localEpochs, batchSize, lr: clientLearningRate } : {}),
    strategy: spec === '' ? name : `${name}:${spec}`,
    ...rest,
  };
}

/** Whether a task is the built-in one but for the settings that have flags of their own. */
function sameBut(task: Task, known: Task, training: object): boolean {
  const { localEpochs: _, batchSize: __, clientLearningRate: ___, ...knownTraining } = known.training;
  const text = (value: unknown): string => JSON.stringify(sorted(value));
  const { training: ____, ...about } = task;
  const { training: _____, ...knownAbout } = known;
  return text(about) === text(knownAbout) && text(training) === text(knownTraining);
}

/** The same value with the keys of its objects in order. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, each]) => [name, sorted(each)]));
}

/** The command that makes the same run, or null where the task is in no catalogue. */
export function commandOf(settings: Readonly<Record<string, unknown>>): string | null {
  if (typeof settings['task'] !== 'string') return null;
  const flags = Object.entries(settings).flatMap(([name, value]) => {
    if (value === undefined) return [];
    const flag = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    if (typeof value === 'boolean') return [value ? `--${flag}` : `--no-${flag}`];
    return [`--${flag} ${typeof value === 'object' ? JSON.stringify(value) : String(value as string | number)}`];
  });
  // Lines of about 70 characters.
  const lines = ['npx fedloom serve'];
  for (const flag of flags) {
    if (lines.at(-1)!.length + flag.length > 70) lines.push(` ${flag}`);
    else lines[lines.length - 1] += ` ${flag}`;
  }
  return lines.join(' \\\n ');
}

/** JSON as YAML 1.2 in block style; short lists of plain values on one line. */
export function yaml(value: unknown, indent = ''): string {
  if (Array.isArray(value)) {
    if (value.every((item) => item === null || typeof item !== 'object')) return `[${value.map(scalar).join(', ')}]\n`;
    return `\n${value.map((item) => `${indent}- ${yaml(item, `${indent}  `).trimStart()}`).join('')}`;
  }
  if (value === null || typeof value !== 'object') return `${scalar(value)}\n`;
  const entries = Object.entries(value).filter(([, each]) => each !== undefined);
  if (entries.length === 0) return '{}\n';
  return `\n${entries.map(([name, each]) => `${indent}${name}: ${yaml(each, `${indent}  `)}`.replace(/: \n/, ':\n')).join('')}`;
}

/** A double-quoted scalar of YAML takes every JSON string; plain words stay plain. */
const scalar = (value: unknown): string =>
  typeof value === 'string' && /^[a-z][a-z0-9-]*$/.test(value) && !/^(true|false|null|yes|no|on|off|y|n)$/.test(value)
    ? value
    : JSON.stringify(value);

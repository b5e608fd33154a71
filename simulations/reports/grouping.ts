import { FederatedError } from '../../shared/errors.ts';
import { partitionKinds } from '../partitions/parse.ts';
import type { RunRecord } from './run-record.ts';

/** Runs that differ in nothing but their seed. */
export interface RunGroup {
  /** `alpha = 0.1` */
  readonly label: string;
  readonly runs: readonly RunRecord[];
}

/** What makes a run another run of the same thing, or says nothing of what was done: never a reason for a group of its own. */
const ofNoInterest = new Set(['seed', 'workers', 'backend']);

/**
 * Groups runs by a field of their settings, or, without one, by every setting in which they differ but the seed.
 * @param field - a path (`strategy.name`), the end of one if only one ends so (`clientLearningRate`), or a parameter of the
 *   partition (`alpha`)
 * @throws FederatedError BAD_ARGUMENT when no run has the field, or it is not clear which is meant
 */
export function groupRuns(runs: readonly RunRecord[], field: string | null): RunGroup[] {
  const settings = runs.map(({ config }) => settingsOf(config));
  const fields = field === null ? differing(settings) : [resolve(field, settings)];
  const groups = new Map<string, RunRecord[]>();
  for (const [i, run] of runs.entries()) {
    const label = fields
      .map((each) => `${shortName(each, fields)} = ${settings[i]!.get(each) ?? 'not set'}`)
      .join(', ');
    const key = label === '' ? 'all runs' : label;
    groups.set(key, [...(groups.get(key) ?? []), run]);
  }
  return [...groups].map(([label, members]) => ({ label, runs: members })).toSorted((a, b) => order(a.label, b.label));
}

/** Every leaf of a config by its path, and the parameters of the partition as `partition.alpha`. */
function settingsOf(config: Readonly<Record<string, unknown>>): Map<string, string> {
  const settings = new Map<string, string>();
  const visit = (value: unknown, path: string): void => {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      for (const [key, each] of Object.entries(value)) visit(each, path === '' ? key : `${path}.${key}`);
    } else settings.set(path, typeof value === 'string' ? value : JSON.stringify(value));
  };
  visit(config, '');
  const spec = config['partition'];
  if (typeof spec === 'string')
    for (const [name, value] of partitionParameters(spec)) settings.set(`partition.${name}`, value);
  return settings;
}

/** `dirichlet:0.3,min=5` has alpha 0.3 and min 5. */
function partitionParameters(spec: string): [string, string][] {
  const [kind = '', ...rest] = spec.split(':');
  const [value, ...options] = rest.join(':').split(',');
  const name = Object.hasOwn(partitionKinds, kind) ? partitionKinds[kind]!.value?.name : undefined;
  const pairs = options.map((option): [string, string] => [option.split('=')[0]!, option.split('=')[1] ?? '']);
  return name === undefined || value === undefined || value === '' ? pairs : [[name, value], ...pairs];
}

/** As a flag has it: `--lr`, `local-epochs`, `strategy`. */
function fieldOfFlag(flag: string): string {
  const name = flag.replace(/^--/, '').replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
  if (name === 'lr') return 'clientLearningRate';
  return name === 'strategy' ? 'strategy.name' : name;
}

function resolve(field: string, settings: readonly ReadonlyMap<string, string>[]): string {
  const all = [...new Set(settings.flatMap((each) => [...each.keys()]))];
  if (all.includes(field)) return field;
  field = fieldOfFlag(field);
  if (all.includes(field)) return field;
  const ends = all.filter((path) => path.endsWith(`.${field}`));
  if (ends.length === 1) return ends[0]!;
  const candidates = ends.length > 1 ? ends : differing(settings);
  const what = ends.length > 1 ? `several settings end in ${field}` : `no run has a setting ${JSON.stringify(field)}`;
  const advice = candidates.length === 0 ? 'the runs differ in none' : `choose one of ${candidates.join(', ')}`;
  throw new FederatedError('BAD_ARGUMENT', `--group: ${what}; ${advice}`);
}

/** Settings that are not the same in all runs; a whole partition only where its parameters do not say it. */
function differing(settings: readonly ReadonlyMap<string, string>[]): string[] {
  const all = [...new Set(settings.flatMap((each) => [...each.keys()]))];
  const found = all.filter((path) => {
    if (ofNoInterest.has(path)) return false;
    return new Set(settings.map((each) => each.get(path))).size > 1;
  });
  const kinds = new Set(settings.map((each) => each.get('partition')?.split(':')[0]));
  return found.filter((path) => (kinds.size > 1 ? !path.startsWith('partition.') : path !== 'partition' || !found.some((each) => each.startsWith('partition.')))); // prettier-ignore
}

/** The last part of a path, unless two of the paths end in it. */
function shortName(path: string, fields: readonly string[]): string {
  const last = path.split('.').at(-1)!;
  const name = last === 'name' ? path.split('.').at(-2)! : last;
  return fields.filter((each) => each === path || each.endsWith(`.${last}`)).length > 1 ? path : name;
}

/** By the number behind the last `=` where both have one: `alpha = 2` before `alpha = 10`. */
function order(a: string, b: string): number {
  const [head, x] = split(a);
  const [other, y] = split(b);
  if (head === other && Number.isFinite(x) && Number.isFinite(y)) return x - y;
  return a < b ? -1 : a > b ? 1 : 0;
}

function split(label: string): [string, number] {
  const at = label.lastIndexOf('=') + 1;
  return [label.slice(0, at), Number(label.slice(at))];
}

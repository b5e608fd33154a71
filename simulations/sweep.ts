import { FederatedError } from '../shared/errors.ts';

/** One setting of a sweep and the values it takes. */
export interface Axis {
  /** As a flag without dashes, or an option's name. */
  readonly key: string;
  readonly values: readonly string[];
}

const refuse = (message: string): never => {
  throw new FederatedError('BAD_ARGUMENT', `sweep: ${message}`);
};
/** A sweep beyond it is a mistake rather than a plan. */
const mostRuns = 10_000;

/**
 * The axes of `lr=0.05,0.1 seed=1..3`: settings apart by spaces, values by commas, or by `|` where they hold commas themselves;
 * `a..b` are the whole numbers from a to b.
 * @throws FederatedError BAD_ARGUMENT
 */
export function parseSweep(text: string): Axis[] {
  const axes = text
    .trim()
    .split(/\s+/)
    .map((axis): Axis => {
      const at = axis.indexOf('=');
      if (at < 1 || at === axis.length - 1) {
        return refuse(`expected settings such as "lr=0.05,0.1 seed=1..3", got ${JSON.stringify(axis)}`);
      }
      const key = axis.slice(0, at).replace(/^--/, '');
      const cells = axis.slice(at + 1).split(axis.includes('|') ? '|' : ',');
      const values = cells.flatMap((cell) => rangeOf(key, cell));
      if (values.includes('')) return refuse(`${key} has an empty value`);
      const twice = values.find((value, i) => values.indexOf(value) !== i);
      if (twice !== undefined) return refuse(`${key} takes the value ${twice} twice`);
      return { key, values };
    });
  const twice = axes.find(({ key }, i) => axes.findIndex((other) => other.key === key) !== i);
  if (twice !== undefined) return refuse(`${twice.key} is there twice`);
  const runs = axes.reduce((product, { values }) => product * values.length, 1);
  if (runs > mostRuns) return refuse(`${runs} runs; at most ${mostRuns} are made`);
  return axes;
}

function rangeOf(key: string, cell: string): string[] {
  const match = /^(-?\d+)\.\.(-?\d+)$/.exec(cell);
  if (match === null) return [cell];
  const [from, to] = [Number(match[1]), Number(match[2])];
  if (from > to) return refuse(`${key}: ${cell} runs backwards`);
  if (to - from >= mostRuns) return refuse(`${key}: ${cell} has more than ${mostRuns} values`);
  return Array.from({ length: to - from + 1 }, (_, i) => String(from + i));
}

/** Every combination of the values, the last axis fastest. */
export function combinations(axes: readonly Axis[]): Record<string, string>[] {
  return axes.reduce<Record<string, string>[]>(
    (all, { key, values }) => all.flatMap((before) => values.map((value) => ({ ...before, [key]: value }))),
    [{}],
  );
}

/** The folder of one combination: `lr=0.1,seed=2`, with what a file's name cannot hold as `-`. */
export const nameOf = (combination: Readonly<Record<string, string>>): string =>
  Object.entries(combination)
    .map(([key, value]) => `${key}=${value}`)
    .join(',')
    .replace(/[^A-Za-z0-9=,.+-]/g, '-')
    .slice(0, 200);

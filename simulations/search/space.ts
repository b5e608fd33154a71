import { FederatedError } from '../../shared/errors.ts';
import { seeded } from '../../shared/random.ts';

/** What a search draws from: for each setting a range, or a list of values. */

export type Dimension =
  | { readonly key: string; readonly kind: 'log' | 'uniform' | 'int'; readonly from: number; readonly to: number }
  | { readonly key: string; readonly kind: 'choice'; readonly values: readonly string[] };

/** A setting of each dimension, as text. */
export type Settings = Readonly<Record<string, string>>;

const refuse = (message: string): never => {
  throw new FederatedError('BAD_ARGUMENT', `search: ${message}`);
};

/**
 * The dimensions of `lr=log(0.001,1) local-epochs=int(1,5) strategy.tau=log(1e-4,0.1) batch-size=10,20`: settings apart by spaces. A
 * list has its values apart by commas, or by `|` where they hold commas themselves.
 * @throws FederatedError BAD_ARGUMENT
 */
export function parseSpace(text: string): Dimension[] {
  const dimensions = text.trim().split(/\s+/).map(dimensionOf);
  const twice = dimensions.find(({ key }, i) => dimensions.findIndex((other) => other.key === key) !== i);
  return twice === undefined ? dimensions : refuse(`${twice.key} is there twice`);
}

function dimensionOf(text: string): Dimension {
  const [, key = '', rest = ''] = /^(?:--)?([^=]+)=(.+)$/.exec(text) ?? [];
  if (key === '') return refuse(`expected settings such as "lr=log(0.001,1) batch-size=10,20", got ${JSON.stringify(text)}`); // prettier-ignore
  const [, kind, inside = ''] = /^([a-z]+)\((.*)\)$/.exec(rest) ?? [];
  if (kind === undefined) {
    const values = rest.split(rest.includes('|') ? '|' : ',');
    if (values.includes('')) return refuse(`${key} has an empty value`);
    return { key, kind: 'choice', values };
  }
  if (kind !== 'log' && kind !== 'uniform' && kind !== 'int') {
    return refuse(`${key}: no range ${JSON.stringify(kind)}; known are log(a,b), uniform(a,b), int(a,b), or values such as 10,20`); // prettier-ignore
  }
  const ends = inside.split(',').map((end) => (end.trim() === '' ? Number.NaN : Number(end)));
  const [from = Number.NaN, to = Number.NaN] = ends;
  if (ends.length !== 2 || !Number.isFinite(from) || !Number.isFinite(to) || from >= to) {
    return refuse(`${key}: ${kind} needs two numbers, the smaller first, got (${inside})`);
  }
  if (kind === 'log' && from <= 0) return refuse(`${key}: log needs numbers above 0, got (${inside})`);
  if (kind === 'int' && !(Number.isSafeInteger(from) && Number.isSafeInteger(to))) {
    return refuse(`${key}: int needs whole numbers, got (${inside})`);
  }
  return { key, kind, from, to };
}

/**
 * The settings of one trial. Each depends on the seed, the trial and its own name alone, so that more trials or another dimension
 * leave the others as they are. Real numbers have three significant digits: they name folders, and are read by people.
 * @param trial - from 0
 */
export function settingsOf(space: readonly Dimension[], seed: number, trial: number): Settings {
  return Object.fromEntries(
    space.map((dimension): [string, string] => {
      const random = seeded(seed, 'search', dimension.key, trial);
      if (dimension.kind === 'choice') return [dimension.key, dimension.values[random.below(dimension.values.length)]!];
      const { key, kind, from, to } = dimension;
      if (kind === 'int') return [key, String(from + random.below(to - from + 1))];
      const at = random.float();
      const value = kind === 'log' ? from * (to / from) ** at : from + (to - from) * at;
      return [key, String(Math.min(to, Math.max(from, Number(value.toPrecision(3)))))];
    }),
  );
}

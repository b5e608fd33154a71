import type { Random } from '../../../shared/random.ts';
import { mutations, randomBytes } from '../../helpers/fuzz.ts';

/** Changes to a decoded value: what a reader of bytes sees as another message of the right form. */

const oddNumbers = [
  0, -0, 1, -1, 0.5, 2, 255, 256, 65_535, 65_536, 1e6, 1e9, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1, 2 ** 53, 1e308, -1e308,
  5e-324, Number.NaN, Infinity, -Infinity,
]; // prettier-ignore
const oddTexts = [
  '',
  ' ',
  '\0',
  '__proto__',
  'constructor',
  'toString',
  'é',
  '\u{1f600}',
  '\ud800',
  '../..',
  '%00',
  'NaN',
];

const pick = <T>(random: Random, items: readonly T[]): T => items[random.below(items.length)]!;

function odd(random: Random): unknown {
  switch (random.below(9)) {
    case 0:
      return null;
    case 1:
      return random.below(2) === 0;
    case 2:
    case 3:
      return pick(random, oddNumbers);
    case 4:
      return pick(random, oddTexts);
    case 5:
      return 'x'.repeat(pick(random, [1, 31, 32, 64, 65, 255, 256, 512, 513, 1_024, 3_000]));
    case 6:
      return randomBytes(random, pick(random, [1, 16, 32, 64, 300]));
    case 7:
      return Array.from({ length: random.below(20) }, () => pick(random, oddNumbers));
    default:
      return { [pick(random, oddTexts)]: pick(random, oddNumbers) };
  }
}

/** A changed copy; the value itself is left alone. */
export function changed(random: Random, value: unknown, depth = 0): unknown {
  if (random.below(12) === 0) return odd(random);
  if (typeof value === 'number') return changedNumber(random, value);
  if (typeof value === 'string') return changedText(random, value);
  if (typeof value === 'boolean') return !value;
  if (value instanceof Uint8Array) return mutations(random, [value], 1).next().value;
  if (Array.isArray(value)) return changedList(random, value, depth);
  if (value !== null && typeof value === 'object')
    return changedFields(random, value as Record<string, unknown>, depth);
  return odd(random);
}

function changedNumber(random: Random, value: number): number {
  const kinds = [
    value + 1,
    value - 1,
    -value,
    value * 2,
    value / 2,
    value + 0.5,
    value * 1e6,
    pick(random, oddNumbers),
  ];
  return pick(random, kinds);
}

function changedText(random: Random, value: string): string {
  const at = random.below(value.length + 1);
  const kinds = [
    value.slice(0, at),
    value.slice(0, at) + pick(random, oddTexts) + value.slice(at),
    value.toUpperCase(),
    value + value,
    value.slice(0, at) + String.fromCharCode(random.below(0x300)) + value.slice(at + 1),
    pick(random, oddTexts),
  ];
  return pick(random, kinds);
}

function changedList(random: Random, list: readonly unknown[], depth: number): unknown {
  const copy = [...list];
  const at = copy.length === 0 ? 0 : random.below(copy.length);
  const kind = random.below(6);
  if (kind === 0) copy.splice(at, 1);
  else if (kind === 1) copy.splice(at, 0, odd(random));
  else if (kind === 2 && copy.length > 0) copy.push(...Array.from({ length: 1 << random.below(9) }, () => copy[at]));
  else if (kind === 3 && depth < 12) return wrapped(random, copy);
  else if (copy.length > 0) copy[at] = changed(random, copy[at], depth + 1);
  return copy;
}

function changedFields(random: Random, fields: Readonly<Record<string, unknown>>, depth: number): unknown {
  const copy: Record<string, unknown> = { ...fields };
  const names = Object.keys(copy);
  const name = names.length === 0 ? 'x' : pick(random, names);
  const kind = random.below(10);
  if (kind === 0) delete copy[name];
  else if (kind === 1) setOwn(copy, pick(random, [...oddTexts, `${name}s`, name.slice(1), 'extra']), odd(random));
  else if (kind === 2 && names.length > 1) setOwn(copy, name, copy[pick(random, names)]);
  else if (kind === 3) setOwn(copy, name, odd(random));
  else if (kind === 4) return wrapped(random, copy, name);
  else setOwn(copy, name, changed(random, copy[name], depth + 1));
  return copy;
}

/** Also where the name is `__proto__`. */
const setOwn = (fields: object, name: string, value: unknown): void =>
  void Object.defineProperty(fields, name, { value, enumerable: true, configurable: true, writable: true });

/** Deeply nested. */
function wrapped(random: Random, value: unknown, name = 'x'): unknown {
  let nested = value;
  for (let times = 1 << random.below(8); times > 0; times--)
    nested = random.below(2) === 0 ? [nested] : { [name]: nested };
  return nested;
}

import { FederatedError } from '../../shared/errors.ts';
import { seeded } from '../../shared/random.ts';
import type { DataContract } from '../../shared/tasks/task.ts';
import { alie } from './alie.ts';
import type { Attack } from './attack.ts';
import { backdoor } from './backdoor.ts';
import { labelFlip } from './label-flip.ts';
import { minMax } from './min-max.ts';
import { noise } from './noise.ts';
import { scaling } from './scaling.ts';
import { signFlip } from './sign-flip.ts';

/** An attack and how many take part in it. */
export interface AttackSpec {
  readonly name: AttackName;
  /** Part of all clients, from 0 to 1. */
  readonly fraction: number;
  readonly options: Readonly<Record<string, number>>;
}

/** What each attack may be told, and whether its clients need classes. */
const kinds = {
  'sign-flip': { options: ['scale'] },
  noise: { options: ['deviation'] },
  'label-flip': { options: [] },
  alie: { options: ['z'] },
  'min-max': { options: [] },
  scaling: { options: ['scale'] },
  backdoor: { options: ['target', 'share', 'scale', 'size', 'value'] },
} as const satisfies Record<string, { options: readonly string[] }>;
export type AttackName = keyof typeof kinds;
export const attackNames = Object.keys(kinds) as readonly AttackName[];

const refuse = (text: string): FederatedError => new FederatedError('BAD_CONFIG', `attack: ${text}`);

/**
 * An attack in one word: name, part of the clients, options: `sign-flip:0.2`, `backdoor:0.1,target=7,scale=10`.
 * @throws FederatedError BAD_CONFIG naming what is known, or what is wrong
 */
export function parseAttack(spec: string): AttackSpec {
  const [name = '', rest = ''] = spec.split(/:(.*)/s);
  if (!(attackNames as readonly string[]).includes(name)) {
    throw refuse(`no ${JSON.stringify(name)}; known are ${attackNames.join(', ')}`);
  }
  const known: readonly string[] = kinds[name as AttackName].options;
  const [part = '', ...settings] = rest.split(',');
  const fraction = Number(part);
  if (part.trim() === '' || !(fraction >= 0 && fraction <= 1)) {
    throw refuse(
      `${name} needs the part of the clients that attack, 0 to 1, as in ${name}:0.2; got ${JSON.stringify(part)}`,
    );
  }
  const options: Record<string, number> = {};
  for (const setting of settings) {
    const [key = '', text = ''] = setting.split('=');
    const value = Number(text);
    if (!known.includes(key) || text.trim() === '' || !Number.isFinite(value) || Object.hasOwn(options, key)) {
      const shown = known.map((option) => `${option}=…`).join(', ');
      throw refuse(`${name}: ${JSON.stringify(setting)} is no option of it, or no number; it has ${shown || 'none'}`);
    }
    if (key === 'deviation' && value < 0) throw refuse(`${name}: deviation is 0 or more, got ${text}`);
    options[key] = value;
  }
  return { name: name as AttackName, fraction, options };
}

/**
 * The attack of a spec on a task's data.
 * @throws FederatedError BAD_CONFIG where the attack needs classes, or images, and the task has none
 */
export function attackOf({ name, options }: AttackSpec, data: DataContract): Attack {
  const { labels, features } = data;
  const classes = (): number => {
    if ('classes' in labels) return labels.classes;
    throw refuse(`${name} changes labels, and this task has no classes`);
  };
  switch (name) {
    case 'sign-flip':
      return signFlip(options);
    case 'noise':
      return noise(options);
    case 'label-flip':
      return labelFlip({ classes: classes() });
    case 'alie':
      return alie(options);
    case 'min-max':
      return minMax();
    case 'scaling':
      return scaling(options);
    case 'backdoor': {
      const { target = 0 } = options;
      if (!Number.isInteger(target) || target < 0 || target >= classes()) {
        throw refuse(`backdoor: target is a label from 0 to ${classes() - 1}, got ${target}`);
      }
      if ('positions' in labels && labels.positions > 1)
        throw refuse('backdoor needs one label for each example, and this task has more');
      return backdoor({ ...options, target, shape: features });
    }
    default:
      return name satisfies never;
  }
}

/** Which clients attack: round(fraction · clients) of them, in order, the same for the same seed. */
export const attackersOf = (
  clients: number,
  { fraction }: Pick<AttackSpec, 'fraction'>,
  seed: number,
): ReadonlySet<number> =>
  new Set(
    seeded(seed, 'attackers')
      .permutation(clients)
      .subarray(0, Math.round(fraction * clients))
      .toSorted(),
  );

import * as v from 'valibot';

/** The rule of a client's steps as data: optimizer, what is done to its gradient, and how its rate changes with the rounds. */

const positive = v.pipe(v.number(), v.finite(), v.gtValue(0));
const part = v.pipe(v.number(), v.minValue(0), v.ltValue(1));
const momentum = v.optional(part, 0.9);
const tiny = (value: number) => v.optional(positive, value);

const variants = [
  /** w -= rate g */
  v.strictObject({ name: v.literal('sgd') }),
  /** v = momentum v + g; w -= rate v (Polyak 1964) */
  v.strictObject({ name: v.literal('momentum'), momentum }),
  /** v = momentum v + g; w -= rate (g + momentum v) (Nesterov 1983, as Sutskever et al. 2013 write it) */
  v.strictObject({ name: v.literal('nesterov'), momentum }),
  /** Kingma and Ba 2015, Algorithm 1 */
  v.strictObject({
    name: v.literal('adam'),
    beta1: v.optional(part, 0.9),
    beta2: v.optional(part, 0.999),
    epsilon: tiny(1e-8),
  }),
  /** Loshchilov and Hutter 2019, Algorithm 2: Adam, and w -= rate weightDecay w for kernels */
  v.strictObject({
    name: v.literal('adamw'),
    beta1: v.optional(part, 0.9),
    beta2: v.optional(part, 0.999),
    epsilon: tiny(1e-8),
    weightDecay: v.optional(v.pipe(v.number(), v.finite(), v.minValue(0)), 0.01),
  }),
  /** s = decay s + (1 - decay) g²; w -= rate g / (sqrt(s) + epsilon) (Hinton, lecture 6e, 2012) */
  v.strictObject({ name: v.literal('rmsprop'), decay: v.optional(part, 0.9), epsilon: tiny(1e-7) }),
  /** s += g²; w -= rate g / (sqrt(s) + epsilon); s starts at `initialAccumulator` (Duchi et al. 2011) */
  v.strictObject({
    name: v.literal('adagrad'),
    initialAccumulator: v.optional(v.pipe(v.number(), v.finite(), v.minValue(0)), 0.1),
    epsilon: tiny(1e-7),
  }),
] as const;

const settings = v.variant('name', variants);
export type OptimizerSpec = v.InferOutput<typeof settings>;
export const optimizerNames = [
  'sgd',
  'momentum',
  'nesterov',
  'adam',
  'adamw',
  'rmsprop',
  'adagrad',
] as const satisfies readonly OptimizerSpec['name'][];

/** An optimizer by its name alone, or with settings: `adam`, `{ "name": "adam", "beta1": 0.8 }`. */
export const optimizerSchema = v.pipe(
  // By what is given, not as a union: a message then names the setting that is wrong.
  v.lazy((value) => (typeof value === 'object' ? settings : v.picklist(optimizerNames))),
  v.transform((value) => (typeof value === 'string' ? { name: value } : value)),
  settings,
);

const rounds = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1_000_000_000));
const warmupRounds = v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(1_000_000_000)), 0);

/** How the client's learning rate changes from round to round (counted from 1). */
export const scheduleSchema = v.variant('name', [
  v.strictObject({ name: v.literal('constant'), warmupRounds }),
  /** rate factor^floor(r / every) */
  v.strictObject({ name: v.literal('step'), every: rounds, factor: positive, warmupRounds }),
  /** rate factor^r, McMahan's decay a round */
  v.strictObject({ name: v.literal('exponential'), factor: positive, warmupRounds }),
  /** From rate to rate · end over `rounds`, then constant */
  v.strictObject({ name: v.literal('linear'), rounds, end: v.optional(part, 0), warmupRounds }),
  /** The same on half a cosine (Loshchilov and Hutter 2017, without restarts) */
  v.strictObject({ name: v.literal('cosine'), rounds, end: v.optional(part, 0), warmupRounds }),
  /** rate / (1 + decay r) */
  v.strictObject({ name: v.literal('inverse-time'), decay: positive, warmupRounds }),
]);
export type ScheduleSpec = v.InferOutput<typeof scheduleSchema>;

/**
 * The learning rate of a round.
 * @param round - from 1
 */
export function learningRateAt(rate: number, schedule: ScheduleSpec | undefined, round: number): number {
  if (schedule === undefined) return rate;
  if (round <= schedule.warmupRounds) return (rate * round) / (schedule.warmupRounds + 1);
  const r = round - 1 - schedule.warmupRounds; // rounds since the full rate was reached
  switch (schedule.name) {
    case 'constant':
      return rate;
    case 'step':
      return rate * schedule.factor ** Math.floor(r / schedule.every);
    case 'exponential':
      return rate * schedule.factor ** r;
    case 'linear':
      return rate * (1 + (schedule.end - 1) * Math.min(1, r / schedule.rounds));
    case 'cosine': {
      const left = (1 + Math.cos(Math.PI * Math.min(1, r / schedule.rounds))) / 2;
      return rate * (schedule.end + (1 - schedule.end) * left);
    }
    case 'inverse-time':
      return rate / (1 + schedule.decay * r);
    default:
      return schedule satisfies never;
  }
}

import * as v from 'valibot';

/** The strategy of a run's config: its name, and the options of that one alone. */

const positive = v.pipe(v.number(), v.finite(), v.gtValue(0));
const part = v.pipe(v.number(), v.minValue(0), v.ltValue(1));
const serverLearningRate = (value: number) => v.optional(positive, value);
const tau = v.optional(positive, 1e-3);
const moving = {
  serverLearningRate: serverLearningRate(0.01),
  beta1: v.optional(part, 0.9),
  beta2: v.optional(part, 0.99),
  tau,
};

const variants = [
  v.strictObject({ name: v.literal('fedavg'), serverLearningRate: serverLearningRate(1) }),
  v.strictObject({ name: v.literal('fedsgd'), serverLearningRate: serverLearningRate(1) }),
  v.strictObject({
    name: v.literal('fedavgm'),
    serverLearningRate: serverLearningRate(1),
    serverMomentum: v.optional(part, 0.9),
  }),
  v.strictObject({
    name: v.literal('fedadagrad'),
    serverLearningRate: serverLearningRate(0.1),
    beta1: v.optional(part, 0),
    tau,
  }),
  v.strictObject({ name: v.literal('fedadam'), ...moving }),
  v.strictObject({ name: v.literal('fedyogi'), ...moving }),
  v.strictObject({
    name: v.literal('norm-bounding'),
    serverLearningRate: serverLearningRate(1),
    clippingNorm: positive,
  }),
] as const;

export const strategySchema = v.variant('name', variants);
export type StrategyConfig = v.InferOutput<typeof strategySchema>;
export type StrategyName = StrategyConfig['name'];

export const strategyNames: readonly StrategyName[] = variants.map(({ entries }) => entries.name.literal);

/** The options of a strategy beside its name. */
export function optionsOf(name: StrategyName): readonly string[] {
  const { entries } = variants.find((variant) => variant.entries.name.literal === name)!;
  return Object.keys(entries).filter((key) => key !== 'name');
}

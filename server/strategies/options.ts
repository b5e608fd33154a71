import * as v from 'valibot';

/** The strategy of a run's config: its name, and the options of that one alone. */

const positive = v.pipe(v.number(), v.finite(), v.gtValue(0));
const part = v.pipe(v.number(), v.minValue(0), v.ltValue(1));
const serverLearningRate = (value: number) => v.optional(positive, value);
const notNegative = (value: number) => v.optional(v.pipe(v.number(), v.finite(), v.minValue(0)), value);
const natural = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1_000_000_000));
/** Clients of the run, of which a round has some; default: `minClients`. */
const population = v.optional(natural);
const personalLayers = v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(256)), 1);
/** f: clients of a round that may do anything at all. */
const byzantine = v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(100_000)), 0);
const iterations = (value: number) =>
  v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1_000)), value);
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
  /** Asynchronous: its rounds have no cohort of a size, but a buffer of reports. */
  v.strictObject({
    name: v.literal('fedbuff'),
    serverLearningRate: serverLearningRate(1),
    bufferSize: v.optional(natural, 10),
    concurrency: v.optional(natural),
    staleness: v.optional(v.picklist(['polynomial', 'constant']), 'polynomial'),
    maxStaleness: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(1_000_000_000))),
  }),
  /** Only the clients differ from FedAvg. */
  v.strictObject({
    name: v.literal('fedprox'),
    serverLearningRate: serverLearningRate(1),
    proximalMu: notNegative(0.01),
  }),
  v.strictObject({ name: v.literal('fednova'), serverLearningRate: serverLearningRate(1) }),
  v.strictObject({ name: v.literal('scaffold'), serverLearningRate: serverLearningRate(1), population }),
  v.strictObject({ name: v.literal('feddyn'), alpha: notNegative(0.01), population }),
  v.strictObject({
    name: v.literal('qfedavg'),
    serverLearningRate: serverLearningRate(1),
    q: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(10)), 1),
  }),
  v.strictObject({ name: v.literal('fedbn'), serverLearningRate: serverLearningRate(1) }),
  v.strictObject({ name: v.literal('fedper'), serverLearningRate: serverLearningRate(1), personalLayers }),
  v.strictObject({
    name: v.literal('fedrep'),
    serverLearningRate: serverLearningRate(1),
    personalLayers,
    headEpochs: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(256)), 1),
  }),
  v.strictObject({
    name: v.literal('ditto'),
    serverLearningRate: serverLearningRate(1),
    lambda: notNegative(0.1),
  }),
  v.strictObject({
    name: v.literal('norm-bounding'),
    serverLearningRate: serverLearningRate(1),
    clippingNorm: positive,
  }),
  /** These see single updates: without secure aggregation, and with memory for every update of a round. */
  v.strictObject({ name: v.literal('median'), serverLearningRate: serverLearningRate(1) }),
  v.strictObject({
    name: v.literal('trimmed-mean'),
    serverLearningRate: serverLearningRate(1),
    beta: v.optional(v.pipe(v.number(), v.minValue(0), v.ltValue(0.5)), 0.1),
  }),
  v.strictObject({ name: v.literal('krum'), serverLearningRate: serverLearningRate(1), byzantine }),
  v.strictObject({
    name: v.literal('multi-krum'),
    serverLearningRate: serverLearningRate(1),
    byzantine,
    /** m; default: all but `byzantine` of those that reported */
    keep: v.optional(natural),
  }),
  v.strictObject({ name: v.literal('bulyan'), serverLearningRate: serverLearningRate(1), byzantine }),
  v.strictObject({
    name: v.literal('geometric-median'),
    serverLearningRate: serverLearningRate(1),
    iterations: iterations(10),
    smoothing: v.optional(v.pipe(v.number(), v.finite(), v.minValue(1e-30)), 1e-6),
  }),
  v.strictObject({
    name: v.literal('centered-clipping'),
    serverLearningRate: serverLearningRate(1),
    radius: v.optional(positive, 1),
    iterations: iterations(3),
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

import * as v from 'valibot';
import { FederatedError } from '../shared/errors.ts';
import { issueText } from '../shared/issue-text.ts';
import { modelLayout } from '../shared/tasks/model.ts';
import { taskSchema } from '../shared/tasks/task.ts';
import { layoutSize } from '../shared/weights.ts';
import { checkSetBytes } from './aggregation/update-set.ts';
import { planOfClients } from './strategies/client-part.ts';
import { strategySchema } from './strategies/options.ts';
import type { Buffer, SetStrategy } from './strategies/strategy.ts';
import { bufferOf, strategyOf } from './strategies/table.ts';

/** A run's settings: everything the server decides about one training of a task. Plain JSON. */

const natural = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1_000_000_000));
const positive = v.pipe(v.number(), v.finite(), v.gtValue(0));
const milliseconds = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(7 * 24 * 3_600_000));

export const runConfigSchema = v.strictObject({
  task: taskSchema,
  rounds: v.optional(natural, 100),
  /** The run starts when so many clients are ready, and each round waits for them. */
  minClients: v.optional(natural, 3),
  /** Clients wanted in each round; without it and without `clientFraction`: all that are ready. */
  clientsPerRound: v.optional(natural),
  /** C: the part of the ready clients that is picked, at least one. */
  clientFraction: v.optional(v.pipe(v.number(), v.gtValue(0), v.maxValue(1))),
  /** Picks so many times more than wanted; the round closes when the wanted number has reported. */
  overselect: v.optional(v.pipe(v.number(), v.minValue(1), v.maxValue(10)), 1),
  /** With fewer reports the round is abandoned; without it, half of those wanted, rounded up. */
  minReports: v.optional(natural),
  /** From the word to train to the last report, ms. */
  roundTimeout: v.optional(milliseconds, 600_000),
  /** From the word to train until a client has the model, ms. */
  sendTimeout: v.optional(milliseconds, 120_000),
  /** For each further answer of secure aggregation but the masked update, which again has `roundTimeout`, ms. */
  stepTimeout: v.optional(milliseconds, 30_000),
  /** The server learns sums over at least three clients, and no single update. Without it: on if every round has three clients. */
  secureAggregation: v.optional(v.boolean()),
  /** Under secure aggregation: a coordinate of an update beyond it is cut off; in units of the weights. */
  coordinateBound: v.optional(positive),
  /** Under secure aggregation: bits of a coordinate on the wire. */
  modulusBits: v.optional(v.pipe(v.number(), v.integer(), v.minValue(16), v.maxValue(32))),
  weighting: v.optional(v.picklist(['examples', 'uniform']), 'examples'),
  strategy: v.optional(strategySchema, { name: 'fedavg' }),
  /**
   * A report with a larger L2 norm is refused; under secure aggregation its client scales it down to it. At most 1e12: a sum's
   * smallest step is a part of it, so that a larger one costs digits.
   */
  maxUpdateNorm: v.optional(v.pipe(positive, v.maxValue(1e12)), 1_000),
  /** A report that claims more examples is refused. */
  maxExamples: v.optional(natural, 1_000_000),
  /** Central evaluation after every so many rounds, and after the last; 0: never. */
  evaluateEvery: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(1_000_000)), 1),
  /** So many of the newest models stay on the disk, beside the first and the best; `all`: every one. Without it: 100. */
  keepModels: v.optional(v.union([natural, v.literal('all')])),
  /** Stop when central evaluation reaches this accuracy. */
  targetAccuracy: v.optional(v.pipe(v.number(), v.gtValue(0), v.maxValue(1))),
  /** Attempts of one round before the run is paused. */
  maxAttempts: v.optional(natural, 100),
  /** Pause between an abandoned attempt and the next, ms. */
  retryDelay: v.optional(milliseconds, 1_000),
  /** Seed of everything that must repeat: initial weights, selection, the clients' batch order. */
  seed: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(Number.MAX_SAFE_INTEGER)),
});

export type RunConfig = v.InferOutput<typeof runConfigSchema>;

/** Fewer clients, and a sum would tell too much about each. */
export const minSecureCohort = 3;

/** Clients that a round has at least. */
const smallestCohort = ({ minClients, clientsPerRound, clientFraction }: RunConfig): number =>
  clientsPerRound ?? (clientFraction === undefined ? minClients : Math.max(1, Math.round(clientFraction * minClients)));

/** Whether a run's updates are aggregated securely: as configured, else where every round has three clients. */
export const isSecure = (config: RunConfig): boolean => config.secureAggregation ?? false;
export type RunConfigInput = v.InferInput<typeof runConfigSchema>;

/** @throws FederatedError BAD_CONFIG naming the field; unknown fields are refused by name */
export function checkRunConfig(value: unknown): RunConfig {
  const result = v.safeParse(runConfigSchema, value, { abortEarly: true });
  if (!result.success) {
    const issue = result.issues[0];
    throw new FederatedError('BAD_CONFIG', `config: ${v.getDotPath(issue) ?? 'value'}: ${issueText(issue)}`);
  }
  const config = result.output;
  if (config.clientsPerRound !== undefined && config.clientFraction !== undefined) {
    throw new FederatedError('BAD_CONFIG', 'config: give clientsPerRound or clientFraction, not both');
  }
  if (config.clientsPerRound !== undefined && (config.minReports ?? 1) > config.clientsPerRound) {
    throw new FederatedError('BAD_CONFIG', 'config: minReports is larger than clientsPerRound: no round could end');
  }
  const strategy = strategyOf(config.strategy);
  if (strategy.kind === 'set') checkSetStrategy(strategy, config);
  const buffer = bufferOf(strategy);
  if (buffer !== undefined) checkBuffer(strategy.name, buffer, config);
  const maySecure = strategy.kind === 'sum' && buffer === undefined;
  const { secureAggregation = maySecure && smallestCohort(config) >= minSecureCohort } = config;
  if (secureAggregation && smallestCohort(config) < minSecureCohort) {
    throw new FederatedError(
      'BAD_CONFIG',
      `config: secure aggregation needs ${minSecureCohort} clients in every round, and this run would begin one with ` +
        `${smallestCohort(config)}; raise minClients or clientsPerRound, or set secureAggregation to false: the server ` +
        'then sees every single update',
    );
  }
  return {
    ...config,
    task: planOfClients(config.task, config.strategy),
    strategy: withPopulation(config),
    secureAggregation,
  };
}

/** Unless told, a run is taken to have the clients that it waits for. */
function withPopulation({ strategy, minClients }: RunConfig): RunConfig['strategy'] {
  if (strategy.name !== 'scaffold' && strategy.name !== 'feddyn') return strategy;
  return { ...strategy, population: strategy.population ?? minClients };
}

/** @throws FederatedError BAD_CONFIG */
function checkBuffer(name: string, { size }: Buffer, config: RunConfig): void {
  const refuse = (text: string): never => {
    throw new FederatedError('BAD_CONFIG', `config: strategy ${name}: ${text}`);
  };
  if (config.secureAggregation === true) {
    refuse(
      'its sums are over reports of several rounds, and masks of different rounds do not cancel; set secureAggregation to ' +
        'false, or use fedavg',
    );
  }
  for (const field of ['clientsPerRound', 'clientFraction'] as const) {
    if (config[field] !== undefined) {
      refuse(`its rounds have no cohort of a size, so ${field} means nothing; give bufferSize and concurrency`);
    }
  }
  if (config.overselect > 1) refuse('nobody is picked in vain, so overselect means nothing; give concurrency');
  if (size > config.minClients) {
    refuse(
      `a client counts once in a buffer, so bufferSize may be at most minClients, ${config.minClients}, and is ${size}`,
    );
  }
  if ((config.minReports ?? 1) > size) refuse(`minReports is larger than bufferSize, ${size}: no round could end`);
}

/** @throws FederatedError BAD_CONFIG */
function checkSetStrategy({ name, leastReports }: SetStrategy, config: RunConfig): void {
  const refuse = (text: string): never => {
    throw new FederatedError('BAD_CONFIG', `config: strategy ${name}: ${text}`);
  };
  if (config.secureAggregation === true) {
    refuse(
      'it compares single updates, which secure aggregation hides from the server; set secureAggregation to false, or use ' +
        'norm-bounding, which works on sums',
    );
  }
  const cohort = smallestCohort(config);
  if (cohort < leastReports) {
    refuse(
      `it needs ${leastReports} reports in every round, and a round may have ${cohort} clients; raise clientsPerRound`,
    );
  }
  if (config.minReports !== undefined && config.minReports < leastReports) {
    refuse(`it needs ${leastReports} reports in every round, and minReports is ${config.minReports}`);
  }
  checkSetBytes(Math.ceil(cohort * config.overselect), layoutSize(modelLayout(config.task.model)));
}

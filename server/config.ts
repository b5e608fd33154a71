import * as v from 'valibot';
import { FederatedError } from '../shared/errors.ts';
import { taskSchema } from '../shared/tasks/task.ts';

/** A run's settings: everything the server decides about one training of a task. Plain JSON. */

const natural = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1_000_000_000));
const positive = v.pipe(v.number(), v.finite(), v.gtValue(0));
const milliseconds = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(7 * 24 * 3_600_000));

export const runConfigSchema = v.strictObject({
  task: taskSchema,
  rounds: v.optional(natural, 100),
  /** The run starts when so many clients are ready, and each round waits for them. */
  minClients: v.optional(natural, 2),
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
  weighting: v.optional(v.picklist(['examples', 'uniform']), 'examples'),
  strategy: v.optional(
    v.strictObject({
      name: v.picklist(['fedavg']),
      serverLearningRate: v.optional(positive, 1),
    }),
    { name: 'fedavg' },
  ),
  /** A report with a larger L2 norm is refused. */
  maxUpdateNorm: v.optional(positive, 1_000),
  /** A report that claims more examples is refused. */
  maxExamples: v.optional(natural, 1_000_000),
  /** Central evaluation after every so many rounds, and after the last; 0: never. */
  evaluateEvery: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(1_000_000)), 1),
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
export type RunConfigInput = v.InferInput<typeof runConfigSchema>;

/** @throws FederatedError BAD_CONFIG naming the field; unknown fields are refused by name */
export function checkRunConfig(value: unknown): RunConfig {
  const result = v.safeParse(runConfigSchema, value, { abortEarly: true });
  if (!result.success) {
    const issue = result.issues[0];
    throw new FederatedError('BAD_CONFIG', `config: ${v.getDotPath(issue) ?? 'value'}: ${issue.message}`);
  }
  const config = result.output;
  if (config.clientsPerRound !== undefined && config.clientFraction !== undefined) {
    throw new FederatedError('BAD_CONFIG', 'config: give clientsPerRound or clientFraction, not both');
  }
  if (config.clientsPerRound !== undefined && (config.minReports ?? 1) > config.clientsPerRound) {
    throw new FederatedError('BAD_CONFIG', 'config: minReports is larger than clientsPerRound: no round could end');
  }
  return config;
}

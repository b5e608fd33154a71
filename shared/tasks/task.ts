import * as v from 'valibot';
import { FederatedError } from '../errors.ts';
import { issueText } from '../issue-text.ts';
import { algorithmSchema } from './algorithm.ts';
import { modelSchema } from './model.ts';
import { optimizerSchema, scheduleSchema } from './optimizer.ts';

/**
 * A task: what to train, on what kind of data, and how each client trains. Plain JSON, the same bytes on the server and
 * on every client, named by its SHA-256. It says nothing about the server's side (rounds, selection, strategy): that is
 * the run's config.
 */

const positive = v.pipe(v.number(), v.finite(), v.gtValue(0));
const natural = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1_000_000_000));

const full = v.literal('full');

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;
const classLabels = v.strictObject({ classes: natural, positions: v.optional(natural, 1) });
const realTargets = v.strictObject({ targets: natural });

export const dataContractSchema = v.strictObject({
  /** Shape of one example's features, for example [784]. */
  features: v.pipe(v.array(natural), v.minLength(1), v.maxLength(4)),
  /** With it, features are whole numbers below it (characters, words, categories). */
  vocabulary: v.optional(natural),
  /** Labels: `positions` indices below `classes` (1 unless each place of a sequence has its own), or `targets` real numbers. */
  labels: v.lazy((value) => (isObject(value) && 'targets' in value ? realTargets : classLabels)),
  /** Name in the data registry that fits, for messages and examples: `mnist`. */
  source: v.optional(v.pipe(v.string(), v.maxLength(64))),
});

export const trainingSchema = v.strictObject({
  /** E: passes over the client's data in one round. */
  localEpochs: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(10_000)),
  /** B: examples in one step; `full` takes all of them at once. */
  batchSize: v.lazy((value) => (value === 'full' ? full : natural)),
  clientLearningRate: positive,
  schedule: v.optional(scheduleSchema),
  /** Its state starts anew in each round. */
  optimizer: optimizerSchema,
  /** Scales a gradient of all weights together down to this L2 norm. */
  gradientClipNorm: v.optional(positive),
  /** Cuts each value of the gradient off at ± this. */
  gradientClipValue: v.optional(positive),
  /** Adds l2 · Σ w² of all kernels to what is minimised (not to the loss that is reported). */
  l2: v.optional(v.pipe(v.number(), v.finite(), v.minValue(0)), 0),
  /** A client with fewer examples does not take part. */
  minExamples: v.optional(natural, 1),
  /** What each client does beside; the run's strategy sets it. */
  algorithm: v.optional(algorithmSchema),
});

export const taskSchema = v.strictObject({
  format: v.literal('fedloom-task-1'),
  name: v.pipe(v.string(), v.regex(/^[a-z][a-z0-9-]{1,63}$/)),
  description: v.optional(v.pipe(v.string(), v.maxLength(500)), ''),
  model: modelSchema,
  data: dataContractSchema,
  training: trainingSchema,
});

export type Task = v.InferOutput<typeof taskSchema>;
export type DataContract = Task['data'];
export type TrainingPlan = Task['training'];

/**
 * A checked task from untrusted JSON.
 * @throws FederatedError BAD_TASK naming the field
 */
export function checkTask(value: unknown): Task {
  const result = v.safeParse(taskSchema, value, { abortEarly: true });
  if (result.success) return result.output;
  const issue = result.issues[0];
  throw new FederatedError('BAD_TASK', `task: ${v.getDotPath(issue) ?? 'value'}: ${issueText(issue)}`);
}

/** The task's canonical bytes (JSON with sorted keys), which its SHA-256 names. */
export const encodeTask = (task: Task): Uint8Array => new TextEncoder().encode(canonicalJson(task));

/** @throws FederatedError BAD_TASK */
export function decodeTask(bytes: Uint8Array): Task {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new FederatedError('BAD_TASK', 'task: the bytes are not JSON', { cause });
  }
  return checkTask(value);
}

/** JSON with the keys of every object sorted, so that equal values have equal bytes. Undefined fields are left out. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item ?? null)).join(',')}]`;
  if (value !== null && typeof value === 'object') {
    const fields = Object.entries(value)
      .filter(([, field]) => field !== undefined)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, field]) => `${JSON.stringify(key)}:${canonicalJson(field)}`);
    return `{${fields.join(',')}}`;
  }
  return JSON.stringify(value);
}

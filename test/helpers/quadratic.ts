import { algorithmOf } from '../../client/algorithms/table.ts';
import type { RoundResult } from '../../client/algorithms/algorithm.ts';
import type { TrainResult } from '../../client/trainer.ts';
import type { Adjustments } from '../../shared/engine/training.ts';
import type { AlgorithmSpec } from '../../shared/tasks/algorithm.ts';
import { checkTask, type Task } from '../../shared/tasks/task.ts';
import type { Strategy } from '../../server/strategies/strategy.ts';
import { afterRound, type Around } from './reports.ts';

/** A client whose loss is known in closed form: F(w) = sum_i a/2 (w_i - b_i)², gradient a (w_i - b_i). */
export interface Quadratic {
  readonly a: number;
  readonly b: readonly number[];
  readonly examples?: number;
}

/** A task of d weights in two layers of no further meaning, whose clients take `steps` steps. */
export const quadraticTask = (d: number, algorithm?: AlgorithmSpec, { steps = 1, rate = 0.1 } = {}): Task =>
  checkTask({
    format: 'fedloom-task-1',
    name: 'quadratic',
    model: { input: [d], layers: [{ type: 'dense', units: 1, useBias: false }], loss: 'mean-squared-error' },
    data: { features: [d], labels: { targets: 1 } },
    training: {
      localEpochs: steps,
      batchSize: 'full',
      clientLearningRate: rate,
      optimizer: 'sgd',
      ...(algorithm === undefined ? {} : { algorithm }),
    },
  });

/** Local training in float64, with what an algorithm may adjust. */
export function descend(
  { a, b, examples = 1 }: Quadratic,
  task: Task,
  weights: Float32Array,
  { pull, frozen = [] }: Adjustments = {},
  localEpochs = task.training.localEpochs,
): TrainResult {
  const w = Float64Array.from(weights);
  const isFrozen = (i: number): boolean => frozen.some(({ start, end }) => start <= i && i < end);
  const loss = (): number => w.reduce((sum, value, i) => sum + (a / 2) * (value - b[i]!) ** 2, 0);
  const initial = loss();
  for (let step = 0; step < localEpochs; step++) {
    for (const [i, value] of w.entries()) {
      if (isFrozen(i)) continue;
      const towards = pull?.anchor === undefined ? 0 : pull.mu * (value - pull.anchor[i]!);
      w[i]! -= task.training.clientLearningRate * (a * (value - b[i]!) + towards + (pull?.drift?.[i] ?? 0));
    }
  }
  const delta = Float32Array.from(w, (value, i) => value - weights[i]!);
  return { delta, examples, metrics: { loss: loss(), 'initial-loss': initial } };
}

/** A client's part in one round. */
export const runClient = (
  client: Quadratic,
  task: Task,
  weights: Float32Array,
  { own = null, control = null }: { readonly own?: Float32Array | null; readonly control?: Float32Array | null } = {},
): Promise<RoundResult> =>
  algorithmOf(task.training.algorithm).run({
    task,
    round: 1,
    weights,
    control,
    own,
    train: async ({ weights: from = weights, adjust, localEpochs } = {}) =>
      descend(client, task, from, adjust, localEpochs),
  });

/** The weights after each of so many rounds with all clients. */
export async function federate(
  clients: readonly Quadratic[],
  task: Task,
  strategy: Strategy,
  rounds: number,
  { from, ...around }: Around & { readonly from?: readonly number[] } = {},
): Promise<Float32Array[]> {
  let weights: Float32Array = from === undefined ? new Float32Array(clients[0]!.b.length) : Float32Array.from(from);
  let state = strategy.init(weights.length);
  const owns: (Float32Array | null)[] = clients.map(() => null);
  const all: Float32Array[] = [];
  for (let round = 0; round < rounds; round++) {
    const control = strategy.kind === 'sum' && strategy.sharesState === true && round > 0 ? state : null;
    const results: RoundResult[] = [];
    for (const [k, client] of clients.entries()) {
      const result = await runClient(client, task, weights, { own: owns[k]!, control });
      owns[k] = result.own;
      results.push(result);
    }
    const reports = results.map(({ update, examples, metrics }) => ({ update: [...update], examples, metrics }));
    ({ weights, state } = await afterRound(strategy, { weights, state }, reports, around));
    all.push(weights);
  }
  return all;
}

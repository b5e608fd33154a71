import type { Evaluation } from '../server/store/store.ts';
import { fairnessMetrics, type ClientResult } from './measures/clients.ts';
import { groupFairness, groupMetrics } from './measures/groups.ts';
import type { TrainingPool } from './pool/pool.ts';
import { shared } from './pool/shared-set.ts';
import type { Prepared } from './prepare.ts';
import type { SharedData } from './share.ts';

/** What is measured on a global model, in the pool. */
export interface Measurement {
  readonly evaluation: Evaluation;
  /** Each client's own, where it was measured. */
  readonly clients: readonly ClientResult[];
}

/**
 * Central evaluation on the test examples, with the gaps between their groups where they have any; the part of those that an attack
 * changes for its aim on which it gets what it wants; and, when it is due, every client's own.
 * @param weights - length d
 * @param isLast - of the run
 */
export async function measure(
  pool: TrainingPool,
  { test, evaluateClients, names }: Prepared,
  { tests, aim }: SharedData,
  model: Float32Array,
  {
    round,
    isLast,
    personal,
  }: {
    readonly round: number;
    readonly isLast: boolean;
    /** What a client makes of the model. */
    readonly personal: (client: number, weights: Float32Array) => Promise<Float32Array>;
  },
): Promise<Measurement> {
  const weights = shared(model);
  const isDue = tests !== null && evaluateClients > 0 && (isLast || round % evaluateClients === 0);
  const [central, attack, clients] = await Promise.all([
    test === null ? {} : measureCentrally(pool, test, weights),
    aim === null ? null : pool.evaluate('aim', aim.count, weights),
    isDue ? measureClients(pool, tests, names, (client) => personal(client, weights)) : [],
  ]);
  return {
    evaluation: {
      ...central,
      ...(attack?.accuracy === undefined ? {} : { 'attack/success': attack.accuracy }),
      ...(clients.length > 0 ? fairnessMetrics(clients) : {}),
    },
    clients,
  };
}

async function measureClients(
  pool: TrainingPool,
  tests: NonNullable<SharedData['tests']>,
  names: readonly string[] | null,
  modelOf: (client: number) => Promise<Float32Array>,
): Promise<ClientResult[]> {
  const results = await Promise.all(
    tests.map(async (rows, index): Promise<ClientResult[]> => {
      const examples = rows.to - rows.from;
      if (examples === 0) return [];
      const { loss, accuracy = null } = await pool.measure({ rows, weights: await modelOf(index) });
      return [{ client: names?.[index] ?? index, examples, accuracy, loss }];
    }),
  );
  return results.flat();
}

/** Groups that are too many to say much are clients rather. */
const mostGroups = 20;

/** Loss and accuracy on the test examples, and the gaps between their groups where they have any. */
async function measureCentrally(
  pool: TrainingPool,
  test: NonNullable<Prepared['test']>,
  weights: Float32Array,
): Promise<Evaluation> {
  const { count, classes, ys } = test;
  const isLabelled = classes !== null && ys.length === count;
  const groups = Object.entries(test.groups ?? {}).filter(([, { names }]) => isLabelled && names.length <= mostGroups);
  if (groups.length === 0) return { ...(await pool.evaluate('test', count, weights)), examples: count };
  const predicted = new Int32Array(new SharedArrayBuffer(4 * count));
  const central = await pool.evaluate('test', count, weights, predicted);
  const labels = Int32Array.from(ys);
  const gaps = groups.map(([name, grouping]) =>
    groupMetrics(name, groupFairness(grouping, labels, predicted, { classes: classes! })),
  );
  return { ...central, examples: count, ...(Object.assign({}, ...gaps) as Record<string, number>) };
}

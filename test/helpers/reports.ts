import type { Aggregation, ClosedReports } from '../../server/aggregation/aggregation.ts';
import { PlainAggregation } from '../../server/aggregation/plain-aggregation.ts';
import { RoundSum } from '../../server/aggregation/round-sum.ts';
import { nextModel } from '../../server/strategies/next-model.ts';
import type { Aggregated, Strategy } from '../../server/strategies/strategy.ts';
import { SetAggregation } from '../../server/aggregation/update-set.ts';
import { updateShapeOf } from '../../server/aggregation/update-shape.ts';
import { clientId } from '../../shared/ids.ts';
import type { Span } from '../../shared/tasks/spans.ts';
import { floatBytes } from '../../shared/weights.ts';

/** Reports through the server's own aggregation into a strategy, without sockets. */

export interface FakeReport {
  /** All vectors of the strategy one after the other. */
  readonly update: readonly number[];
  readonly examples?: number;
  readonly metrics?: Readonly<Record<string, number>>;
  /** What an asynchronous run multiplies it by. */
  readonly factor?: number;
}

export interface Around {
  readonly weighting?: 'examples' | 'uniform';
  readonly maxUpdateNorm?: number;
  readonly statistics?: readonly Span[];
}

/** @param size - d */
export async function closedReports(
  strategy: Strategy,
  size: number,
  reports: readonly FakeReport[],
  { weighting = 'examples', maxUpdateNorm = 1e6 }: Around = {},
): Promise<ClosedReports> {
  const bounds = { weighting, maxUpdateNorm, maxExamples: 1_000_000, maxReports: Math.max(2, reports.length) };
  const { length, named, clippingNorm } = updateShapeOf(strategy, size);
  const aggregation: Aggregation =
    strategy.kind === 'set'
      ? new SetAggregation({ length: size, ...bounds })
      : new PlainAggregation(new RoundSum({ length, named, ...bounds }), { maxUpdateNorm, clippingNorm });
  for (const [i, { update, examples = 1, metrics = {}, factor }] of reports.entries()) {
    const bytes = floatBytes(Float32Array.from(update)).slice();
    const check = aggregation.newCheck();
    const fault = check.part(bytes) ?? check.whole();
    if (fault !== null) throw fault;
    const about = { type: 'report', run: 'run-1', round: 1, attempt: 1, encoding: 'float32' } as const;
    const report = { ...about, upload: new Uint8Array(16), bytes: bytes.length, examples, metrics };
    const client = clientId(i.toString(16).padStart(32, '0'));
    await aggregation.add({ client, report, bytes, check }, factor).done;
    bytes.fill(0xff); // the server uses this memory again
  }
  return aggregation.close();
}

/** The model after a round. */
export async function afterRound(
  strategy: Strategy,
  model: { readonly weights: ArrayLike<number>; readonly state?: Float32Array },
  reports: readonly FakeReport[],
  around: Around = {},
): Promise<Aggregated> {
  const weights = Float32Array.from(model.weights);
  const state = model.state ?? strategy.init(weights.length);
  const closed = await closedReports(strategy, weights.length, reports, around);
  return nextModel(strategy, { weights, state, statistics: around.statistics ?? [] }, closed, async () => {});
}

/** The weights after a round from zero state. */
export const weightsAfter = async (
  strategy: Strategy,
  weights: readonly number[],
  reports: readonly FakeReport[],
  around: Around = {},
): Promise<number[]> => [...(await afterRound(strategy, { weights }, reports, around)).weights];

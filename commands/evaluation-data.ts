import type { Host } from '../server/host.ts';
import { Evaluator } from '../server/evaluation/evaluator.ts';
import type { DataContract } from '../shared/tasks/task.ts';
import { loadData } from '../simulations/datasets/registry.ts';

/** Central evaluation on held-out examples of the data set that a task names. */
export async function evaluationOf(
  contract: DataContract,
  spec: string | undefined,
): Promise<{
  evaluate: NonNullable<Host['evaluate']>;
  examples: number;
  source: string;
  close: () => Promise<void>;
} | null> {
  const source = spec ?? (contract.source === undefined ? undefined : `${contract.source}@test`);
  if (source === undefined || source === 'none') return null;
  const examples = await loadData(source);
  const evaluator = new Evaluator(examples);
  return {
    evaluate: (model, weights) => evaluator.evaluate(model, weights),
    examples: examples.count,
    source,
    close: () => evaluator.close(),
  };
}

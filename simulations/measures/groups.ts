import type { Engine } from '../../shared/engine/engine.ts';
import { FederatedError } from '../../shared/errors.ts';
import type { Grouping } from '../datasets/groups.ts';
import type { LoadedData } from '../datasets/loaded.ts';

/** Whether a model treats groups of people alike: from its predictions for examples whose group is known. */

export interface GroupRates {
  readonly name: string;
  readonly examples: number;
  readonly accuracy: number;
  /** Part of the examples of class 1 that are predicted as such; null where there is none, or more than two classes. */
  readonly truePositiveRate: number | null;
  /** Part of all examples predicted as class 1; null where there are more than two classes. */
  readonly positiveRate: number | null;
}

export interface GroupFairness {
  /** The groups that count, in the order of the grouping. */
  readonly groups: readonly GroupRates[];
  /** Largest less smallest accuracy (overall accuracy equality: Berk et al., Fairness in Criminal Justice Risk Assessments, 2018). */
  readonly accuracyGap: number;
  /** Largest less smallest true-positive rate (equal opportunity: Hardt, Price, Srebro, 2016); null without two groups that have one. */
  readonly tprGap: number | null;
  /** Largest less smallest rate of predicted positives (demographic parity: Calders, Verwer, 2010); null for more than two classes. */
  readonly parityGap: number | null;
}

/**
 * @param labels - the class of each example
 * @param predicted - the predicted one
 * @param classes - with 2, class 1 is the positive one
 * @param least - groups with fewer examples do not count: their rates say little
 * @returns null where no two groups count
 * @throws FederatedError BAD_ARGUMENT unless there is a group and a prediction for each label
 */
export function groupFairness(
  { names, index }: Grouping,
  labels: Int32Array,
  predicted: ArrayLike<number>,
  { classes = 2, least = 1 }: { readonly classes?: number; readonly least?: number } = {},
): GroupFairness | null {
  if (index.length !== labels.length || predicted.length !== labels.length) {
    throw new FederatedError(
      'BAD_ARGUMENT',
      `measures: ${labels.length} labels need as many predictions and groups, got ${predicted.length} and ${index.length}`,
    );
  }
  const counts = names.map(() => ({ examples: 0, right: 0, positives: 0, truePositives: 0, predictedPositives: 0 }));
  for (const [example, group] of index.entries()) {
    const count = counts[group]!;
    const label = labels[example]!;
    const guess = predicted[example]!;
    count.examples++;
    if (guess === label) count.right++;
    if (label === 1) count.positives++;
    if (guess === 1) count.predictedPositives++;
    if (guess === 1 && label === 1) count.truePositives++;
  }
  const groups = counts.flatMap((count, group): GroupRates[] => {
    if (count.examples < Math.max(1, least)) return [];
    return [
      {
        name: names[group]!,
        examples: count.examples,
        accuracy: count.right / count.examples,
        truePositiveRate: classes === 2 && count.positives > 0 ? count.truePositives / count.positives : null,
        positiveRate: classes === 2 ? count.predictedPositives / count.examples : null,
      },
    ];
  });
  if (groups.length < 2) return null;
  return {
    groups,
    accuracyGap: gapOf(groups.map(({ accuracy }) => accuracy))!,
    tprGap: gapOf(groups.map(({ truePositiveRate }) => truePositiveRate)),
    parityGap: gapOf(groups.map(({ positiveRate }) => positiveRate)),
  };
}

/** Largest less smallest of those that are numbers; null for fewer than two. */
function gapOf(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length < 2 ? null : Math.max(...known) - Math.min(...known);
}

/** Metrics of one grouping: `group/sex/accuracy-gap`, `group/sex/tpr-gap`, `group/sex/parity-gap`; those that are null are left out. */
export function groupMetrics(name: string, fairness: GroupFairness | null): Record<string, number> {
  if (fairness === null) return {};
  const { accuracyGap, tprGap, parityGap } = fairness;
  return Object.fromEntries(
    Object.entries({ 'accuracy-gap': accuracyGap, 'tpr-gap': tprGap, 'parity-gap': parityGap }).flatMap(
      ([key, value]) => (value === null ? [] : [[`group/${name}/${key}`, value]]),
    ),
  );
}

/**
 * The classes that a model's outputs stand for.
 * @param outputs - [count, width] after the last activation: with one output a probability, class 1 from a half on
 */
export function predictedClasses(outputs: Float32Array, count: number): Int32Array {
  const width = outputs.length / count;
  return Int32Array.from({ length: count }, (_, example) => {
    if (width === 1) return outputs[example]! >= 0.5 ? 1 : 0;
    let best = 0;
    for (let one = 1; one < width; one++) {
      if (outputs[example * width + one]! > outputs[example * width + best]!) best = one;
    }
    return best;
  });
}

/**
 * The metrics of every group that the examples know (adult: `sex`, `race` ...), from one pass of a model over them. None for
 * examples without groups, or without one class each.
 * @param engine - with the model's weights
 * @param least - groups with fewer examples do not count
 */
export async function modelFairness(
  engine: Pick<Engine, 'predict'>,
  { xs, ys, count, classes, groups = {} }: LoadedData,
  { least = 1 }: { readonly least?: number } = {},
): Promise<Record<string, number>> {
  const names = Object.keys(groups);
  if (names.length === 0 || classes === null || ys.length !== count) return {};
  const predicted = predictedClasses(await engine.predict(xs, count), count);
  const labels = Int32Array.from(ys);
  return Object.assign(
    {},
    ...names.map((name) => groupMetrics(name, groupFairness(groups[name]!, labels, predicted, { classes, least }))),
  ) as Record<string, number>;
}

import type { LossName } from '../../tasks/model.ts';
import type { Kernels } from '../kernels/load.ts';

/** Loss of a batch in the arena: outputs and targets by their addresses. */
export interface LossPlace {
  readonly kernels: Kernels;
  /** [rows, n]: logits of a cross entropy, or outputs. Becomes the gradient of the mean loss. */
  readonly outputs: number;
  /** int32 [rows] for labels, float32 [rows, n] for targets. */
  readonly targets: number;
  readonly rows: number;
  readonly n: number;
}

const distances = { 'mean-squared-error': 0, 'mean-absolute-error': 1, huber: 2 } as const;

/** Over how many terms the loss of `rows` rows is the mean. */
export const termsOf = (loss: LossName, rows: number, n: number): number =>
  loss === 'sparse-categorical-crossentropy' || loss === 'categorical-crossentropy' ? rows : rows * n;

/**
 * The mean loss of a batch.
 * @param withGradient - the outputs become the gradient of the mean
 */
export function lossOf(
  loss: LossName,
  { kernels, outputs, targets, rows, n }: LossPlace,
  withGradient: boolean,
): number {
  const terms = termsOf(loss, rows, n);
  const scale = withGradient ? 1 / terms : 0;
  const sum = (): number => {
    switch (loss) {
      case 'sparse-categorical-crossentropy':
        return kernels.sparseCrossEntropy(outputs, targets, rows, n, scale);
      case 'categorical-crossentropy':
        return kernels.crossEntropy(outputs, targets, rows, n, scale);
      case 'binary-crossentropy':
        return kernels.binaryCrossEntropy(outputs, targets, rows * n, scale);
      case 'mean-squared-error':
      case 'mean-absolute-error':
      case 'huber':
        return kernels.distance(outputs, targets, rows * n, distances[loss], scale);
      default:
        return loss satisfies never;
    }
  };
  return sum() / terms;
}

import type { LayerOf } from '../../tasks/layers.ts';
import { sizeOf } from '../../weights.ts';
import type { Landing, Pass, Place, Stage, Weight } from './stage.ts';

/** Lands the gradient of a weight that was made at `gradient`: a sum over one row. */
function landFrom({ kernels }: Place, { land }: Pass, weight: Weight, gradient: number): void {
  const { at, alpha, beta }: Landing = land(weight);
  kernels.columnSums(at, gradient, 1, weight.size, alpha, beta);
}

/**
 * gamma (x - mean) / sqrt(variance + epsilon) + beta over all axes but the last. In training mean and variance (biased) are
 * those of the batch, towards which the moving ones go; in evaluation the moving ones.
 * @see Ioffe and Szegedy 2015, Algorithms 1 and 2
 */
export function batchNormalizationStage({ momentum, epsilon }: LayerOf<'batchNormalization'>, place: Place): Stage {
  const { kernels, arena, capacity, input, inputShape } = place;
  const [gamma, beta, movingMean, movingVariance] = place.weights as [Weight, Weight, Weight, Weight];
  const n = inputShape.at(-1)!;
  const size = sizeOf(inputShape);
  const output = arena.reserve(capacity * size);
  const [mean, variance, scale, dGamma, dBeta] = [n, n, n, n, n].map((length) => arena.reserve(length)) as [
    number,
    number,
    number,
    number,
    number,
  ];
  return {
    output,
    inPlace: true,
    forward({ count, training, updates }) {
      const rows = (count * size) / n;
      if (training) kernels.columnMoments(mean, variance, input, rows, n);
      if (updates) {
        kernels.moveTowards(movingMean.at, mean, n, momentum, 1 - momentum);
        kernels.moveTowards(movingVariance.at, variance, n, momentum, 1 - momentum);
      }
      kernels.inverseDeviations(scale, training ? variance : movingVariance.at, n, epsilon);
      const center = training ? mean : movingMean.at;
      kernels.normaliseColumns(output, input, center, scale, gamma.at, beta.at, rows, n);
    },
    backward(pass, dOutput, dInput) {
      const rows = (pass.count * size) / n;
      kernels.normalisedColumnsGradient(dGamma, dBeta, dOutput, input, mean, scale, rows, n);
      if (dInput !== null) {
        kernels.normaliseColumnsBack(dOutput, input, mean, scale, gamma.at, dGamma, dBeta, rows, n);
      }
      landFrom(place, pass, gamma, dGamma);
      landFrom(place, pass, beta, dBeta);
    },
  };
}

/**
 * The same over the last axis of each place, by its own mean and biased variance.
 * @see Ba, Kiros and Hinton 2016, Layer Normalization
 */
export function layerNormalizationStage({ epsilon }: LayerOf<'layerNormalization'>, place: Place): Stage {
  const { kernels, arena, capacity, input, inputShape } = place;
  const [gamma, beta] = place.weights as [Weight, Weight];
  const n = inputShape.at(-1)!;
  const rowsEach = sizeOf(inputShape) / n;
  const output = arena.reserve(capacity * rowsEach * n);
  const mean = arena.reserve(capacity * rowsEach);
  const scale = arena.reserve(capacity * rowsEach);
  const dGamma = arena.reserve(n);
  const dBeta = arena.reserve(n);
  return {
    output,
    inPlace: true,
    forward({ count }) {
      kernels.normaliseRows(output, input, mean, scale, gamma.at, beta.at, count * rowsEach, n, epsilon);
    },
    backward(pass, dOutput, dInput) {
      const rows = pass.count * rowsEach;
      kernels.normalisedRowsGradient(dGamma, dOutput, input, mean, scale, rows, n);
      kernels.columnSums(dBeta, dOutput, rows, n, 1, 0);
      if (dInput !== null) kernels.normaliseRowsBack(dOutput, input, mean, scale, gamma.at, rows, n);
      landFrom(place, pass, gamma, dGamma);
      landFrom(place, pass, beta, dBeta);
    },
  };
}

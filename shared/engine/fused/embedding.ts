import type { LayerOf } from '../../tasks/layers.ts';
import { sizeOf } from '../../weights.ts';
import { activationKinds } from '../kernels/activations.ts';
import type { Place, Stage } from './stage.ts';

/**
 * y[i] = the row of the table that the whole number x[i] names. Its gradient is dy, added to the rows that were looked up:
 * with plain SGD no other row is touched. The engine has checked that each number is that of a row.
 */
export function embeddingStage({ outputDim }: LayerOf<'embedding'>, place: Place): Stage {
  const { kernels, arena, capacity, input, inputShape } = place;
  const table = place.weights[0]!;
  const length = sizeOf(inputShape);
  const output = arena.reserve(capacity * length * outputDim);
  return {
    output,
    forward({ count }) {
      kernels.lookUp(output, table.at, input, count * length, outputDim);
    },
    backward({ count, land }, dOutput) {
      const { at, alpha, beta } = land(table);
      // Not by a multiplication: what lies in a fresh buffer may be no number.
      if (beta === 0) arena.floats(at, table.size).fill(0);
      else if (beta !== 1) kernels.scaleBy(at, table.size, beta);
      kernels.addToRows(at, dOutput, input, count * length, outputDim, alpha);
    },
  };
}

/** y = x + a learned vector for each place, whose gradient is the sum of dy over the batch. */
export function positionEmbeddingStage(place: Place): Stage {
  const { kernels, arena, capacity, input, inputShape } = place;
  const table = place.weights[0]!;
  const size = sizeOf(inputShape);
  const output = arena.reserve(capacity * size);
  return {
    output,
    inPlace: true,
    forward({ count }) {
      arena.floats(output, count * size).set(arena.floats(input, count * size));
      kernels.activate(output, table.at, count, size, activationKinds.linear); // adds the table to each example
    },
    backward({ count, land }, dOutput) {
      const { at, alpha, beta } = land(table);
      kernels.columnSums(at, dOutput, count, size, alpha, beta);
    },
  };
}

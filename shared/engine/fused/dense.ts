import type { LayerOf } from '../../tasks/layers.ts';
import { sizeOf } from '../../weights.ts';
import { gemm, gemmScratch, rowMajor, transposed } from '../kernels/gemm.ts';
import { activating } from './activation.ts';
import type { Place, Stage } from './stage.ts';

/** y = activation(x W + b) over the last axis. */
export function denseStage(layer: LayerOf<'dense'>, place: Place): Stage {
  const { kernels, arena, capacity, input, inputShape } = place;
  const [kernel, bias] = place.weights;
  const inputs = inputShape.at(-1)!;
  const { units } = layer;
  const rowsEach = sizeOf(inputShape) / inputs;
  const most = capacity * rowsEach;
  const output = arena.reserve(most * units);
  const activation = activating(place, layer.activation, output, rowsEach, units);
  const scratch = place.scratch(
    Math.max(gemmScratch(most, units, inputs), gemmScratch(most, inputs, units), gemmScratch(inputs, units, most)) / 4,
  );
  return {
    output,
    forward({ count }) {
      const rows = count * rowsEach;
      const x = rowMajor(input, inputs);
      gemm(kernels, output, [rows, units, inputs], x, rowMajor(kernel!.at, units), { scratch: scratch() });
      activation.forward(count, bias?.at ?? 0);
    },
    backward({ count, land }, dOutput, dInput) {
      const rows = count * rowsEach;
      const dy = rowMajor(dOutput, units);
      activation.backward(count, dOutput);
      if (dInput !== null) {
        const w = transposed(rowMajor(kernel!.at, units));
        gemm(kernels, dInput, [rows, inputs, units], dy, w, { scratch: scratch() });
      }
      const { at, alpha, beta } = land(kernel!);
      const x = transposed(rowMajor(input, inputs));
      gemm(kernels, at, [inputs, units, rows], x, dy, { alpha, beta, scratch: scratch() });
      if (bias === undefined) return;
      const landing = land(bias);
      kernels.columnSums(landing.at, dOutput, rows, units, landing.alpha, landing.beta);
    },
  };
}

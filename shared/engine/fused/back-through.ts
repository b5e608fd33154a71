import type { Chain, Pass } from './stage.ts';

/**
 * Takes the gradient of a chain's output back through its stages, from the last to `first`, before which none is needed.
 * @param dOutput - address of the gradient, one of both buffers
 * @param buffers - two, of the largest output or input in the chain, which the gradients take in turn
 * @returns the address of the gradient of the input of the stage behind `first`, or of the first one's where `first` is -1
 */
export function backThrough(
  { stages }: Chain,
  pass: Pass,
  dOutput: number,
  buffers: readonly [number, number],
  first: number,
): number {
  for (let i = stages.length - 1; i >= Math.max(first, 0); i--) {
    const stage = stages[i]!;
    const free = dOutput === buffers[0] ? buffers[1] : buffers[0];
    const dInput = i === first ? null : stage.inPlace === true ? dOutput : free;
    stage.backward(pass, dOutput, dInput);
    if (dInput !== null) dOutput = dInput;
  }
  return dOutput;
}

import { outlineLayer, type LayerSpec } from '../../tasks/layers.ts';
import { sizeOf } from '../../weights.ts';
import type { Chain, InnerChain, Place, Stage, Weight } from './stage.ts';
import { buildStage } from './stages.ts';

/** What a chain is built from: the place of its first stage, but for what each stage has of its own. */
export interface ChainStart extends Omit<Place, 'outputShape' | 'inner'> {
  readonly layers: readonly LayerSpec[];
  /** All of the chain's, in order of its layout. */
  readonly weights: readonly Weight[];
  /** Two buffers of `size` floats for a chain inside of a stage; no other stage uses them meanwhile. */
  innerGradients(size: number): InnerChain['gradients'];
}

/** Builds a stage for each layer, one after the other in the arena. The arena has to be committed before they run. */
export function buildChain({ layers, fromLogits, weights, ...start }: ChainStart): Chain {
  const stages: Stage[] = [];
  let { input, inputShape, dropouts } = start;
  let next = 0;
  let first = -1;
  let largest = sizeOf(inputShape);
  for (const [index, layer] of layers.entries()) {
    const outline = outlineLayer(layer, `${index + 1}`, inputShape);
    const mine = weights.slice(next, next + outline.weights.length);
    if (first < 0 && mine.length > 0) first = index;
    const here = { ...start, input, inputShape, weights: mine, dropouts };
    const stage = buildStage(layer, {
      ...here,
      outputShape: outline.output,
      fromLogits: fromLogits && index === layers.length - 1,
      inner: (inside) => {
        const chain = buildChain({ ...here, layers: inside, fromLogits: false });
        return { ...chain, gradients: start.innerGradients(start.capacity * chain.largest) };
      },
    });
    stages.push(stage);
    next += mine.length;
    dropouts += dropoutsIn(layer);
    largest = Math.max(largest, sizeOf(outline.output));
    input = stage.output;
    inputShape = outline.output;
  }
  return { stages, first, output: input, largest };
}

const dropoutsIn = (layer: LayerSpec): number =>
  layer.type === 'residual'
    ? layer.layers.reduce((sum, inner) => sum + dropoutsIn(inner), 0)
    : +(layer.type === 'dropout');

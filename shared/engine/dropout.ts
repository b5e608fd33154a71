import { seeded } from '../random.ts';

/**
 * Fills a mask of 0 and 1 / (1 - rate): the values of one dropout layer in one step, the same on every backend.
 * @param seed - of the step, see `stepSeeds`
 * @param layer - which dropout layer of the model, from 0
 */
export function dropoutMask(seed: number, layer: number, rate: number, mask: Float32Array): Float32Array {
  const { u32 } = seeded(seed, 'dropout', layer);
  const dropped = rate * 2 ** 32;
  const scale = 1 / (1 - rate);
  for (let i = 0; i < mask.length; i++) mask[i] = u32() < dropped ? 0 : scale;
  return mask;
}

/**
 * The seeds of the steps of one client's training in one round, one after the other.
 * @param seed - of the training: stands for run and client
 */
export const stepSeeds = (seed: number | string, round: number): (() => number) => seeded(seed, 'steps', round).u32;

import type { NamedSum, Strategy } from '../strategies/strategy.ts';

/** What a report of a strategy consists of. */
export interface UpdateShape {
  /** Coordinates of an update. */
  readonly length: number;
  /** Numbers beside it that every report must bring. */
  readonly named: readonly NamedSum[];
  /** An update of larger L2 norm is scaled down to it; null: only refused beyond `maxUpdateNorm`. */
  readonly clippingNorm: number | null;
}

/** @param size - d */
export function updateShapeOf(strategy: Strategy, size: number): UpdateShape {
  if (strategy.kind === 'set') return { length: size, named: [], clippingNorm: null };
  const { vectors = 1, named = [], clippingNorm = null } = strategy;
  return { length: vectors * size, named, clippingNorm };
}

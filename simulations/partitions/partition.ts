import { continuous } from './continuous.ts';
import { dirichlet } from './dirichlet.ts';
import { distribution } from './distribution.ts';
import { iid } from './iid.ts';
import { innerDirichlet } from './inner-dirichlet.ts';
import { natural } from './natural.ts';
import { noise } from './noise.ts';
import { pathological } from './pathological.ts';
import { exponential, linear, lognormal, square } from './quantity.ts';
import { shards } from './shards.ts';
import { sizes } from './sizes.ts';

/** All partitioners by name: `partition.dirichlet({ alpha: 0.3 })`. */
export const partition = {
  iid,
  shards,
  pathological,
  dirichlet,
  innerDirichlet,
  natural,
  sizes,
  linear,
  square,
  exponential,
  lognormal,
  continuous,
  distribution,
  noise,
} as const;

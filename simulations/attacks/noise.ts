import { normal } from '../draws.ts';
import type { Attack } from './attack.ts';

/**
 * Gaussian attack: reports independent draws from N(0, deviation²) in the place of its update.
 * @param deviation - standard deviation of a coordinate, in units of the weights; default 1
 * @see Xie, Koyejo, Gupta, "Generalized Byzantine-tolerant SGD", 2018, section 5 (with deviation 200 on gradients).
 *   https://arxiv.org/abs/1802.10116
 */
export const noise = ({ deviation = 1 }: { readonly deviation?: number } = {}): Attack => ({
  name: 'noise',
  tamper: (update, { random }) => update.map(() => deviation * normal(random)),
});

import type { Attack } from './attack.ts';

/**
 * Label flipping: trains honestly on labels y -> classes - 1 - y.
 * @see Fang, Cao, Jia, Gong, "Local Model Poisoning Attacks to Byzantine-Robust Federated Learning", USENIX Security 2020,
 *   section 4.1. https://arxiv.org/abs/1911.11815
 */
export const labelFlip = ({ classes }: { readonly classes: number }): Attack => ({
  name: 'label-flip',
  poison: ({ xs, ys }) => ({ xs, ys: ys.map((label) => classes - 1 - label) }),
});

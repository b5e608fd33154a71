import type { Attack } from './attack.ts';

/**
 * Sign flipping: reports -scale · update, which leads the mean away from where the honest clients go.
 * @param scale - of the report; default 1
 * @see Li, Xu, Chen, Giannakis, Ling, "RSA: Byzantine-Robust Stochastic Aggregation Methods for Distributed Learning from
 *   Heterogeneous Datasets", AAAI 2019, section 5. https://arxiv.org/abs/1811.03761
 */
export const signFlip = ({ scale = 1 }: { readonly scale?: number } = {}): Attack => ({
  name: 'sign-flip',
  tamper: (update) => update.map((value) => -scale * value),
});

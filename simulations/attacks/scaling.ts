import type { Attack } from './attack.ts';

/**
 * Scaling: reports `scale` times its honest update, to weigh as much as so many clients.
 * @see Bagdasaryan, Veit, Hua, Estrin, Shmatikov, "How To Backdoor Federated Learning", AISTATS 2020, equation 3.
 *   https://arxiv.org/abs/1807.00459
 */
export const scaling = ({ scale = 10 }: { readonly scale?: number } = {}): Attack => ({
  name: 'scaling',
  tamper: (update) => update.map((value) => scale * value),
});

import type { Activation } from '../../tasks/layers.ts';

/** The activations whose slope can be told from their value, by the number that source/activation.as.ts knows them by. */
export const activationKinds: Partial<Record<Activation, number>> = {
  linear: 0,
  relu: 1,
  relu6: 2,
  elu: 3,
  selu: 4,
  sigmoid: 5,
  tanh: 6,
  softplus: 7,
};

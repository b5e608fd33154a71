import type { Activation } from '../../tasks/layers.ts';

/** The activations of single values, by the number that source/activation.as.ts knows them by. */
export const activationKinds: Readonly<Record<Exclude<Activation, 'softmax'>, number>> = {
  linear: 0,
  relu: 1,
  relu6: 2,
  elu: 3,
  selu: 4,
  sigmoid: 5,
  tanh: 6,
  softplus: 7,
  gelu: 8,
  swish: 9,
};

/** Those whose slope cannot be told from their value: they fall and rise. */
export const needsInput: ReadonlySet<Activation> = new Set(['gelu', 'swish']);

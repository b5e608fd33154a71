import * as v from 'valibot';

/**
 * What a client does beside plain local training, as data: the client's part of a federated algorithm, named in the training
 * plan so that its hash covers it. Implemented in client/algorithms, where each has its formula and paper.
 */

const layers = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(256));

export const algorithmSchema = v.variant('name', [
  /** FedProx: adds mu/2 |w - w_t|² to what is minimised. */
  v.strictObject({ name: v.literal('proximal'), mu: v.pipe(v.number(), v.finite(), v.minValue(0)) }),
  /** SCAFFOLD: steps against the drift of this client, which it keeps from round to round. */
  v.strictObject({ name: v.literal('control-variates') }),
  /** FedDyn: adds alpha/2 |w - w_t|² and a linear term that this client keeps from round to round. */
  v.strictObject({ name: v.literal('dynamic'), alpha: v.pipe(v.number(), v.finite(), v.minValue(0)) }),
  /** FedNova: reports the change of one local step, and how many there were. */
  v.strictObject({ name: v.literal('normalised') }),
  /** q-FedAvg: weighs its report by the q-th power of its loss. */
  v.strictObject({ name: v.literal('fair'), q: v.pipe(v.number(), v.minValue(0), v.maxValue(10)) }),
  /** FedBN: normalisation layers stay on the device. */
  v.strictObject({ name: v.literal('personal-normalisation') }),
  /** FedPer: the last `layers` layers with weights stay on the device. FedRep: they are trained first, for `headEpochs`, alone. */
  v.strictObject({ name: v.literal('personal-head'), layers, headEpochs: v.optional(layers) }),
  /** Ditto: beside the global model a personal one, drawn to it by lambda/2 |v - w_t|². */
  v.strictObject({ name: v.literal('personal-model'), lambda: v.pipe(v.number(), v.finite(), v.minValue(0)) }),
]);

export type AlgorithmSpec = v.InferOutput<typeof algorithmSchema>;

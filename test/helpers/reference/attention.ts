import { logSoftmax } from './activations.ts';
import { addBias, product } from './dense.ts';
import { zeros, type Tensor } from './tensor.ts';

/**
 * Scaled dot-product attention by several heads, each over its own slice of the channels (Vaswani et al. 2017).
 * @param x - [batch, length, channels]
 * @param weights - kernel [channels, channels] and bias [channels] of query, key, value and output
 * @param causal - a place sees itself and those before it
 */
export function selfAttention(x: Tensor, weights: readonly Float64Array[], heads: number, causal: boolean): Tensor {
  const [batch, length, channels] = x.shape as [number, number, number];
  const size = channels / heads;
  const project = (from: Tensor, part: number) =>
    addBias(product(from, weights[2 * part]!, channels), weights[2 * part + 1]);
  const [query, key, value] = [project(x, 0), project(x, 1), project(x, 2)];
  const joined = zeros(x.shape);
  for (let n = 0; n < batch; n++) {
    for (let head = 0; head < heads; head++) {
      const at = (place: number): number => (n * length + place) * channels + head * size;
      for (let place = 0; place < length; place++) {
        const scores = new Float64Array(causal ? place + 1 : length);
        for (let other = 0; other < scores.length; other++) {
          for (let c = 0; c < size; c++) {
            scores[other]! += (query.data[at(place) + c]! * key.data[at(other) + c]!) / Math.sqrt(size);
          }
        }
        for (const [other, score] of logSoftmax(scores, scores.length).entries()) {
          for (let c = 0; c < size; c++) joined.data[at(place) + c]! += Math.exp(score) * value.data[at(other) + c]!;
        }
      }
    }
  }
  return project(joined, 3);
}

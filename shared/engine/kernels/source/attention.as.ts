// What lies between the two products of an attention.
import { softmax } from './activation.as';
import { scaleBy } from './update.as';

/**
 * scores [length, length] become weights: the softmax of scale times each row. A causal row i has weights for the places up
 * to i, and zeros behind.
 */
export function attentionWeights(scores: usize, length: i32, scale: f32, causal: bool): void {
  for (let i = 0; i < length; i++) {
    const seen = causal ? i + 1 : length;
    scaleBy(scores, seen, scale);
    softmax(scores, 1, seen);
    memory.fill(scores + (<usize>seen << 2), 0, <usize>(length - seen) << 2);
    scores += <usize>length << 2;
  }
}

/** What a strategy of kind `sum` may see of a round: sums over the counted reports, never a single update. */
export interface UpdateSum {
  /** d */
  readonly length: number;
  readonly reports: number;
  /** The sum of the weights w: examples, or the number of reports when weighting is uniform. At least 1. */
  readonly weight: number;
  /** Element i of the weighted mean of the updates, sum(w * delta) / sum(w), in float64. */
  mean(index: number): number;
}

/**
 * A strategy turns a round's sums into the next model. A plain object of pure functions; its state (momentum, moments) is
 * one float32 vector, so a checkpoint is its bytes.
 */
export interface Strategy {
  readonly name: string;
  /** `sum`: needs only the sums, so reports are added and forgotten, and it works under secure aggregation. */
  readonly kind: 'sum';
  /** The state before the first round: of any length, empty for a strategy without state. */
  init(size: number): Float32Array;
  /** The next model and state. Neither input is changed. */
  aggregate(
    state: Float32Array,
    weights: Float32Array,
    sum: UpdateSum,
  ): { readonly state: Float32Array; readonly weights: Float32Array };
}

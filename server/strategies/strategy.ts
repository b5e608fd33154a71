/** A number that every report brings beside its update: local steps, for example. */
export interface NamedSum {
  /** As in the report's metrics. */
  readonly name: string;
  /** It lies in 0 .. bound. */
  readonly bound: number;
}

/** What a strategy of kind `sum` may see of a round: sums over the counted reports, never a single update. */
export interface UpdateSum {
  /** Coordinates of an update: d, or as many times d as the strategy has `vectors`. */
  readonly length: number;
  readonly reports: number;
  /** The sum of the weights w: examples, or the number of reports when weighting is uniform. At least 1. */
  readonly weight: number;
  /** Element i of the weighted mean of the updates, sum(w * delta) / sum(w), in float64. */
  mean(index: number): number;
  /** The weighted mean of one of the strategy's named numbers, by the same weights. */
  namedMean(name: string): number;
}

/** The updates of a round one by one, for a strategy of kind `set`. In an order that does not depend on their arrival. */
export interface UpdateSet {
  /** d */
  readonly length: number;
  /** n vectors of length d, finite. Not to be changed. */
  readonly updates: readonly Float32Array[];
  /** w of each: examples, or 1 when weighting is uniform. */
  readonly weights: readonly number[];
}

/** The next model and state. */
export interface Aggregated {
  readonly state: Float32Array;
  /** length d */
  readonly weights: Float32Array;
}

interface StrategyBase {
  readonly name: string;
  /** The state before the first round: of any length, empty for a strategy without state. */
  init(size: number): Float32Array;
}

/** An asynchronous run: a round ends when so many reports are in, from whatever model each of them started. */
export interface Buffer {
  readonly size: number;
  /** Clients that train at a time; may be infinite. */
  readonly concurrency: number;
  /** Reports that are more rounds old are refused; may be infinite. */
  readonly maxStaleness: number;
  /** What an update is multiplied by, 0 to 1. @param staleness - rounds committed since the model that it starts from */
  scale(staleness: number): number;
}

/** Needs only sums, so reports are added and forgotten (memory O(d)), and it works under secure aggregation. */
export interface SumStrategy extends StrategyBase {
  readonly kind: 'sum';
  /** Vectors of length d in an update, one after the other; default 1. The first is new weights minus old. */
  readonly vectors?: number;
  /** Numbers that every report must bring; default none. */
  readonly named?: readonly NamedSum[];
  /** An update of larger L2 norm is scaled down to it before it is added. */
  readonly clippingNorm?: number;
  /** Default: synchronous rounds. With a buffer it does not work under secure aggregation, whose masks cancel within one round only. */
  readonly buffer?: Buffer;
  /** Clients are given the state beside the model. */
  readonly sharesState?: boolean;
  /** Neither input is changed. */
  aggregate(state: Float32Array, weights: Float32Array, sum: UpdateSum): Aggregated;
}

/** Gives other work its turn; to be awaited every few milliseconds. */
export type Pause = () => Promise<void>;

/** Needs single updates: the server keeps them until the round ends (memory O(clients · d)) and sees them in clear. */
export interface SetStrategy extends StrategyBase {
  readonly kind: 'set';
  /** With fewer reports the rule says nothing: the round is abandoned. */
  readonly leastReports: number;
  /** No input is changed. */
  aggregate(state: Float32Array, weights: Float32Array, set: UpdateSet, pause: Pause): Promise<Aggregated>;
}

/**
 * A strategy turns a round's reports into the next model. A plain object of pure functions; its state (momentum, moments) is
 * one float32 vector, so a checkpoint is its bytes.
 */
export type Strategy = SumStrategy | SetStrategy;

/** Of a strategy without state. */
export const stateless = (): Float32Array => new Float32Array(0);

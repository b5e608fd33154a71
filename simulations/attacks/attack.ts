import type { Random } from '../../shared/random.ts';

/** What one attacker has to work with in one round. */
export interface AttackContext {
  /** This attacker's own stream for this round. */
  readonly random: Random;
  /**
   * What the attackers would have reported if they were honest, one or more: they know each other, and take the honest clients to be
   * like themselves. In the same order for all of them. Not to be changed.
   */
  readonly coalition: readonly Float32Array[];
  /** n: reports of the round, and f: attackers among them, as the attackers expect. */
  readonly reports: number;
  readonly attackers: number;
}

/** Labels or features of one client's examples, as an attacker would have them: copies where they are changed. */
export interface Poisoned {
  readonly xs: Float32Array;
  readonly ys: Int32Array;
}

/** A client that does not do what it should. Pure: the same arguments give the same bytes. */
export interface Attack {
  readonly name: string;
  /** Needs `coalition` of more than the attacker itself. */
  readonly colludes?: boolean;
  /** Changes what it trains on. */
  poison?(
    examples: { readonly xs: Float32Array; readonly ys: Int32Array; readonly count: number },
    random: Random,
  ): Poisoned;
  /**
   * Where the attack has an aim beside doing damage: examples with the labels that it wants of them, none of which is the right one.
   * It succeeds as far as the model is accurate on these.
   */
  aim?(examples: { readonly xs: Float32Array; readonly ys: Int32Array; readonly count: number }): Poisoned;
  /** Changes what it reports. @param update - honest but for poisoned data; not changed */
  tamper?(update: Float32Array, context: AttackContext): Float32Array;
}

/** Mean and standard deviation of each coordinate over some updates, in float64. */
export function statisticsOf(updates: readonly Float32Array[]): { mean: Float64Array; deviation: Float64Array } {
  const n = updates.length;
  const d = updates[0]!.length;
  const mean = new Float64Array(d);
  const deviation = new Float64Array(d);
  for (const update of updates) for (let i = 0; i < d; i++) mean[i]! += update[i]! / n;
  for (const update of updates) for (let i = 0; i < d; i++) deviation[i]! += (update[i]! - mean[i]!) ** 2 / n;
  return { mean, deviation: deviation.map(Math.sqrt) };
}

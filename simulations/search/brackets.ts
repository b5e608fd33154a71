import { FederatedError } from '../../shared/errors.ts';

/** How many trials get how many rounds: the arithmetic of successive halving and of Hyperband. */

/** The trials that are left, and the rounds that each of them has had after it. */
export interface Rung {
  readonly trials: number;
  readonly rounds: number;
}

/** One successive halving, from many trials on few rounds to few on all of them. */
export type Bracket = readonly Rung[];

/** The largest s with base^s <= value. Not by logarithms: ln 243 / ln 3 is below 5 in float64. */
function wholeLog(value: number, base: number): number {
  let s = 0;
  for (let power = base; power <= value; power *= base) s++;
  return s;
}

/** n_i = floor(n / eta^i) trials with r_i = R eta^(i - s) rounds each, i = 0 .. s. */
const bracket = (trials: number, rounds: number, eta: number, s: number): Bracket =>
  Array.from({ length: s + 1 }, (_, i) => ({
    trials: Math.floor(trials / eta ** i),
    rounds: Math.round(rounds / eta ** (s - i)),
  }));

/**
 * Successive halving: all trials begin, and on each rung the best 1/eta of them go on to eta times as many rounds, up to all of them.
 * There are as many rungs as leave a trial, and a round for the first of them.
 * @param rounds - that the last ones get, from 1
 * @param eta - whole, from 2
 * @throws FederatedError BAD_ARGUMENT
 * @see K. Jamieson, A. Talwalkar, Non-stochastic Best Arm Identification and Hyperparameter Optimization, AISTATS 2016;
 *   with eta in place of 2 as in L. Li et al., JMLR 18, 2018
 */
export function successiveHalving(trials: number, rounds: number, eta: number): Bracket {
  check(rounds, eta);
  if (!Number.isSafeInteger(trials) || trials < 2 || trials > 10_000) {
    throw new FederatedError('BAD_ARGUMENT', `search: trials: expected a whole number from 2 to 10000, got ${trials}`);
  }
  return bracket(trials, rounds, eta, Math.min(wholeLog(trials, eta), wholeLog(rounds, eta)));
}

/**
 * Hyperband: a successive halving for each s from floor(log_eta R) to 0, of ceil((s_max + 1) eta^s / (s + 1)) trials that begin
 * with R eta^-s rounds: from one that drops early to one that drops nothing, since nobody knows how soon a good trial shows.
 * @param rounds - R, from 1
 * @param eta - whole, from 2
 * @throws FederatedError BAD_ARGUMENT
 * @see L. Li, K. Jamieson, G. DeSalvo, A. Rostamizadeh, A. Talwalkar, Hyperband, JMLR 18, 2018, Algorithm 1
 */
export function hyperband(rounds: number, eta: number): readonly Bracket[] {
  check(rounds, eta);
  const most = wholeLog(rounds, eta);
  return Array.from({ length: most + 1 }, (_, i) => {
    const s = most - i;
    return bracket(Math.ceil(((most + 1) * eta ** s) / (s + 1)), rounds, eta, s);
  });
}

function check(rounds: number, eta: number): void {
  if (!Number.isSafeInteger(rounds) || rounds < 1) {
    throw new FederatedError('BAD_ARGUMENT', `search: rounds: expected a whole number from 1, got ${rounds}`);
  }
  if (!Number.isSafeInteger(eta) || eta < 2 || eta > 100) {
    throw new FederatedError('BAD_ARGUMENT', `search: eta: expected a whole number from 2 to 100, got ${eta}`);
  }
}

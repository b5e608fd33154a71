import { statisticsOf, type Attack } from './attack.ts';
import { normalQuantile } from './normal-quantile.ts';

/**
 * A little is enough: all attackers report mean - z · deviation, coordinate by coordinate, of what they would have reported
 * honestly. z is the largest for which so many honest clients are expected to lie further out that a robust rule takes the
 * attackers for the majority: with s = floor(n/2 + 1) - f honest clients to win over,
 *   z = quantile((n - f - s) / (n - f)) of the standard normal distribution.
 * @see Baruch, Baruch, Goldberg, "A Little Is Enough: Circumventing Defenses For Distributed Learning", NeurIPS 2019,
 *   Algorithm 3. https://arxiv.org/abs/1902.06156
 */
export const alie = ({ z }: { /** Default: by the formula. */ readonly z?: number | undefined } = {}): Attack => ({
  name: 'alie',
  colludes: true,
  tamper(update, { coalition, reports, attackers }) {
    const { mean, deviation } = statisticsOf(coalition);
    const distance = z ?? alieDistance(reports, attackers);
    return update.map((_, i) => mean[i]! - distance * deviation[i]!);
  },
});

/** z for n reports of which f are the attackers'; 0 where the attackers are the majority anyway. */
export function alieDistance(n: number, f: number): number {
  const supporters = Math.floor(n / 2 + 1) - f;
  const part = (n - f - supporters) / (n - f);
  return part <= 0 || part >= 1 ? 0 : Math.max(0, normalQuantile(part));
}

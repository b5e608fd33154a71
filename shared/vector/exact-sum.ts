/**
 * A sum of weighted float32 vectors that does not depend on the order of its terms, to the last bit.
 *
 * Floating-point addition rounds, so its result depends on the order. Here every term is first rounded to a multiple of a
 * fixed unit u1, chosen so coarse that a float64 holds every partial sum exactly; what that rounding left over is rounded
 * to a much finer unit u2 and summed likewise. Exact additions commute, so both parts, and their sum, have the same bits in
 * any order (Demmel and Nguyen, "Fast Reproducible Floating-Point Summation", ARITH 2013, with two bins). A product of an
 * integer weight below 2^29 and a float32 is exact in float64, so the only error of a term is at most u2 / 2.
 *
 * Memory: 16 bytes an element, however many terms.
 */
export class ExactSum {
  readonly length: number;
  /** The finer unit: the error of the whole sum is at most `terms * unit / 2` before the last rounding to float64. */
  readonly unit: number;
  readonly #hi: Float64Array;
  readonly #lo: Float64Array;
  // 1.5 * 2^52 units: adding it pushes everything finer than one unit out of a float64's 53 bits, rounding to nearest.
  readonly #roundHi: number;
  readonly #roundLo: number;

  /**
   * @param length - d
   * @param maxTerm - bound on |weight * value| of every term
   * @param maxTerms - bound on the number of terms
   */
  constructor(length: number, { maxTerm, maxTerms }: { readonly maxTerm: number; readonly maxTerms: number }) {
    const bound = 2 ** Math.ceil(Math.log2(maxTerm));
    const terms = 2 ** Math.max(1, Math.ceil(Math.log2(maxTerms)));
    const coarse = bound * terms * 2 ** -52;
    this.length = length;
    this.unit = (coarse / 2) * terms * 2 ** -52;
    this.#roundHi = 1.5 * 2 ** 52 * coarse;
    this.#roundLo = 1.5 * 2 ** 52 * this.unit;
    this.#hi = new Float64Array(length);
    this.#lo = new Float64Array(length);
  }

  /**
   * Adds `weight * values` at `offset`. The caller has checked that the terms are finite and within `maxTerm`.
   * @param weight - an integer from 0 to 2^29
   */
  add(values: Float32Array | Float64Array, weight: number, offset = 0): void {
    const hi = this.#hi;
    const lo = this.#lo;
    const roundHi = this.#roundHi;
    const roundLo = this.#roundLo;
    for (let i = 0, at = offset; i < values.length; i++, at++) {
      const term = weight * values[i]!;
      const coarse = term + roundHi - roundHi;
      hi[at] = hi[at]! + coarse;
      lo[at] = lo[at]! + (term - coarse + roundLo - roundLo);
    }
  }

  /** Element i of the sum, rounded once to float64. */
  at(index: number): number {
    return this.#hi[index]! + this.#lo[index]!;
  }

  clear(): void {
    this.#hi.fill(0);
    this.#lo.fill(0);
  }
}

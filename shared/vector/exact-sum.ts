import { addPlainly, createAdder, type Adder } from './adder.ts';

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
  readonly #adder: Adder;
  readonly #rounding: { readonly hi: number; readonly lo: number };

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
    // 1.5 * 2^52 units: adding it pushes everything finer than one unit out of a float64's 53 bits, rounding to nearest.
    this.#rounding = { hi: 1.5 * 2 ** 52 * coarse, lo: 1.5 * 2 ** 52 * this.unit };
    this.#adder = createAdder(length, this.#rounding);
  }

  /**
   * Adds `weight * values` at `offset`. The caller has checked that the terms are finite and within `maxTerm`.
   * @param weight - an integer from 0 to 2^29
   */
  add(values: Float32Array | Float64Array, weight: number, offset = 0): void {
    const { hi, lo } = this.#adder;
    if (values instanceof Float32Array) this.#adder.add(values, weight, offset);
    else addPlainly(hi, lo, values, weight, offset, this.#rounding);
  }

  /** Element i of the sum, rounded once to float64. */
  at(index: number): number {
    return this.#adder.hi[index]! + this.#adder.lo[index]!;
  }

  clear(): void {
    this.#adder.hi.fill(0);
    this.#adder.lo.fill(0);
  }
}

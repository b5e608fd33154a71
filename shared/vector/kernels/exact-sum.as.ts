// AssemblyScript, compiled to WebAssembly with SIMD by scripts/build-kernels.mjs. Not TypeScript: the checker leaves it out.
// The plain reference is `add` of ../exact-sum.ts; both give the same bits.

/**
 * hi[i] += round(weight * values[i]), lo[i] += round(what that rounding left over), for i in 0 .. count - 1.
 * Addresses in bytes, multiples of 16; count a multiple of 4.
 */
export function add(hi: usize, lo: usize, values: usize, count: u32, weight: f64, roundHi: f64, roundLo: f64): void {
  const w = f64x2.splat(weight);
  const rh = f64x2.splat(roundHi);
  const rl = f64x2.splat(roundLo);
  const end = values + ((<usize>count) << 2);
  while (values < end) {
    const four = v128.load(values);
    const a = f64x2.mul(w, f64x2.promote_low_f32x4(four));
    const b = f64x2.mul(w, f64x2.promote_low_f32x4(v128.shuffle<u32>(four, four, 2, 3, 2, 3)));
    const coarseA = f64x2.sub(f64x2.add(a, rh), rh);
    const coarseB = f64x2.sub(f64x2.add(b, rh), rh);
    v128.store(hi, f64x2.add(v128.load(hi), coarseA));
    v128.store(hi, f64x2.add(v128.load(hi, 16), coarseB), 16);
    const fineA = f64x2.sub(f64x2.add(f64x2.sub(a, coarseA), rl), rl);
    const fineB = f64x2.sub(f64x2.add(f64x2.sub(b, coarseB), rl), rl);
    v128.store(lo, f64x2.add(v128.load(lo), fineA));
    v128.store(lo, f64x2.add(v128.load(lo, 16), fineB), 16);
    values += 16;
    hi += 32;
    lo += 32;
  }
}

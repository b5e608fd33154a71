// AssemblyScript, compiled to WebAssembly with SIMD by scripts/build-kernels.mjs. Not TypeScript: the checker leaves it out.
// The plain reference of each function is in ../plain-masking.ts; both give the same bits. Addresses are in bytes, counts in
// words, and nothing here owns memory. The module stays below 4 KiB, which is what a page's main thread may compile at once.

// "expand 32-byte k" (RFC 8439, section 2.3).
const constant0: u32 = 0x61707865;
const constant1: u32 = 0x3320646e;
const constant2: u32 = 0x79622d32;
const constant3: u32 = 0x6b206574;

/**
 * words[i] = (words[i] +- k_i) & modulus, with k the ChaCha20 keystream of a key from block `block` on and a nonce of zeros.
 * Four blocks at a time, lane j of each vector belonging to block j: the quarter rounds need no movement between lanes then.
 * @param count - a multiple of 64
 * @param sign - 0 adds, all ones subtracts: (k ^ sign) - sign
 */
export function mask(words: usize, count: u32, key: usize, block: u32, sign: u32, modulus: u32): void {
  const s = splat(sign);
  const m = splat(modulus);
  const end = words + ((<usize>count) << 2);
  while (words < end) {
    let x0 = splat(constant0);
    let x1 = splat(constant1);
    let x2 = splat(constant2);
    let x3 = splat(constant3);
    let x4 = v128.load32_splat(key, 0);
    let x5 = v128.load32_splat(key, 4);
    let x6 = v128.load32_splat(key, 8);
    let x7 = v128.load32_splat(key, 12);
    let x8 = v128.load32_splat(key, 16);
    let x9 = v128.load32_splat(key, 20);
    let x10 = v128.load32_splat(key, 24);
    let x11 = v128.load32_splat(key, 28);
    let x12 = counters(block);
    let x13 = splat(0);
    let x14 = splat(0);
    let x15 = splat(0);
    for (let round = 0; round < 20; round += 2) {
      // The columns.
      x0 = i32x4.add(x0, x4);
      x12 = rotate16(v128.xor(x12, x0));
      x8 = i32x4.add(x8, x12);
      x4 = rotate12(v128.xor(x4, x8));
      x0 = i32x4.add(x0, x4);
      x12 = rotate8(v128.xor(x12, x0));
      x8 = i32x4.add(x8, x12);
      x4 = rotate7(v128.xor(x4, x8));
      x1 = i32x4.add(x1, x5);
      x13 = rotate16(v128.xor(x13, x1));
      x9 = i32x4.add(x9, x13);
      x5 = rotate12(v128.xor(x5, x9));
      x1 = i32x4.add(x1, x5);
      x13 = rotate8(v128.xor(x13, x1));
      x9 = i32x4.add(x9, x13);
      x5 = rotate7(v128.xor(x5, x9));
      x2 = i32x4.add(x2, x6);
      x14 = rotate16(v128.xor(x14, x2));
      x10 = i32x4.add(x10, x14);
      x6 = rotate12(v128.xor(x6, x10));
      x2 = i32x4.add(x2, x6);
      x14 = rotate8(v128.xor(x14, x2));
      x10 = i32x4.add(x10, x14);
      x6 = rotate7(v128.xor(x6, x10));
      x3 = i32x4.add(x3, x7);
      x15 = rotate16(v128.xor(x15, x3));
      x11 = i32x4.add(x11, x15);
      x7 = rotate12(v128.xor(x7, x11));
      x3 = i32x4.add(x3, x7);
      x15 = rotate8(v128.xor(x15, x3));
      x11 = i32x4.add(x11, x15);
      x7 = rotate7(v128.xor(x7, x11));
      // The diagonals.
      x0 = i32x4.add(x0, x5);
      x15 = rotate16(v128.xor(x15, x0));
      x10 = i32x4.add(x10, x15);
      x5 = rotate12(v128.xor(x5, x10));
      x0 = i32x4.add(x0, x5);
      x15 = rotate8(v128.xor(x15, x0));
      x10 = i32x4.add(x10, x15);
      x5 = rotate7(v128.xor(x5, x10));
      x1 = i32x4.add(x1, x6);
      x12 = rotate16(v128.xor(x12, x1));
      x11 = i32x4.add(x11, x12);
      x6 = rotate12(v128.xor(x6, x11));
      x1 = i32x4.add(x1, x6);
      x12 = rotate8(v128.xor(x12, x1));
      x11 = i32x4.add(x11, x12);
      x6 = rotate7(v128.xor(x6, x11));
      x2 = i32x4.add(x2, x7);
      x13 = rotate16(v128.xor(x13, x2));
      x8 = i32x4.add(x8, x13);
      x7 = rotate12(v128.xor(x7, x8));
      x2 = i32x4.add(x2, x7);
      x13 = rotate8(v128.xor(x13, x2));
      x8 = i32x4.add(x8, x13);
      x7 = rotate7(v128.xor(x7, x8));
      x3 = i32x4.add(x3, x4);
      x14 = rotate16(v128.xor(x14, x3));
      x9 = i32x4.add(x9, x14);
      x4 = rotate12(v128.xor(x4, x9));
      x3 = i32x4.add(x3, x4);
      x14 = rotate8(v128.xor(x14, x3));
      x9 = i32x4.add(x9, x14);
      x4 = rotate7(v128.xor(x4, x9));
    }
    combine(
      words + 0,
      i32x4.add(x0, splat(constant0)),
      i32x4.add(x1, splat(constant1)),
      i32x4.add(x2, splat(constant2)),
      i32x4.add(x3, splat(constant3)),
      s,
      m,
    );
    combine(
      words + 16,
      i32x4.add(x4, v128.load32_splat(key, 0)),
      i32x4.add(x5, v128.load32_splat(key, 4)),
      i32x4.add(x6, v128.load32_splat(key, 8)),
      i32x4.add(x7, v128.load32_splat(key, 12)),
      s,
      m,
    );
    combine(
      words + 32,
      i32x4.add(x8, v128.load32_splat(key, 16)),
      i32x4.add(x9, v128.load32_splat(key, 20)),
      i32x4.add(x10, v128.load32_splat(key, 24)),
      i32x4.add(x11, v128.load32_splat(key, 28)),
      s,
      m,
    );
    combine(
      words + 48,
      i32x4.add(x12, counters(block)),
      x13,
      x14,
      x15,
      s,
      m,
    );
    words += 256;
    block += 4;
  }
}

/** words[i] = (words[i] +- terms[i]) & modulus. @param count - a multiple of 16 */
export function add(words: usize, terms: usize, count: u32, sign: u32, modulus: u32): void {
  const s = splat(sign);
  const m = splat(modulus);
  const end = words + ((<usize>count) << 2);
  while (words < end) {
    combineFour(words, v128.load(terms), s, m);
    combineFour(words + 16, v128.load(terms, 16), s, m);
    combineFour(words + 32, v128.load(terms, 32), s, m);
    combineFour(words + 48, v128.load(terms, 48), s, m);
    words += 64;
    terms += 64;
  }
}

/**
 * out[i] = clamp(floor(values[i] * factor + out[i] / 2^32), -limit, limit) & modulus, in float64.
 * @param out - holds the noise: words of a keystream
 * @param count - a multiple of 4
 * @param limit - a whole number below 2^31
 */
export function quantise(out: usize, values: usize, count: u32, factor: f64, limit: f64, modulus: u32): void {
  const f = f64x2.splat(factor);
  const most = f64x2.splat(limit);
  const least = f64x2.splat(-limit);
  const m = splat(modulus);
  const end = values + ((<usize>count) << 2);
  while (values < end) {
    const four = v128.load(values);
    const noise = v128.load(out);
    const low = roundTwo(four, noise, f, most, least);
    const high = roundTwo(upper(four), upper(noise), f, most, least);
    v128.store(out, v128.and(v128.shuffle<u64>(low, high, 0, 2), m));
    values += 16;
    out += 16;
  }
}

/** The lower two of four values, rounded by the lower two words of noise: two i32, then zeros. */
// @ts-ignore: decorator
@inline
function roundTwo(values: v128, noise: v128, f: v128, most: v128, least: v128): v128 {
  const u = f64x2.mul(f64x2.convert_low_i32x4_u(noise), f64x2.splat(1.0 / 4294967296.0));
  const q = f64x2.floor(f64x2.add(f64x2.mul(f64x2.promote_low_f32x4(values), f), u));
  return i32x4.trunc_sat_f64x2_s_zero(f64x2.pmax(f64x2.pmin(q, most), least));
}

/** Stores four vectors whose lane j is a part of block j: turned, so that each goes to its own block, 64 bytes apart. */
// @ts-ignore: decorator
@inline
function combine(at: usize, a: v128, b: v128, c: v128, d: v128, s: v128, m: v128): void {
  const ab01 = v128.shuffle<u32>(a, b, 0, 4, 1, 5);
  const cd01 = v128.shuffle<u32>(c, d, 0, 4, 1, 5);
  const ab23 = v128.shuffle<u32>(a, b, 2, 6, 3, 7);
  const cd23 = v128.shuffle<u32>(c, d, 2, 6, 3, 7);
  combineFour(at, v128.shuffle<u64>(ab01, cd01, 0, 2), s, m);
  combineFour(at + 64, v128.shuffle<u64>(ab01, cd01, 1, 3), s, m);
  combineFour(at + 128, v128.shuffle<u64>(ab23, cd23, 0, 2), s, m);
  combineFour(at + 192, v128.shuffle<u64>(ab23, cd23, 1, 3), s, m);
}

// @ts-ignore: decorator
@inline
function combineFour(at: usize, k: v128, s: v128, m: v128): void {
  v128.store(at, v128.and(i32x4.add(v128.load(at), i32x4.sub(v128.xor(k, s), s)), m));
}

// @ts-ignore: decorator
@inline
function splat(x: u32): v128 {
  return i32x4.splat(x);
}

/** Block numbers of the four lanes. */
// @ts-ignore: decorator
@inline
function counters(block: u32): v128 {
  return i32x4.add(splat(block), i32x4(0, 1, 2, 3));
}

// @ts-ignore: decorator
@inline
function upper(x: v128): v128 {
  return v128.shuffle<u32>(x, x, 2, 3, 2, 3);
}

// Halves are moved by a shuffle and bytes by two shifts: of all ways this is the fastest in Chromium, a quarter faster than tables
// (`swizzle`), whose indices it checks each time.
// @ts-ignore: decorator
@inline
function rotate16(x: v128): v128 {
  return v128.shuffle<u16>(x, x, 1, 0, 3, 2, 5, 4, 7, 6);
}

// @ts-ignore: decorator
@inline
function rotate8(x: v128): v128 {
  return v128.or(i32x4.shl(x, 8), i32x4.shr_u(x, 24));
}

// @ts-ignore: decorator
@inline
function rotate12(x: v128): v128 {
  return v128.or(i32x4.shl(x, 12), i32x4.shr_u(x, 20));
}

// @ts-ignore: decorator
@inline
function rotate7(x: v128): v128 {
  return v128.or(i32x4.shl(x, 7), i32x4.shr_u(x, 25));
}

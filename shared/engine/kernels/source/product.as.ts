// Products of matrices: C = alpha A B + beta C in float32. Each tile of C, 4 rows by 8 columns or 2 by 16, stays in registers
// while the sum runs over k: per k a number of A is spread over a vector for each row and meets the vectors of B.
//
// The matrices need not be stored as such. A's rows may overlap, and the sum over k may run in `segments` of `length`, with
// A jumping by `aSegment` between them: so the rows of A can be windows of a padded image, and a convolution is a product
// without a copy. Along columns B is read in vectors of 8, up to 28 bytes behind its end: never used, but in memory.
//
// The loops over k do two steps each and can be left between them. Unrolled without that exit V8 loads everything for both
// steps first and then runs out of registers: 30 instead of 43 GFLOP/s where registers alone reach 47.

// @ts-ignore: decorator
@inline
function madd(sum: v128, a: v128, b: v128): v128 {
  return f32x4.add(sum, f32x4.mul(a, b));
}

/** One vector of C: alpha sum + beta C, of which `columns` are C's. Reading behind C's end is harmless, writing is not. */
// @ts-ignore: decorator
@inline
function put(c: usize, sum: v128, columns: i32, alpha: f32, beta: f32): void {
  let value = f32x4.mul(f32x4.splat(alpha), sum);
  if (beta != 0) value = f32x4.add(value, f32x4.mul(f32x4.splat(beta), v128.load(c)));
  if (columns >= 4) {
    v128.store(c, value);
    return;
  }
  if (columns > 0) v128.store32_lane(c, value, 0);
  if (columns > 1) v128.store32_lane(c, value, 1, 4);
  if (columns > 2) v128.store32_lane(c, value, 2, 8);
}

/**
 * sizeof<Rows>() rows of C (1, 2 or 4; a type stands for the number, so that each count is compiled for itself) from column
 * `from` on. Where `Layout` is a float, the rows of A lie one float apart (A is stored transposed) and k strides by
 * `aStep`; else k is contiguous and rows are `aRow` apart.
 */
function rowsBy8<Rows, Layout>(
  c: usize, cRow: usize, from: i32, n: i32,
  a: usize, aRow: usize, aStep: usize, aSegment: usize, segments: i32, length: i32,
  b: usize, bStep: usize, bPanel: usize,
  alpha: f32, beta: f32,
): void {
  const zero = f32x4.splat(0);
  b += <usize>(from >> 3) * bPanel;
  for (let column = from; column < n; column += 8) {
    let c00 = zero, c01 = zero, c10 = zero, c11 = zero;
    let c20 = zero, c21 = zero, c30 = zero, c31 = zero;
    let b0 = zero, b1 = zero, x = zero;
    let q = b;
    let start = a;
    for (let segment = segments; segment > 0; segment--) {
      let p0 = start;
      let p1 = p0 + aRow;
      let p2 = p1 + aRow;
      let p3 = p2 + aRow;
      let k = length;
      while (true) {
        b0 = v128.load(q);
        b1 = v128.load(q, 16);
        x = v128.load32_splat(p0);
        c00 = madd(c00, x, b0);
        c01 = madd(c01, x, b1);
        if (sizeof<Rows>() > 1) {
          x = isFloat<Layout>() ? v128.load32_splat(p0, 4) : v128.load32_splat(p1);
          c10 = madd(c10, x, b0);
          c11 = madd(c11, x, b1);
        }
        if (sizeof<Rows>() > 2) {
          x = isFloat<Layout>() ? v128.load32_splat(p0, 8) : v128.load32_splat(p2);
          c20 = madd(c20, x, b0);
          c21 = madd(c21, x, b1);
          x = isFloat<Layout>() ? v128.load32_splat(p0, 12) : v128.load32_splat(p3);
          c30 = madd(c30, x, b0);
          c31 = madd(c31, x, b1);
        }
        q += bStep;
        if (--k == 0) break;
        if (isFloat<Layout>()) p0 += aStep;
        b0 = v128.load(q);
        b1 = v128.load(q, 16);
        x = isFloat<Layout>() ? v128.load32_splat(p0) : v128.load32_splat(p0, 4);
        c00 = madd(c00, x, b0);
        c01 = madd(c01, x, b1);
        if (sizeof<Rows>() > 1) {
          x = isFloat<Layout>() ? v128.load32_splat(p0, 4) : v128.load32_splat(p1, 4);
          c10 = madd(c10, x, b0);
          c11 = madd(c11, x, b1);
        }
        if (sizeof<Rows>() > 2) {
          x = isFloat<Layout>() ? v128.load32_splat(p0, 8) : v128.load32_splat(p2, 4);
          c20 = madd(c20, x, b0);
          c21 = madd(c21, x, b1);
          x = isFloat<Layout>() ? v128.load32_splat(p0, 12) : v128.load32_splat(p3, 4);
          c30 = madd(c30, x, b0);
          c31 = madd(c31, x, b1);
        }
        q += bStep;
        if (--k == 0) break;
        if (isFloat<Layout>()) {
          p0 += aStep;
        } else {
          p0 += 8;
          if (sizeof<Rows>() > 1) p1 += 8;
          if (sizeof<Rows>() > 2) p2 += 8;
          if (sizeof<Rows>() > 2) p3 += 8;
        }
      }
      start += aSegment;
    }
    const left = n - column;
    let to = c + (<usize>column << 2);
    put(to, c00, left, alpha, beta);
    put(to + 16, c01, left - 4, alpha, beta);
    if (sizeof<Rows>() > 1) {
      to += cRow;
      put(to, c10, left, alpha, beta);
      put(to + 16, c11, left - 4, alpha, beta);
    }
    if (sizeof<Rows>() > 2) {
      to += cRow;
      put(to, c20, left, alpha, beta);
      put(to + 16, c21, left - 4, alpha, beta);
      to += cRow;
      put(to, c30, left, alpha, beta);
      put(to + 16, c31, left - 4, alpha, beta);
    }
    b += bPanel;
  }
}

/** 2 rows of C by as many whole blocks of 16 columns as there are: enough sums at a time to hide the latency of an addition. */
function twoRowsBy16<Layout>(
  c: usize, cRow: usize, n: i32,
  a: usize, aRow: usize, aStep: usize, aSegment: usize, segments: i32, length: i32,
  b: usize, bStep: usize, bPanel: usize,
  alpha: f32, beta: f32,
): void {
  const zero = f32x4.splat(0);
  for (let column = 0; column + 16 <= n; column += 16) {
    let c00 = zero, c01 = zero, c02 = zero, c03 = zero;
    let c10 = zero, c11 = zero, c12 = zero, c13 = zero;
    let q = b;
    let r = b + bPanel;
    let start = a;
    for (let segment = segments; segment > 0; segment--) {
      let p0 = start;
      let p1 = p0 + aRow;
      for (let k = length; k > 0; k--) {
        const x = v128.load32_splat(p0);
        const y = isFloat<Layout>() ? v128.load32_splat(p0, 4) : v128.load32_splat(p1);
        let v = v128.load(q);
        c00 = madd(c00, x, v);
        c10 = madd(c10, y, v);
        v = v128.load(q, 16);
        c01 = madd(c01, x, v);
        c11 = madd(c11, y, v);
        v = v128.load(r);
        c02 = madd(c02, x, v);
        c12 = madd(c12, y, v);
        v = v128.load(r, 16);
        c03 = madd(c03, x, v);
        c13 = madd(c13, y, v);
        q += bStep;
        r += bStep;
        if (isFloat<Layout>()) {
          p0 += aStep;
        } else {
          p0 += 4;
          p1 += 4;
        }
      }
      start += aSegment;
    }
    let to = c + (<usize>column << 2);
    put(to, c00, 4, alpha, beta);
    put(to + 16, c01, 4, alpha, beta);
    put(to + 32, c02, 4, alpha, beta);
    put(to + 48, c03, 4, alpha, beta);
    to += cRow;
    put(to, c10, 4, alpha, beta);
    put(to + 16, c11, 4, alpha, beta);
    put(to + 32, c12, 4, alpha, beta);
    put(to + 48, c13, 4, alpha, beta);
    b += bPanel << 1;
  }
}

/** All m rows of C, by 4, then 2, then 1. */
// @ts-ignore: decorator
@inline
function allRows<Layout>(
  c: usize, cRow: usize, m: i32, n: i32,
  a: usize, aRow: usize, aStrip: usize, aStep: usize, aSegment: usize, segments: i32, length: i32,
  b: usize, bStep: usize, bPanel: usize,
  alpha: f32, beta: f32,
): void {
  for (; m >= 4; m -= 4) {
    rowsBy8<u32, Layout>(c, cRow, 0, n, a, aRow, aStep, aSegment, segments, length, b, bStep, bPanel, alpha, beta);
    c += cRow << 2;
    a += aStrip;
  }
  if (m >= 2) {
    twoRowsBy16<Layout>(c, cRow, n, a, aRow, aStep, aSegment, segments, length, b, bStep, bPanel, alpha, beta);
    rowsBy8<u16, Layout>(c, cRow, n & ~15, n, a, aRow, aStep, aSegment, segments, length, b, bStep, bPanel, alpha, beta);
    c += cRow << 1;
    a += aRow << 1;
    m -= 2;
  }
  if (m > 0) rowsBy8<u8, Layout>(c, cRow, 0, n, a, aRow, aStep, aSegment, segments, length, b, bStep, bPanel, alpha, beta);
}

/**
 * C [m, n] = alpha A B + beta C. A is [m, segments · length], B is [segments · length, n]; all counts are at least 1.
 * Element (i, segment, k) of A lies at a + (i >> 2) aStrip + (i & 3) aRow + segment aSegment + k aStep, where aRow or aStep
 * is 4, and aStrip is 4 aRow unless A is packed.
 * Element (k, j) of B lies at b + (j >> 3) bPanel + k bStep + (j & 7) 4: bPanel is 32 where B is row-major.
 */
export function product(
  c: usize, cRow: usize, m: i32, n: i32,
  a: usize, aRow: usize, aStrip: usize, aStep: usize, aSegment: usize, segments: i32, length: i32,
  b: usize, bStep: usize, bPanel: usize,
  alpha: f32, beta: f32,
): void {
  if (aStep == 4) allRows<i32>(c, cRow, m, n, a, aRow, aStrip, aStep, aSegment, segments, length, b, bStep, bPanel, alpha, beta);
  else allRows<f32>(c, cRow, m, n, a, aRow, aStrip, aStep, aSegment, segments, length, b, bStep, bPanel, alpha, beta);
}

/**
 * Lays B [k, n] out in panels of `width` columns, 8 for the right side of a product (bStep 32, bPanel 32 k) and 4 for the
 * transpose of its left side (aRow 4, aStep 16, aStrip 16 k): each panel then streams through memory, which pays where it
 * is used often. The last panel's columns behind n are left as they are. Panels lie `outPanel` apart, 4 width k or more.
 * Element (k, j) of B lies at b + k bRow + j bColumn, where one of both is 4. `out` takes outPanel ceil(n / width) bytes.
 */
export function pack(out: usize, outPanel: usize, b: usize, bRow: usize, bColumn: usize, k: i32, n: i32, width: i32): void {
  const next = <usize>width << 2;
  for (let column = 0; column < n; column += width) {
    const columns = min(n - column, width);
    if (columns == width && bColumn == 4) {
      let to = out;
      let from = b;
      for (let i = 0; i < k; i++) {
        v128.store(to, v128.load(from));
        if (width == 8) v128.store(to, v128.load(from, 16), 16);
        from += bRow;
        to += next;
      }
    } else {
      let four = 0;
      if (bRow == 4) {
        for (; four + 4 <= columns; four += 4) turn(out + (<usize>four << 2), next, b + <usize>four * bColumn, bColumn, k);
      }
      for (let j = four; j < columns; j++) {
        let from = b + <usize>j * bColumn;
        let to = out + (<usize>j << 2);
        for (let i = 0; i < k; i++) {
          store<f32>(to, load<f32>(from));
          from += bRow;
          to += next;
        }
      }
    }
    out += outPanel;
    b += bColumn * width;
  }
}

/** Four rows of k floats, `apart` bytes from each other, become four columns: out[i · next + j · 4] = row j [i]. */
function turn(out: usize, next: usize, rows: usize, apart: usize, k: i32): void {
  let p0 = rows;
  let p1 = p0 + apart;
  let p2 = p1 + apart;
  let p3 = p2 + apart;
  for (; k >= 4; k -= 4) {
    const r0 = v128.load(p0);
    const r1 = v128.load(p1);
    const r2 = v128.load(p2);
    const r3 = v128.load(p3);
    const a = v128.shuffle<u32>(r0, r1, 0, 4, 1, 5);
    const b = v128.shuffle<u32>(r2, r3, 0, 4, 1, 5);
    const c = v128.shuffle<u32>(r0, r1, 2, 6, 3, 7);
    const d = v128.shuffle<u32>(r2, r3, 2, 6, 3, 7);
    v128.store(out, v128.shuffle<u64>(a, b, 0, 2));
    out += next;
    v128.store(out, v128.shuffle<u64>(a, b, 1, 3));
    out += next;
    v128.store(out, v128.shuffle<u64>(c, d, 0, 2));
    out += next;
    v128.store(out, v128.shuffle<u64>(c, d, 1, 3));
    out += next;
    p0 += 16;
    p1 += 16;
    p2 += 16;
    p3 += 16;
  }
  for (; k > 0; k--) {
    store<f32>(out, load<f32>(p0));
    store<f32>(out, load<f32>(p1), 4);
    store<f32>(out, load<f32>(p2), 8);
    store<f32>(out, load<f32>(p3), 12);
    out += next;
    p0 += 4;
    p1 += 4;
    p2 += 4;
    p3 += 4;
  }
}

// @ts-ignore: decorator
@inline
function sumOf(v: v128): f32 {
  const two = f32x4.add(v, v128.shuffle<u32>(v, v, 2, 3, 0, 1));
  return f32x4.extract_lane(two, 0) + f32x4.extract_lane(two, 1);
}

/** C[0 .. 3] = alpha times the four sums + beta C, for the first `columns`. */
// @ts-ignore: decorator
@inline
function putSums(c: usize, s0: v128, s1: v128, s2: v128, s3: v128, t0: f32, t1: f32, t2: f32, t3: f32, columns: i32, alpha: f32, beta: f32): void {
  let value = f32x4(sumOf(s0) + t0, sumOf(s1) + t1, sumOf(s2) + t2, sumOf(s3) + t3);
  put(c, value, columns, alpha, beta);
}

/**
 * C [m, n] = alpha A Bᵀ + beta C, A [m, k] with rows aRow apart, B [n, k] with rows bRow apart: both are read along k, so
 * that B is neither transposed nor packed. For few rows of A.
 */
export function productTransposed(
  c: usize, cRow: usize, m: i32, n: i32, k: i32,
  a: usize, aRow: usize, b: usize, bRow: usize,
  alpha: f32, beta: f32,
): void {
  const whole = k & ~3;
  for (let j = 0; j < n; j += 4) {
    // Behind the last row of B the rows are read again in its place.
    const columns = min(n - j, 4);
    const q0 = b;
    const q1 = columns > 1 ? q0 + bRow : q0;
    const q2 = columns > 2 ? q1 + bRow : q0;
    const q3 = columns > 3 ? q2 + bRow : q0;
    for (let i = 0; i < m; i += 2) {
      const p0 = a + <usize>i * aRow;
      const p1 = i + 1 < m ? p0 + aRow : p0;
      let s00 = f32x4.splat(0), s01 = s00, s02 = s00, s03 = s00;
      let s10 = s00, s11 = s00, s12 = s00, s13 = s00;
      const end = <usize>whole << 2;
      for (let at: usize = 0; at < end; at += 16) {
        const x = v128.load(p0 + at);
        const y = v128.load(p1 + at);
        let v = v128.load(q0 + at);
        s00 = madd(s00, x, v);
        s10 = madd(s10, y, v);
        v = v128.load(q1 + at);
        s01 = madd(s01, x, v);
        s11 = madd(s11, y, v);
        v = v128.load(q2 + at);
        s02 = madd(s02, x, v);
        s12 = madd(s12, y, v);
        v = v128.load(q3 + at);
        s03 = madd(s03, x, v);
        s13 = madd(s13, y, v);
      }
      let t00: f32 = 0, t01: f32 = 0, t02: f32 = 0, t03: f32 = 0;
      let t10: f32 = 0, t11: f32 = 0, t12: f32 = 0, t13: f32 = 0;
      const stop = <usize>k << 2;
      for (let at = end; at < stop; at += 4) {
        const x = load<f32>(p0 + at);
        const y = load<f32>(p1 + at);
        t00 += x * load<f32>(q0 + at);
        t10 += y * load<f32>(q0 + at);
        t01 += x * load<f32>(q1 + at);
        t11 += y * load<f32>(q1 + at);
        t02 += x * load<f32>(q2 + at);
        t12 += y * load<f32>(q2 + at);
        t03 += x * load<f32>(q3 + at);
        t13 += y * load<f32>(q3 + at);
      }
      const to = c + <usize>i * cRow + (<usize>j << 2);
      putSums(to, s00, s01, s02, s03, t00, t01, t02, t03, columns, alpha, beta);
      if (i + 1 < m) putSums(to + cRow, s10, s11, s12, s13, t10, t11, t12, t13, columns, alpha, beta);
    }
    b += bRow << 2;
  }
}

// Transposition of matrices of 4-byte elements.

/** out [columns, rows] = the transpose of a [rows, columns]. */
export function transposeMatrix(out: usize, a: usize, rows: i32, columns: i32): void {
  const aRow = (<usize>columns) << 2;
  const outRow = (<usize>rows) << 2;
  const wholeColumns = columns & ~3;
  let i = 0;
  for (; i + 4 <= rows; i += 4) {
    let from = a + <usize>i * aRow;
    let to = out + ((<usize>i) << 2);
    for (let j = 0; j < wholeColumns; j += 4) {
      const r0 = v128.load(from);
      const r1 = v128.load(from + aRow);
      const r2 = v128.load(from + 2 * aRow);
      const r3 = v128.load(from + 3 * aRow);
      const low01 = v128.shuffle<u32>(r0, r1, 0, 4, 1, 5);
      const high01 = v128.shuffle<u32>(r0, r1, 2, 6, 3, 7);
      const low23 = v128.shuffle<u32>(r2, r3, 0, 4, 1, 5);
      const high23 = v128.shuffle<u32>(r2, r3, 2, 6, 3, 7);
      v128.store(to, v128.shuffle<u64>(low01, low23, 0, 2));
      v128.store(to + outRow, v128.shuffle<u64>(low01, low23, 1, 3));
      v128.store(to + 2 * outRow, v128.shuffle<u64>(high01, high23, 0, 2));
      v128.store(to + 3 * outRow, v128.shuffle<u64>(high01, high23, 1, 3));
      from += 16;
      to += 4 * outRow;
    }
    for (let j = wholeColumns; j < columns; j++) {
      for (let row: usize = 0; row < 4; row++) store<u32>(to + (row << 2), load<u32>(from + row * aRow));
      from += 4;
      to += outRow;
    }
  }
  for (; i < rows; i++) {
    const from = a + <usize>i * aRow;
    const to = out + ((<usize>i) << 2);
    for (let j: usize = 0; j < <usize>columns; j++) store<u32>(to + j * outRow, load<u32>(from + (j << 2)));
  }
}

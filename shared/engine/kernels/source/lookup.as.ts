// Rows of a table, chosen by indices that are stored as floats: an embedding and its gradient.

/** out [count, width] = the rows of `table` at `indices` [count]. */
export function lookUp(out: usize, table: usize, indices: usize, count: i32, width: i32): void {
  const row = (<usize>width) << 2;
  for (; count > 0; count--) {
    memory.copy(out, table + <usize>load<f32>(indices) * row, row);
    indices += 4;
    out += row;
  }
}

/** table[indices[i]] += scale dy[i] for i = 0, 1, ...: rows that are not chosen stay untouched. dy [count, width]. */
export function addToRows(table: usize, dy: usize, indices: usize, count: i32, width: i32, scale: f32): void {
  const row = (<usize>width) << 2;
  const factor = f32x4.splat(scale);
  for (; count > 0; count--) {
    let to = table + <usize>load<f32>(indices) * row;
    let left = width;
    for (; left >= 4; left -= 4) {
      v128.store(to, f32x4.add(v128.load(to), f32x4.mul(factor, v128.load(dy))));
      to += 16;
      dy += 16;
    }
    for (; left > 0; left--) {
      store<f32>(to, load<f32>(to) + scale * load<f32>(dy));
      to += 4;
      dy += 4;
    }
    indices += 4;
  }
}

// Rows of a table by whole numbers: look-ups, and sums by segment, which are the gradient of a look-up.

/**
 * out[s] = the sum of values[i] over i with ids[i] = s, in the order of i; rows of other ids are left out.
 * out [segments, width], values [count, width], ids [count] of int32.
 */
// @ts-ignore: decorator
@inline
function segmentSum<T>(out: usize, values: usize, ids: usize, count: i32, width: i32, segments: i32): void {
  const row = <usize>width << 2;
  memory.fill(out, 0, <usize>segments * row);
  for (let i = 0; i < count; i++) {
    const segment = load<i32>(ids + (<usize>i << 2));
    if (segment >= 0 && segment < segments) {
      let to = out + <usize>segment * row;
      let from = values;
      let left = width;
      for (; left >= 4; left -= 4) {
        v128.store(to, v128.add<T>(v128.load(to), v128.load(from)));
        to += 16;
        from += 16;
      }
      for (; left > 0; left--) {
        store<T>(to, load<T>(to) + load<T>(from));
        to += 4;
        from += 4;
      }
    }
    values += row;
  }
}

export function segmentSumFloat(out: usize, values: usize, ids: usize, count: i32, width: i32, segments: i32): void {
  segmentSum<f32>(out, values, ids, count, width, segments);
}

export function segmentSumInt(out: usize, values: usize, ids: usize, count: i32, width: i32, segments: i32): void {
  segmentSum<i32>(out, values, ids, count, width, segments);
}

/** out [count, width] = the rows of `table` at `ids` [count] of int32; of any 4-byte elements. */
export function gatherRows(out: usize, table: usize, ids: usize, count: i32, width: i32): void {
  const row = <usize>width << 2;
  for (; count > 0; count--) {
    let from = table + <usize>load<i32>(ids) * row;
    let left = width;
    for (; left >= 4; left -= 4) {
      v128.store(out, v128.load(from));
      out += 16;
      from += 16;
    }
    for (; left > 0; left--) {
      store<u32>(out, load<u32>(from));
      out += 4;
      from += 4;
    }
    ids += 4;
  }
}

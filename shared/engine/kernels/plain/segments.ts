/** out[s] = the sum of the rows of `values` [ids.length, width] whose id is s; rows of other ids are left out. */
export function segmentSum(
  values: ArrayLike<number>,
  ids: ArrayLike<number>,
  width: number,
  segments: number,
): Float64Array {
  const out = new Float64Array(segments * width);
  for (let i = 0; i < ids.length; i++) {
    const segment = ids[i]!;
    if (segment < 0 || segment >= segments) continue;
    for (let j = 0; j < width; j++) out[segment * width + j]! += values[i * width + j]!;
  }
  return out;
}

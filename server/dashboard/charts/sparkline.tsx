/** A small line without axes. Says nothing by itself: the figure beside it does. */
export function Sparkline({
  values,
  colour,
}: {
  readonly values: readonly (number | null)[];
  readonly colour: string;
}) {
  const known = values.flatMap((value, at) =>
    value === null || !Number.isFinite(value) ? [] : [[at, value] as const],
  );
  if (known.length < 2) return null;
  const ys = known.map(([, value]) => value);
  const low = Math.min(...ys);
  const height = Math.max(...ys) - low || 1;
  const width = values.length - 1 || 1;
  const place = ([at, value]: readonly [number, number]): string =>
    `${((at / width) * 100).toFixed(1)},${(23 - ((value - low) / height) * 22).toFixed(1)}`;
  return (
    <svg class={`spark ${colour}`} viewBox="0 0 100 24" preserveAspectRatio="none" aria-hidden="true">
      <polyline points={known.map(place).join(' ')} />
    </svg>
  );
}

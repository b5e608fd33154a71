import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';

/** Fewer rows are all in the document. */
const few = 200;
/** Rows above and below what is seen. */
const spare = 12;

/**
 * The rows of a table that are in sight, with room for the others above and below.
 * @param scroller - the element that scrolls
 * @param rowHeight - of each row, px
 */
export function VirtualRows<T>(props: {
  readonly rows: readonly T[];
  readonly rowHeight: number;
  readonly scroller: { readonly current: HTMLElement | null };
  readonly columns: number;
  readonly row: (item: T, index: number) => ComponentChildren;
}) {
  const { rows, rowHeight, scroller, columns, row } = props;
  const top = useSignal(0);
  const isLong = rows.length > few;
  useEffect(() => {
    const element = scroller.current;
    if (element === null || !isLong) return;
    // In steps, so that not every pixel draws the table anew.
    const onScroll = (): void => void (top.value = Math.floor(element.scrollTop / rowHeight / spare) * spare);
    element.addEventListener('scroll', onScroll, { passive: true });
    return () => element.removeEventListener('scroll', onScroll);
  }, [isLong]);
  const seen = Math.ceil((scroller.current?.clientHeight ?? 400) / rowHeight);
  const from = isLong ? Math.max(0, Math.min(top.value, rows.length - seen) - spare) : 0;
  const to = isLong ? Math.min(rows.length, from + seen + 3 * spare) : rows.length;
  const gap = (count: number): ComponentChildren =>
    count > 0 && (
      <tr aria-hidden="true" class="gap" style={{ height: `${count * rowHeight}px` }}>
        <td colSpan={columns} />
      </tr>
    );
  return (
    <tbody>
      {gap(from)}
      {rows.slice(from, to).map((item, index) => row(item, from + index))}
      {gap(rows.length - to)}
    </tbody>
  );
}

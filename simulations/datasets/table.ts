import { encodeColumns, type Column } from './columns.ts';
import { groupBy, pickGrouping, type Grouping } from './groups.ts';
import { floatSource, type Source } from './loaded.ts';
import type { Split } from './set-files.ts';

/** A table with the class of each row, and its fixed split. */
export interface Table {
  readonly name: string;
  readonly columns: readonly Column[];
  /** For each row 0 .. classes - 1. */
  readonly labels: Int32Array;
  readonly classes: number;
  /** The rows of each split, in their order. */
  readonly rows: { readonly [split in Split]: Uint32Array };
  /** For each row who it comes from. */
  readonly clients?: readonly string[];
  /** For each row its name in further groups. */
  readonly groups?: Readonly<Record<string, readonly string[]>>;
}

/** One split of a table, with the statistics and categories of the training rows. */
export function tableSource(table: Table, split: Split): Source {
  const { name, columns, labels, classes, clients, groups } = table;
  const rows = table.rows[split];
  const { xs: all, names } = encodeColumns(columns, labels.length, table.rows.train);
  const width = names.length;
  const xs = new Float32Array(rows.length * width);
  for (const [i, row] of rows.entries()) xs.set(all.subarray(row * width, (row + 1) * width), i * width);
  const grouping = (keys: readonly string[]): Grouping => pickGrouping(groupBy(keys), rows);
  return floatSource({
    name,
    xs,
    ys: Int32Array.from(rows, (row) => labels[row]!),
    count: rows.length,
    features: [width],
    classes,
    ...(clients === undefined ? {} : { clients: grouping(clients) }),
    ...(groups === undefined
      ? {}
      : { groups: Object.fromEntries(Object.entries(groups).map(([key, keys]) => [key, grouping(keys)])) }),
  });
}

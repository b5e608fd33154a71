import type Database from 'libsql';

/** A row as SQLite gives it: text, whole numbers, bytes, nothing. */
export type Row = Readonly<Record<string, unknown>>;

/**
 * How rows of a table are read. The driver ends the whole process on text that is not UTF-8, as a byte that changed on the
 * disk makes it; so text is read as bytes, and decoded here, where a mistake can be caught.
 */
export interface RowReader {
  /** For `SELECT ${columns} FROM ...` */
  readonly columns: string;
  /** @throws TypeError when a text is not UTF-8 */
  decode(row: Row): Row;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function rowReader(db: Database.Database, table: string): RowReader {
  const columns = db.prepare(`PRAGMA table_info(${table})`).all() as { name: string; type: string }[];
  const texts = new Set(columns.filter(({ type }) => type === 'TEXT').map(({ name }) => name));
  return {
    columns: columns.map(({ name }) => (texts.has(name) ? `CAST(${name} AS BLOB) AS ${name}` : name)).join(', '),
    decode: (row) =>
      Object.fromEntries(
        columns.map(({ name }) => {
          const value = row[name];
          // The driver's `get` gives a Buffer, its `all` an ArrayBuffer.
          const isBytes = value instanceof ArrayBuffer || value instanceof Uint8Array;
          return [name, isBytes && texts.has(name) ? utf8.decode(value) : value];
        }),
      ),
  };
}

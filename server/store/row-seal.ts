import { createHash } from 'node:crypto';
import type Database from 'libsql';
import { toHex } from '../../shared/bytes.ts';
import { rowReader, type Row } from './rows.ts';

/**
 * The checksum of a row: it covers the table, the name and the value of every column but itself. It guards against a disk that
 * forgets, not against people, who can compute it too; against them there is the chain of the round log.
 * @returns 22 characters: 128 bits of SHA-256
 */
export function sealOf(table: string, row: Row): string {
  const named = Object.entries(row).filter(([name]) => name !== 'seal');
  named.sort(([a], [b]) => (a < b ? -1 : 1));
  const values = named.map(([name, value]) => [name, plain(value)]);
  const hash = createHash('sha256').update(JSON.stringify([table, values]));
  return hash.digest('base64url').slice(0, 22);
}

export const holdsSeal = (table: string, row: Row): boolean => row['seal'] === sealOf(table, row);

const plain = (value: unknown): unknown => {
  if (value instanceof ArrayBuffer) return toHex(new Uint8Array(value));
  return value instanceof Uint8Array ? toHex(value) : value;
};

/** Gives every row of a table its checksum. */
export function sealRows(db: Database.Database, table: string): void {
  const { columns, decode } = rowReader(db, table);
  const update = db.prepare(`UPDATE ${table} SET seal = ? WHERE rowid = ?`);
  const rows = db.prepare(`SELECT rowid AS at, ${columns} FROM ${table}`).all() as (Row & { readonly at: number })[];
  for (const row of rows) update.run(sealOf(table, decode(row)), row.at);
}

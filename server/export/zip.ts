import { crc32 } from 'node:zlib';
import { concat, utf8 } from '../../shared/bytes.ts';

/** The earliest date that the format can say, 1 January 1980: the same files make the same bytes at any time. */
const noDate = 0x0021;
const utf8Names = 0x0800;
const version = 20;

/**
 * Files as one zip archive, stored without compression (trained weights do not shrink). At most 65,535 files and 4 GiB.
 * @see PKWARE APPNOTE.TXT 6.3.10, sections 4.3.7, 4.3.12 and 4.3.16
 */
export function zip(files: Readonly<Record<string, string | Uint8Array>>): Uint8Array {
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const [path, content] of Object.entries(files)) {
    const name = utf8(path);
    const bytes = typeof content === 'string' ? utf8(content) : content;
    // From "version needed" to "extra field length": the same in both headers.
    const common = [
      ...[version, utf8Names, 0, 0, noDate].map((value) => [2, value] as const),
      [4, crc32(bytes)] as const,
      [4, bytes.length] as const,
      [4, bytes.length] as const,
      [2, name.length] as const,
      [2, 0] as const,
    ];
    const local = littleEndian([[4, 0x04034b50], ...common]);
    parts.push(local, name, bytes);
    const comment = [2, 0] as const;
    const disk = [2, 0] as const;
    const attributes = [[2, 0] as const, [4, 0] as const];
    const entry = [[4, 0x02014b50] as const, [2, version] as const, ...common, comment, disk, ...attributes];
    directory.push(littleEndian([...entry, [4, offset]]), name);
    offset += local.length + name.length + bytes.length;
  }
  const central = concat(...directory);
  const count = Object.keys(files).length;
  const end = littleEndian([
    [4, 0x06054b50],
    [2, 0],
    [2, 0],
    [2, count],
    [2, count],
    [4, central.length],
    [4, offset],
    [2, 0],
  ]);
  return concat(...parts, central, end);
}

/** @param fields - bytes and value of each */
function littleEndian(fields: readonly (readonly [2 | 4, number])[]): Uint8Array {
  const bytes = new Uint8Array(fields.reduce((sum, [size]) => sum + size, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [size, value] of fields) {
    if (size === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
    at += size;
  }
  return bytes;
}

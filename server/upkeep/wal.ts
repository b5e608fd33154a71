/**
 * Where a SQLite write-ahead log stops being readable. SQLite passes over everything from the first frame whose checksum is
 * wrong, without a word: right after a power cut, when that frame was never finished, and wrong when the disk has changed a
 * byte of a transaction that was committed.
 */
export interface WalState {
  /** Frames before the first that cannot be read. */
  readonly frames: number;
  /** Frames from there on that belong to the log, and how many of them end a transaction. */
  readonly unreadable: number;
  readonly unreadableCommits: number;
}

const headerBytes = 32;
const frameHeaderBytes = 24;
const magics = [0x377f0682, 0x377f0683]; // checksums over little- and big-endian words

/** @see SQLite, Database File Format, section 4 (the write-ahead log) */
export function readWal(wal: Uint8Array): WalState {
  const view = new DataView(wal.buffer, wal.byteOffset, wal.byteLength);
  if (wal.length < headerBytes || wal.every((byte) => byte === 0)) {
    return { frames: 0, unreadable: 0, unreadableCommits: 0 };
  }
  const littleEndian = view.getUint32(0) === magics[0];
  let sum: Sum = checksum(view, 0, 24, littleEndian, [0, 0]);
  const holds = magics.includes(view.getUint32(0)) && sum[0] === view.getUint32(24) && sum[1] === view.getUint32(28);
  const pageBytes = view.getUint32(8);
  if (!holds || pageBytes < 512 || pageBytes > 65_536) {
    // Without its header none of it can be read. A transaction that was only just begun would have left no more than this.
    return { frames: 0, unreadable: 1, unreadableCommits: wal.length > headerBytes ? 2 : 0 };
  }
  const frameBytes = frameHeaderBytes + pageBytes;
  const [salt1, salt2] = [view.getUint32(16), view.getUint32(20)];
  let frames = 0;
  let unreadable = 0;
  let unreadableCommits = 0;
  for (let at = headerBytes; at + frameBytes <= wal.length; at += frameBytes) {
    const isSame1 = view.getUint32(at + 8) === salt1;
    const isSame2 = view.getUint32(at + 12) === salt2;
    const isCommit = view.getUint32(at + 4) !== 0;
    if (unreadable === 0 && isSame1 && isSame2) {
      const next = checksum(
        view,
        at + frameHeaderBytes,
        pageBytes,
        littleEndian,
        checksum(view, at, 8, littleEndian, sum),
      );
      if (next[0] === view.getUint32(at + 16) && next[1] === view.getUint32(at + 20)) {
        sum = next;
        frames++;
        continue;
      }
    }
    // Frames of an earlier round of the log, which this one has not overwritten yet, have neither of its salts.
    if (!isSame1 && !isSame2) {
      if (unreadable === 0) break;
      continue;
    }
    unreadable++;
    if (isCommit) unreadableCommits++;
  }
  return { frames, unreadable, unreadableCommits };
}

type Sum = readonly [number, number];

function checksum(view: DataView, from: number, length: number, littleEndian: boolean, [a, b]: Sum): Sum {
  let [s0, s1] = [a, b];
  for (let at = from; at < from + length; at += 8) {
    s0 = (s0 + view.getUint32(at, littleEndian) + s1) >>> 0;
    s1 = (s1 + view.getUint32(at + 4, littleEndian) + s0) >>> 0;
  }
  return [s0, s1];
}

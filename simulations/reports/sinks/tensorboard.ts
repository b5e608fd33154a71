import { concat, utf8 } from '../../../shared/bytes.ts';
import { committed, type RunRecord } from '../run-record.ts';
import { maskedCrc32c } from './crc32c.ts';

/** A TensorBoard event file: a name that TensorBoard looks for, and its bytes. */
export interface EventFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/**
 * The scalars of a run's committed rounds as a TensorBoard event file: TFRecord frames with `Event` messages of protocol buffers.
 * The step is the round; the time is the run's start plus the seconds of its rounds.
 */
export function eventFile(run: RunRecord): EventFile {
  const startedAt = (run.startedAt ?? 0) / 1000;
  const frames = [frame(event(startedAt, fileVersion))];
  let seconds = startedAt;
  for (const { round, values } of committed(run)) {
    seconds += values['time/round'] ?? 0;
    frames.push(frame(event(seconds, summary(round, values))));
  }
  return {
    name: `events.out.tfevents.${String(Math.floor(startedAt)).padStart(10, '0')}.fedloom`,
    bytes: concat(...frames),
  };
}

/** uint64 length, its masked CRC-32C, the data, theirs; little-endian. */
function frame(data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(data.length + 16);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, maskedCrc32c(bytes.subarray(0, 8)), true);
  bytes.set(data, 12);
  view.setUint32(12 + data.length, maskedCrc32c(data), true);
  return bytes;
}

// Protocol buffers by hand. A field is its number and wire type in a varint, then its value.
const wire = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return [...bytes, rest];
}

const field = (number: number, type: keyof typeof wire, value: Iterable<number>): Uint8Array =>
  Uint8Array.from([...varint(number * 8 + wire[type]), ...value]);
const message = (number: number, content: Uint8Array): Uint8Array =>
  concat(field(number, 'bytes', varint(content.length)), content);
const double = (value: number): Uint8Array =>
  new Uint8Array(littleEndian(8, (view) => view.setFloat64(0, value, true)));
const float = (value: number): Uint8Array => new Uint8Array(littleEndian(4, (view) => view.setFloat32(0, value, true)));
function littleEndian(length: number, write: (view: DataView) => void): ArrayBuffer {
  const buffer = new ArrayBuffer(length);
  write(new DataView(buffer));
  return buffer;
}

/** Event { double wall_time = 1; int64 step = 2; string file_version = 3; Summary summary = 5 } */
const event = (wallTime: number, content: Uint8Array): Uint8Array =>
  concat(field(1, 'fixed64', double(wallTime)), content);
const fileVersion = message(3, utf8('brain.Event:2'));

/** Summary { repeated Value value = 1 }, Value { string tag = 1; float simple_value = 2 } */
function summary(step: number, values: Readonly<Record<string, number>>): Uint8Array {
  const scalars = Object.entries(values).map(([tag, value]) =>
    message(1, concat(message(1, utf8(tag)), field(2, 'fixed32', float(value)))),
  );
  return concat(field(2, 'varint', varint(step)), message(5, concat(...scalars)));
}

import { expect } from 'chai';
import fc from 'fast-check';
import { utf8 } from '../../../../shared/bytes.ts';
import { roundOf, type RunRecord } from '../../../../simulations/reports/run-record.ts';
import { crc32c, maskedCrc32c } from '../../../../simulations/reports/sinks/crc32c.ts';
import { csv } from '../../../../simulations/reports/sinks/csv.ts';
import { eventFile } from '../../../../simulations/reports/sinks/tensorboard.ts';

const record = (lines: readonly Readonly<Record<string, unknown>>[], startedAt: number | null = null): RunRecord => ({
  name: 'run',
  source: '/runs/run',
  state: null,
  startedAt,
  config: {},
  env: null,
  rounds: lines.map((line) => roundOf(line, 'here')),
  clients: [],
  notes: [],
});
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** CRC-32C by the definition, bit by bit over the polynomial 0x1edc6f41, without reflection tricks. */
function crcByDefinition(bytes: Uint8Array): number {
  const reflected = (value: number, bits: number): number => {
    let out = 0;
    for (let i = 0; i < bits; i++) if ((value >>> i) & 1) out |= 1 << (bits - 1 - i);
    return out >>> 0;
  };
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc = (crc ^ (reflected(byte, 8) << 24)) >>> 0;
    for (let i = 0; i < 8; i++) crc = (crc & 0x80000000 ? (crc << 1) ^ 0x1edc6f41 : crc << 1) >>> 0;
  }
  return (reflected(crc, 32) ^ 0xffffffff) >>> 0;
}

describe('CRC-32C', () => {
  it('gives the check value, and those of RFC 3720, appendix B.4', () => {
    expect(crc32c(utf8('123456789'))).to.equal(0xe3069283);
    expect(crc32c(new Uint8Array(32))).to.equal(0x8a9136aa);
    expect(crc32c(new Uint8Array(32).fill(0xff))).to.equal(0x62a8ab43);
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).to.equal(0x46dd794e);
  });

  it('agrees with the definition', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => expect(crc32c(bytes)).to.equal(crcByDefinition(bytes)) && undefined),
    );
  });

  it('is masked as TFRecord does: turned right by 15 bits, plus 0xa282ead8', () => {
    // e3069283 turned right by 15 is 2507c60d (0xe3069283 >>> 15 = 0x1c60d; << 17 = 0x25060000); the sum is c78ab0e5.
    expect(maskedCrc32c(utf8('123456789')).toString(16)).to.equal('c78ab0e5');
  });
});

/** A reader of its own: frames, then fields of protocol buffers, nothing shared with the writer but the CRC. */
function readEvents(
  bytes: Uint8Array,
): { wallTime: number; step: number; version: string; scalars: [string, number][] }[] {
  const events = [];
  for (let at = 0; at < bytes.length;) {
    const view = new DataView(bytes.buffer, bytes.byteOffset + at);
    const length = Number(view.getBigUint64(0, true));
    expect(view.getUint32(8, true)).to.equal(maskedCrc32c(bytes.subarray(at, at + 8)));
    const data = bytes.subarray(at + 12, at + 12 + length);
    expect(view.getUint32(12 + length, true)).to.equal(maskedCrc32c(data));
    const event = { wallTime: NaN, step: 0, version: '', scalars: [] as [string, number][] };
    for (const [number, value] of fields(data)) {
      if (number === 1) event.wallTime = new DataView((value as Uint8Array).slice().buffer).getFloat64(0, true);
      if (number === 2) event.step = value as number;
      if (number === 3) event.version = new TextDecoder().decode(value as Uint8Array);
      if (number === 5) {
        for (const [, scalar] of fields(value as Uint8Array)) {
          const parts = new Map(fields(scalar as Uint8Array));
          const bits = (parts.get(2) as Uint8Array).slice().buffer;
          event.scalars.push([
            new TextDecoder().decode(parts.get(1) as Uint8Array),
            new DataView(bits).getFloat32(0, true),
          ]);
        }
      }
    }
    events.push(event);
    at += length + 16;
  }
  return events;
}

function fields(bytes: Uint8Array): [number, number | Uint8Array][] {
  const found: [number, number | Uint8Array][] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = bytes[at++]!;
      value += (byte & 127) * shift;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const key = varint();
    const number = Math.floor(key / 8);
    if (key % 8 === 0) found.push([number, varint()]);
    else {
      const length = key % 8 === 1 ? 8 : key % 8 === 5 ? 4 : varint();
      found.push([number, bytes.subarray(at, at + length)]);
      at += length;
    }
  }
  return found;
}

describe('a TensorBoard event file', () => {
  it('begins with the version record, byte for byte as TensorFlow writes it', () => {
    const { bytes, name } = eventFile(record([]));
    // length 24 | its masked CRC | 09 wall time 0.0, 1a 0d "brain.Event:2" | masked CRC
    expect(hex(bytes.subarray(0, 12))).to.equal('1800000000000000a37f4b22');
    expect(hex(bytes.subarray(12, 36))).to.equal(`090000000000000000${'1a0d'}${hex(utf8('brain.Event:2'))}`);
    expect(bytes.length).to.equal(8 + 4 + 24 + 4);
    expect(name).to.match(/tfevents/);
  });

  it('has an event a round, with the scalars that were measured', () => {
    const lines = [
      { round: 1, seconds: 2, 'eval/accuracy': 0.5, 'eval/loss': null },
      { round: 2, result: 'abandoned', seconds: 9 },
      { round: 300, seconds: 0.5, 'eval/accuracy': 0.75 },
    ];
    const { bytes, name } = eventFile(record(lines, 1_700_000_000_000));
    expect(name).to.equal('events.out.tfevents.1700000000.fedloom');
    expect(readEvents(bytes)).to.deep.equal([
      { wallTime: 1_700_000_000, step: 0, version: 'brain.Event:2', scalars: [] },
      { wallTime: 1_700_000_002, step: 1, version: '', scalars: [['time/round', 2], ['eval/accuracy', 0.5]] }, // prettier-ignore
      { wallTime: 1_700_000_002.5, step: 300, version: '', scalars: [['time/round', 0.5], ['eval/accuracy', 0.75]] }, // prettier-ignore
    ]);
  });
});

describe('a table as CSV', () => {
  it('has a line a round, with nothing where nothing was measured', () => {
    const lines = [
      { round: 1, 'eval/accuracy': 0.1, 'a,"b"/c': 1 },
      { round: 2, result: 'abandoned', reason: 'x' },
      { round: 2, 'eval/accuracy': 1e-7, seconds: 2 },
    ];
    expect(csv(record(lines))).to.equal(
      'round,result,eval/accuracy,"a,""b""/c",time/round\n1,done,0.1,1,\n2,abandoned,,,\n2,done,1e-7,,2\n',
    );
  });
});

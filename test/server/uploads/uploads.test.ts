import { expect } from 'chai';
import { clearCheck } from '../../../server/uploads/update-check.ts';
import { Uploads, type Report, type Upload } from '../../../server/uploads/uploads.ts';
import type { ClientId } from '../../../shared/ids.ts';
import { defaultLimits, type Limits } from '../../../shared/protocol/limits.ts';
import { bytesFloats, floatBytes } from '../../../shared/weights.ts';

const id = (n: number): ClientId => String(n).padStart(32, '0') as ClientId;
const length = 8;

function reportOf(n: number): Report {
  const upload = new Uint8Array(16).fill(n);
  return {
    type: 'report',
    run: 'r-1',
    round: 1,
    attempt: 1,
    upload,
    bytes: 4 * length,
    examples: 5,
    encoding: 'float32',
    metrics: {},
  };
}
const tag = (n: number): number => n * 0x01010101;
const values = (...given: number[]): Uint8Array => new Uint8Array(floatBytes(Float32Array.from(given)));

function setup(limits: Partial<Limits> = {}, maxNorm = 100) {
  const log: string[] = [];
  const whole: Upload[] = [];
  const clock = { now: 0 };
  const uploads = new Uploads(
    {
      now: () => clock.now,
      send: (client, _report, offset) => log.push(`send ${Number(client)} ${offset}`),
      ack: (client, _report, offset) => log.push(`ack ${Number(client)} ${offset}`),
      whole: (upload) => whole.push(upload),
      refused: (client, _report, error) => log.push(`refused ${Number(client)} ${error.code}`),
    },
    { bytes: 4 * length, newCheck: () => clearCheck(maxNorm), limits: { ...defaultLimits, ackBytes: 16, ...limits } },
  );
  return { uploads, log, whole, clock };
}

describe('uploads', () => {
  it('come in chunks, are acknowledged, and are handed over whole', () => {
    const { uploads, log, whole } = setup();
    uploads.begin(id(1), reportOf(1));
    uploads.chunk(id(1), tag(1), 0, values(1, 2, 3, 4));
    uploads.chunk(id(1), tag(1), 16, values(5, 6, 7, 8));
    expect(log).to.deep.equal(['send 1 0', 'ack 1 16']);
    expect([...bytesFloats(whole[0]!.bytes)]).to.deep.equal([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(whole[0]!.check.norm()).to.equal(Math.sqrt(204)); // 1 + 4 + ... + 64
  });

  it('go on where they stopped when the same update is offered again', () => {
    const { uploads, log, whole } = setup();
    uploads.begin(id(1), reportOf(1));
    uploads.chunk(id(1), tag(1), 0, values(1, 2));
    uploads.begin(id(1), reportOf(1));
    expect(log).to.deep.equal(['send 1 0', 'send 1 8']);
    uploads.chunk(id(1), tag(1), 8, values(3, 4, 5, 6, 7, 8));
    expect(whole).to.have.length(1);
  });

  it('start anew when another update is offered', () => {
    const { uploads, log, whole } = setup();
    uploads.begin(id(1), reportOf(1));
    uploads.chunk(id(1), tag(1), 0, values(1, 2));
    uploads.begin(id(1), reportOf(2));
    uploads.chunk(id(1), tag(1), 8, values(9, 9)); // still on its way: belongs to the first, is dropped
    uploads.chunk(id(1), tag(2), 0, values(1, 1, 1, 1, 1, 1, 1, 1));
    expect(log).to.deep.equal(['send 1 0', 'send 1 0']);
    expect(whole[0]!.check.norm()).to.equal(Math.sqrt(8));
  });

  it('are refused with a gap, an overlap, or more bytes than announced', () => {
    for (const [offset, bytes] of [
      [8, 8],
      [-4, 8],
      [0, 36],
    ] as const) {
      const { uploads, log, whole } = setup();
      uploads.begin(id(1), reportOf(1));
      uploads.chunk(id(1), tag(1), offset, new Uint8Array(bytes));
      expect(log.at(-1)).to.equal('refused 1 BAD_OFFSET');
      expect(whole).to.deep.equal([]);
    }
  });

  it('are refused at the first value that is not finite', () => {
    const { uploads, log } = setup();
    uploads.begin(id(1), reportOf(1));
    uploads.chunk(id(1), tag(1), 0, values(1, Number.NaN));
    expect(log.at(-1)).to.equal('refused 1 NOT_FINITE');
    expect(uploads.isReceiving(id(1))).to.equal(false);
  });

  it('are refused above the norm bound, and taken at it', () => {
    const { uploads, log, whole } = setup({}, Math.sqrt(8));
    uploads.begin(id(1), reportOf(1));
    uploads.chunk(id(1), tag(1), 0, values(1, 1, 1, 1, 1, 1, 1, 1));
    expect(whole).to.have.length(1);
    uploads.begin(id(2), reportOf(2));
    uploads.chunk(id(2), tag(2), 0, values(1, 1, 1, 1, 1, 1, 1, 1.01));
    expect(log.at(-1)).to.equal('refused 2 NORM_TOO_LARGE');
  });

  it('wait for a place, first come first served, and get it when an update is released', () => {
    const { uploads, log, whole } = setup({ maxUploads: 1 });
    for (const n of [1, 2, 3]) uploads.begin(id(n), reportOf(n));
    expect(log).to.deep.equal(['send 1 0']);
    uploads.chunk(id(1), tag(1), 0, new Uint8Array(32));
    expect(log).to.deep.equal(['send 1 0']); // whole, but its values are still needed
    uploads.release(whole[0]!);
    expect(log).to.deep.equal(['send 1 0', 'send 2 0']);
    uploads.drop(id(2));
    expect(log.at(-1)).to.equal('send 3 0');
  });

  it('that take longer than a second do not hold up the others, while there is memory', () => {
    const { uploads, log, clock } = setup({ maxUploads: 1, maxSpoolBytes: 2 * 4 * length });
    for (const n of [1, 2, 3]) uploads.begin(id(n), reportOf(n));
    uploads.tick();
    expect(log).to.deep.equal(['send 1 0']);
    clock.now = 1_000;
    uploads.tick();
    expect(log).to.deep.equal(['send 1 0', 'send 2 0']);
    clock.now = 2_000;
    uploads.tick();
    expect(log).to.deep.equal(['send 1 0', 'send 2 0']); // memory has room for two
  });

  it('are limited by memory as well as by number, but one is always let in', () => {
    const { uploads, log } = setup({ maxUploads: 4, maxSpoolBytes: 1 });
    for (const n of [1, 2]) uploads.begin(id(n), reportOf(n));
    expect(log).to.deep.equal(['send 1 0']);
  });

  it('give up their place when they stand still while others wait', () => {
    const { uploads, log, clock } = setup({ maxUploads: 1, maxSpoolBytes: 1 });
    uploads.begin(id(1), reportOf(1));
    clock.now = 20_000;
    uploads.tick();
    expect(log).to.deep.equal(['send 1 0']); // nobody waits: it may keep its place
    uploads.begin(id(2), reportOf(2));
    uploads.tick();
    expect(log).to.deep.equal(['send 1 0', 'send 2 0']);
    expect(uploads.isWaiting(id(1))).to.equal(true);
  });

  it('are refused when they are slower than the least rate', () => {
    const { uploads, log, clock } = setup({ uploadPatience: 1_000, minUploadRate: 16 });
    uploads.begin(id(1), reportOf(1));
    uploads.chunk(id(1), tag(1), 0, values(1, 2));
    clock.now = 1_001;
    uploads.tick();
    expect(log.at(-1)).to.equal('refused 1 TOO_SLOW');
  });
});

import { expect } from 'chai';
import fc from 'fast-check';
import { Packr, Unpackr } from 'msgpackr';
import { fromHex, toHex, utf8 } from '../../../shared/bytes.ts';
import { readMsgpack } from '../../../shared/protocol/msgpack-reader.ts';
import { writeMsgpack } from '../../../shared/protocol/msgpack-writer.ts';
import { seeded } from '../../../shared/random.ts';
import { mutations } from '../../helpers/fuzz.ts';
import { codeOf } from '../../helpers/primitives.ts';
import { clientExamples, serverExamples } from '../../vectors/messages.ts';

const options = { useRecords: false, mapsAsObjects: true, variableMapSize: true, int64AsType: 'number' } as const;
const packr = new Packr(options);
const unpackr = new Unpackr(options);

/** With plain Uint8Arrays where msgpackr gives Buffers. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return new Uint8Array(value);
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, plain(field)]));
}
const msgpackrReads = (bytes: Uint8Array): unknown => plain(unpackr.unpack(new Uint8Array(bytes)));

const leaf = fc.oneof(
  fc.integer(),
  fc.integer({ min: -70_000, max: 70_000 }),
  fc.maxSafeInteger(),
  fc.double(),
  fc.string({ unit: 'grapheme', maxLength: 80 }),
  fc.string({ unit: 'grapheme-ascii', maxLength: 80 }),
  fc.boolean(),
  fc.constant(null),
  fc.uint8Array({ maxLength: 300 }),
);
const key = fc.string({ unit: 'grapheme', maxLength: 40 }).filter((text) => !/^(__proto__$|\d)/.test(text));
const { value: anyValue } = fc.letrec((tie) => ({
  value: fc.oneof({ depthSize: 'small', maxDepth: 6 }, leaf, fc.array(tie('value'), { maxLength: 20 }), tie('map')),
  map: fc.dictionary(key, tie('value'), { maxKeys: 20, noNullPrototype: true }),
}));

const read = (hex: string): unknown => readMsgpack(fromHex(hex));
const refusal = (hex: string) => codeOf(() => read(hex));

describe('msgpack', () => {
  it('agrees with the example of msgpack.org', () => {
    const bytes = '82a7636f6d70616374c3a6736368656d6100';
    expect(toHex(writeMsgpack({ compact: true, schema: 0 }))).to.equal(bytes);
    expect(read(bytes)).to.deep.equal({ compact: true, schema: 0 });
  });

  it('writes and reads each format of the specification at its edges', () => {
    const edges: [string, unknown][] = [
      ['c0', null],
      ['c2', false],
      ['c3', true],
      // positive fixint 0XXXXXXX, negative fixint 111YYYYY
      ['00', 0],
      ['7f', 127],
      ['ff', -1],
      ['e0', -32],
      // uint 8, 16, 32
      ['cc80', 128],
      ['ccff', 255],
      ['cd0100', 256],
      ['cdffff', 65_535],
      ['ce00010000', 65_536],
      ['ceffffffff', 2 ** 32 - 1],
      // int 8, 16, 32
      ['d0df', -33],
      ['d080', -128],
      ['d1ff7f', -129],
      ['d18000', -32_768],
      ['d2ffff7fff', -32_769],
      ['d280000000', -(2 ** 31)],
      // float 64: sign, 11 bits of exponent + 1023, 52 bits
      ['cb3ff8000000000000', 1.5],
      ['cb41f0000000000000', 2 ** 32],
      ['cbc1e0000000200000', -(2 ** 31) - 1],
      ['cb433fffffffffffff', 2 ** 53 - 1],
      ['cb8000000000000000', -0],
      ['cb7ff0000000000000', Infinity],
      ['cbfff0000000000000', -Infinity],
      ['cb7ff8000000000000', NaN],
      ['cb0000000000000001', 5e-324],
      // fixstr, fixarray, fixmap, bin 8, each empty
      ['a0', ''],
      ['90', []],
      ['80', {}],
      ['c400', new Uint8Array(0)],
      // U+20AC is e2 82 ac, U+1F600 is f0 9f 98 80
      ['a7e282acf09f9880', '\u20ac\u{1f600}'],
      ['a3efbbbf', '\ufeff'], // a byte order mark stays
    ];
    for (const [hex, value] of edges) {
      expect(toHex(writeMsgpack(value)), hex).to.equal(hex);
      expect(read(hex), hex).to.deep.equal(value);
    }
  });

  it('writes lengths in their shortest form', () => {
    const heads: [string, unknown][] = [
      ['bf', 'x'.repeat(31)],
      ['d920', 'x'.repeat(32)],
      ['d920', '\u00e9'.repeat(16)], // 16 characters of two bytes
      ['d9ff', 'x'.repeat(255)],
      ['da0100', 'x'.repeat(256)],
      ['daffff', 'x'.repeat(65_535)],
      ['db00010000', 'x'.repeat(65_536)],
      ['c4ff', new Uint8Array(255)],
      ['c50100', new Uint8Array(256)],
      ['c5ffff', new Uint8Array(65_535)],
      ['c600010000', new Uint8Array(65_536).fill(7)],
      ['9f', Array.from({ length: 15 }, () => 0)],
      ['dc0010', Array.from({ length: 16 }, () => 0)],
      ['dc1000', Array.from({ length: 4096 }, () => 0)],
      ['8f', Object.fromEntries(Array.from({ length: 15 }, (_, i) => [`k${i}`, i]))],
      ['de0010', Object.fromEntries(Array.from({ length: 16 }, (_, i) => [`k${i}`, i]))],
    ];
    for (const [head, value] of heads) {
      const bytes = writeMsgpack(value);
      expect(toHex(bytes.subarray(0, head.length / 2))).to.equal(head);
      expect(readMsgpack(bytes)).to.deep.equal(value);
    }
  });

  it('reads longer forms than needed, and float32', () => {
    const forms: [string, unknown][] = [
      ['cc01', 1],
      ['cd0001', 1],
      ['ce00000001', 1],
      ['cf0000000000000001', 1],
      ['d0ff', -1],
      ['d1ffff', -1],
      ['d2ffffffff', -1],
      ['d3ffffffffffffffff', -1],
      ['d30000000100000002', 2 ** 32 + 2],
      ['ca3fc00000', 1.5],
      ['ca3dcccccd', 0.100_000_001_490_116_12],
      ['d90161', 'a'],
      ['da000161', 'a'],
      ['db0000000161', 'a'],
      ['c5000107', Uint8Array.of(7)],
      ['c60000000107', Uint8Array.of(7)],
      ['dc000101', [1]],
      ['dd0000000101', [1]],
      ['de0001a16101', { a: 1 }],
      ['df00000001d9016101', { a: 1 }],
      ['82a16101a16102', { a: 2 }], // the later counts
    ];
    for (const [hex, value] of forms) expect(read(hex), hex).to.deep.equal(value);
  });

  it('is read by msgpackr as what was written', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        expect(msgpackrReads(writeMsgpack(value))).to.deep.equal(value);
      }),
    );
  });

  it('is read as what msgpackr wrote, and written by both in the same bytes', () => {
    const hasMinusZero = (value: unknown): boolean =>
      Object.is(value, -0) ||
      (typeof value === 'object' && value !== null && !(value instanceof Uint8Array) && Object.values(value).some(hasMinusZero)); // prettier-ignore
    fc.assert(
      fc.property(
        anyValue.filter((value) => !hasMinusZero(value)), // msgpackr writes 0 for -0
        (value) => {
          const bytes = new Uint8Array(packr.pack(value));
          expect(readMsgpack(bytes)).to.deep.equal(value);
          expect(toHex(writeMsgpack(value))).to.equal(toHex(bytes));
        },
      ),
    );
  });

  it('after mutations is refused, or means what msgpackr reads in it', () => {
    const corpus = [...clientExamples, ...serverExamples, { a: [1.5, -0, 'h\u00e9', [[-129]]], b: 2 ** 40 }].map(
      (each) => writeMsgpack(each),
    );
    let accepted = 0;
    for (const bytes of mutations(seeded('msgpack'), corpus, 40_000)) {
      let value: unknown;
      if (codeOf(() => (value = readMsgpack(bytes))) !== undefined) continue;
      accepted++;
      expect(msgpackrReads(bytes), toHex(bytes)).to.deep.equal(value);
    }
    expect(accepted).to.be.greaterThan(500);
  });

  it('refuses text that is not well-formed UTF-8, in values and in keys, short and long', () => {
    const illFormed = [
      'ff',
      '80', // a continuation alone
      'c3', // a lead alone
      'c080', // U+0000, overlong
      'e08080',
      'c1bf',
      'eda080', // a surrogate
      'f0808080',
      'f4908080', // beyond U+10FFFF
      'f8888080',
    ];
    for (const bytes of illFormed) {
      const head = (length: number): string => (0xa0 | length).toString(16);
      const length = bytes.length / 2;
      expect(refusal(head(length) + bytes), bytes).to.equal('BAD_MESSAGE');
      expect(refusal(`81${head(length)}${bytes}01`), bytes).to.equal('BAD_MESSAGE');
      const long = `d9${(100 + length).toString(16)}${'61'.repeat(50)}${bytes}${'61'.repeat(50)}`;
      expect(refusal(long), bytes).to.equal('BAD_MESSAGE');
    }
  });

  it('writes halves of surrogate pairs as U+FFFD', () => {
    expect(toHex(writeMsgpack('\ud800x'))).to.equal('a4efbfbd78');
    expect(readMsgpack(writeMsgpack(`${'x'.repeat(40)}\udc00`))).to.equal(`${'x'.repeat(40)}\ufffd`);
  });

  it('refuses integers that a float64 cannot tell apart', () => {
    expect(read('cf001fffffffffffff')).to.equal(2 ** 53 - 1);
    expect(read('d3ffe0000000000001')).to.equal(-(2 ** 53) + 1);
    const beyond = ['cf0020000000000000', 'cfffffffffffffffff', 'd30020000000000000', 'd3ffe0000000000000'];
    for (const hex of [...beyond, 'd38000000000000000']) expect(refusal(hex), hex).to.equal('BAD_MESSAGE');
  });

  it('has keys of up to 255 bytes, none with a digit in front', () => {
    for (const name of ['x'.repeat(255), '\u00e9'.repeat(127), '', 'a1', '-1', '\u0661']) {
      expect(readMsgpack(writeMsgpack({ [name]: 1 }))).to.deep.equal({ [name]: 1 });
    }
    for (const name of ['x'.repeat(256), '\u00e9'.repeat(128), '0', '1023', '1e3', '9a']) {
      expect(codeOf(() => writeMsgpack({ [name]: 1 }))).to.equal('BAD_ARGUMENT');
      const bytes = new Uint8Array(packr.pack({ [name]: 1 }));
      expect(codeOf(() => readMsgpack(bytes))).to.equal('BAD_MESSAGE');
    }
    expect(codeOf(() => writeMsgpack({ ['__proto__']: 1 }))).to.equal('BAD_ARGUMENT');
  });

  it('has keys that mean something to objects as fields of their own', () => {
    const bytes = new Uint8Array(packr.pack({ constructor: 1, toString: 2, hasOwnProperty: 3 }));
    const fields = readMsgpack(bytes) as object;
    expect(Object.entries(fields)).to.deep.equal([['constructor', 1], ['toString', 2], ['hasOwnProperty', 3]]); // prettier-ignore
    expect(Object.getPrototypeOf(fields)).to.equal(Object.prototype);
  });

  it('nests eight deep, full or empty', () => {
    const nested = (depth: number, inside: unknown): unknown => (depth === 0 ? inside : [nested(depth - 1, inside)]);
    for (const inside of [[], {}, { a: 1 }]) {
      const bytes = writeMsgpack(nested(7, inside));
      expect(readMsgpack(bytes)).to.deep.equal(nested(7, inside));
      expect(codeOf(() => writeMsgpack(nested(8, inside)))).to.equal('BAD_ARGUMENT');
      expect(refusal(`91${toHex(bytes)}`)).to.equal('BAD_MESSAGE');
    }
  });

  it('holds at most 4096 values, keys included', () => {
    const pairs = (count: number): unknown[] => Array.from({ length: count }, () => []); // an array of arrays: `count` values
    expect(readMsgpack(writeMsgpack(pairs(4096)))).to.have.length(4096);
    expect(codeOf(() => writeMsgpack(pairs(4097)))).to.equal('BAD_ARGUMENT');
    expect(refusal(`dc1001${'90'.repeat(4097)}`)).to.equal('BAD_MESSAGE');
    const maps = { a: Array.from({ length: 1000 }, () => ({ b: { c: 1 } })) }; // 2 + 1000 * (1 + 2 + 2)
    expect(codeOf(() => writeMsgpack(maps))).to.equal('BAD_ARGUMENT');
    expect(codeOf(() => readMsgpack(new Uint8Array(packr.pack(maps))))).to.equal('BAD_MESSAGE');
  });

  it('is written rightly where the message grows past the room there is', () => {
    // Every kind of value at every place around the first 4096 bytes.
    for (let length = 4060; length <= 4096; length++) {
      const message = [
        new Uint8Array(length),
        'text',
        '\u00e9',
        70_000,
        -70_000,
        0.1,
        null,
        { key: true },
        utf8('end'),
      ];
      expect(readMsgpack(writeMsgpack(message))).to.deep.equal(message);
    }
  });

  it('is not disturbed by a field that writes a message of its own', () => {
    const message = {
      a: 'first',
      get b() {
        return writeMsgpack({ other: 'x'.repeat(100) });
      },
      c: 'last',
    };
    const { a, b, c } = readMsgpack(writeMsgpack(message)) as { a: string; b: Uint8Array; c: string };
    expect([a, readMsgpack(b), c]).to.deep.equal(['first', { other: 'x'.repeat(100) }, 'last']);
  });

  it('is written after a refusal as before it', () => {
    const before = toHex(writeMsgpack({ a: 1 }));
    expect(codeOf(() => writeMsgpack({ a: 'x', b: 1n }))).to.equal('BAD_ARGUMENT');
    expect(toHex(writeMsgpack({ a: 1 }))).to.equal(before);
  });

  it('is read from any place of a larger buffer', () => {
    const bytes = writeMsgpack({ a: 1.5, b: utf8('xyz') });
    for (let offset = 0; offset < 9; offset++) {
      const larger = Buffer.alloc(bytes.length + 20, 0xc1);
      larger.set(bytes, offset);
      const value = readMsgpack(larger.subarray(offset, offset + bytes.length));
      expect(value).to.deep.equal({ a: 1.5, b: utf8('xyz') });
    }
  });
});

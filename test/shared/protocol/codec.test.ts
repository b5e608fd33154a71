import { expect } from 'chai';
import fc from 'fast-check';
import { Packr } from 'msgpackr';
import { concat, fromHex, toHex, utf8 } from '../../../shared/bytes.ts';
import { decodeControl, encodeControl } from '../../../shared/protocol/codec.ts';
import { codeOf } from '../../helpers/primitives.ts';

const decode = (hex: string): unknown => decodeControl(fromHex(hex), 4096);
const codeOfHex = (hex: string) => codeOf(() => decode(hex));

describe('the control codec', () => {
  it('writes msgpack', () => {
    // 81 map of 1, a1 61 "a", 93 array of 3, 01, c3 true, c4 02 binary of 2
    expect(toHex(encodeControl({ a: [1, true, Uint8Array.of(7, 8)] }))).to.equal('81a1619301c3c4020708');
    // 0x1_0000_0000 has no short form: a float64
    expect(toHex(encodeControl({ n: 2 ** 32 }))).to.equal('81a16ecb41f0000000000000');
  });

  it('decodes what it encodes', () => {
    const leaf = fc.oneof(
      fc.integer(),
      fc.maxSafeInteger(),
      fc.double({ noNaN: true }),
      fc.string({ unit: 'grapheme' }),
      fc.boolean(),
      fc.constant(null),
      fc.uint8Array({ maxLength: 300 }),
    );
    const key = fc.string({ maxLength: 40 }).filter((text) => !/^(__proto__$|\d)/.test(text));
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof({ depthSize: 'small', maxDepth: 6 }, leaf, fc.array(tie('value'), { maxLength: 4 }), tie('map')),
      map: fc.dictionary(key, tie('value'), { maxKeys: 5, noNullPrototype: true }),
    }));
    fc.assert(
      fc.property(fc.dictionary(key, value, { maxKeys: 5, noNullPrototype: true }), (message) => {
        expect(decodeControl(encodeControl(message), 2 ** 20)).to.deep.equal(message);
      }),
    );
  });

  it('leaves out fields that are undefined', () => {
    expect(decodeControl(encodeControl({ a: undefined, b: { c: undefined } }), 4096)).to.deep.equal({ b: {} });
  });

  it('reads integers of 64 bits as numbers', () => {
    expect(decode('81a16ecf0000000100000000')).to.deep.equal({ n: 2 ** 32 });
    expect(decode('81a16ed3ffffffffffffffff')).to.deep.equal({ n: -1 });
  });

  it('gives binary fields as plain arrays in memory of their own', () => {
    for (const message of [Buffer.from(encodeControl({ a: Buffer.from('xyz') })), encodeControl({ a: utf8('xyz') })]) {
      const { a } = decodeControl(message, 4096) as { a: Uint8Array };
      expect(a.constructor).to.equal(Uint8Array);
      expect(a.buffer.byteLength).to.equal(3);
      message.fill(0);
      expect(a).to.deep.equal(utf8('xyz'));
      expect(Object.keys(message)).to.have.length(message.length); // and leaves nothing on its input
    }
  });

  it('returns bytes that no later message changes', () => {
    const first = encodeControl({ a: 'one' });
    const copy = new Uint8Array(first);
    for (let i = 0; i < 3000; i++) encodeControl({ b: 'x'.repeat(i % 100) });
    expect(first).to.deep.equal(copy);
    expect(first.buffer.byteLength).to.equal(first.length);
  });

  it('refuses to encode what msgpack has no honest form for', () => {
    const cyclic: Record<string, unknown> = {};
    cyclic['self'] = cyclic;
    const values: unknown[] = [
      Float32Array.of(1),
      new Float64Array(1),
      new Uint16Array(1),
      new Int8Array(1),
      new DataView(new ArrayBuffer(1)),
      new ArrayBuffer(1),
      new Date(0),
      /x/,
      new Map(),
      new Set(),
      new Error('x'),
      1n,
      Symbol('x'),
      () => 1,
      cyclic,
    ];
    for (const value of values) {
      expect(codeOf(() => encodeControl({ value }))).to.equal('BAD_ARGUMENT');
      expect(codeOf(() => encodeControl([value]))).to.equal('BAD_ARGUMENT');
    }
  });

  it('refuses every extension of msgpack, those of msgpackr among them', () => {
    const packr = new Packr({ structuredClone: true, moreTypes: true, useRecords: true, bundleStrings: true });
    const shared = { x: 1 };
    const values = [
      new Date(0),
      /x/g,
      new Set([1]),
      new Error('x'),
      { a: 1 }, // a record
      [shared, shared], // a reference
      Float32Array.of(1),
      undefined,
      2n ** 70n,
    ];
    for (const value of values) {
      const bytes = new Uint8Array(packr.pack(value));
      expect(codeOf(() => decodeControl(bytes, 4096))).to.equal('BAD_MESSAGE');
      const inField = concat(fromHex('81a161'), bytes);
      expect(codeOf(() => decodeControl(inField, 4096))).to.equal('BAD_MESSAGE');
    }
    for (let type = 0; type < 256; type++) {
      const hex = type.toString(16).padStart(2, '0');
      for (const head of [`d4${hex}`, `d5${hex}`, `d6${hex}`, `d7${hex}`, `d8${hex}`, `c701${hex}`, `c80001${hex}`]) {
        expect(codeOfHex(`81a161${head}${'00'.repeat(16)}`)).to.equal('BAD_MESSAGE');
      }
    }
    expect(codeOfHex('81a161c1')).to.equal('BAD_MESSAGE'); // the type that is never used
  });

  it('refuses the key __proto__ in every form, and takes keys that only look like it', () => {
    const proto = toHex(utf8('__proto__'));
    expect(codeOfHex(`81a9${proto}80`)).to.equal('BAD_MESSAGE');
    expect(codeOfHex(`81d909${proto}80`)).to.equal('BAD_MESSAGE');
    expect(codeOfHex(`81a16181a9${proto}80`)).to.equal('BAD_MESSAGE');
    expect(decode(`81aa78${proto}80`)).to.deep.equal({ x__proto__: {} });
    expect(decode(`81a161a9${proto}`)).to.deep.equal({ a: '__proto__' });
  });

  it('refuses keys that are no strings', () => {
    for (const key of ['01', 'c0', 'c3', 'c40161', '90', '80', 'ca00000000', 'da000161']) {
      expect(codeOfHex(`81${key}01`)).to.equal('BAD_MESSAGE');
    }
  });

  it('refuses nesting deeper than eight, bytes after the end, and every early end', () => {
    expect(decode(`${'91'.repeat(8)}01`)).to.deep.equal([[[[[[[[1]]]]]]]]);
    expect(codeOfHex(`${'91'.repeat(9)}01`)).to.equal('BAD_MESSAGE');
    expect(codeOfHex('91'.repeat(4096))).to.equal('BAD_MESSAGE');
    expect(codeOfHex('8000')).to.equal('BAD_MESSAGE');
    const whole = encodeControl({ a: [1.5, 'text', Uint8Array.of(1, 2, 3)], b: { c: null, d: 70_000 } });
    for (let length = 0; length < whole.length; length++) {
      expect(codeOf(() => decodeControl(whole.subarray(0, length), 4096))).to.equal('BAD_MESSAGE');
    }
  });

  it('refuses lengths that are not there, without making room for them', () => {
    for (const head of ['c6ffffffff', 'dbffffffff', 'ddffffffff', 'dfffffffff', 'dcffff', 'deffff', 'c5ffff', 'd9ff']) {
      expect(codeOfHex(head)).to.equal('BAD_MESSAGE');
    }
  });

  it('refuses more bytes than allowed before it reads them', () => {
    expect(codeOf(() => decodeControl(new Uint8Array(4097).fill(0xc1), 4096))).to.equal('TOO_LARGE');
    expect(codeOf(() => decodeControl(new Uint8Array(4096).fill(0xc1), 4096))).to.equal('BAD_MESSAGE');
  });
});

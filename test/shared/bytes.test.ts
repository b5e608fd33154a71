import { expect } from 'chai';
import fc from 'fast-check';
import { concat, equalBytes, fromBase64Url, fromHex, toBase64Url, toHex, utf8 } from '../../shared/bytes.ts';

const ascii = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'ascii'));

describe('bytes', () => {
  // RFC 4648, section 10; base64url differs in the padding, which is left out, and in two characters
  const vectors = [
    ['', '', ''],
    ['f', '66', 'Zg'],
    ['fo', '666f', 'Zm8'],
    ['foo', '666f6f', 'Zm9v'],
    ['foob', '666f6f62', 'Zm9vYg'],
    ['fooba', '666f6f6261', 'Zm9vYmE'],
    ['foobar', '666f6f626172', 'Zm9vYmFy'],
  ] as const;

  it('agree with RFC 4648 in hex and base64url', () => {
    for (const [text, hex, base64] of vectors) {
      expect(toHex(ascii(text))).to.equal(hex);
      expect(fromHex(hex.toUpperCase())).to.deep.equal(ascii(text));
      expect(toBase64Url(ascii(text))).to.equal(base64);
      expect(fromBase64Url(base64)).to.deep.equal(ascii(text));
    }
    expect(toBase64Url(Uint8Array.of(0xfb, 0xff))).to.equal('-_8');
    expect(fromBase64Url('-_8=')).to.deep.equal(Uint8Array.of(0xfb, 0xff));
  });

  it('come back from hex and base64url, and agree with Node', () =>
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(fromHex(toHex(bytes))).to.deep.equal(bytes);
        expect(fromBase64Url(toBase64Url(bytes))).to.deep.equal(bytes);
        expect(toBase64Url(bytes)).to.equal(Buffer.from(bytes).toString('base64url'));
      }),
    ));

  it('are not made of other texts', () => {
    for (const text of ['a', 'xx', '0x12', ' 12', '12\n']) expect(() => fromHex(text)).to.throw(RangeError);
    for (const text of ['+/', 'a b', 'Zg===', 'Z=g']) expect(() => fromBase64Url(text)).to.throw(RangeError);
  });

  it('are laid one after the other in memory of their own', () => {
    const a = Uint8Array.of(1, 2);
    const whole = concat(a, new Uint8Array(), Uint8Array.of(3));
    a[0] = 9;
    expect(whole).to.deep.equal(Uint8Array.of(1, 2, 3));
    expect(concat()).to.have.length(0);
  });

  it('are equal when length and every byte are', () => {
    const bytes = Uint8Array.of(1, 2, 3);
    expect(equalBytes(bytes, Uint8Array.of(0, 1, 2, 3).subarray(1))).to.equal(true);
    expect(equalBytes(bytes, Uint8Array.of(1, 2))).to.equal(false);
    for (let i = 0; i < 3; i++) expect(equalBytes(bytes, bytes.with(i, 7))).to.equal(false);
  });

  it('are UTF-8 of a text', () => {
    expect(toHex(utf8('€'))).to.equal('e282ac'); // RFC 3629: U+20AC in three bytes
  });
});

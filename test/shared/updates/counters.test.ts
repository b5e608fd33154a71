import { expect } from 'chai';
import fc from 'fast-check';
import {
  counterFormat,
  digitCount,
  readCounter,
  signedWord,
  wordOf,
  writeCounter,
} from '../../../shared/updates/counters.ts';

describe('counters', () => {
  it('have digits so short that n of them add up without overflow, and not shorter', () => {
    // 100 * (2^24 - 1) = 1.68e9 < 2^31 = 2.15e9 < 100 * (2^25 - 1)
    expect(counterFormat(32, 100).digitBits).to.equal(24);
    // 127 * (2^1 - 1) < 2^7, but 43 * (2^2 - 1) = 129 is not
    expect(counterFormat(8, 127).digitBits).to.equal(1);
    expect(counterFormat(8, 43).digitBits).to.equal(1);
    expect(counterFormat(8, 42).digitBits).to.equal(2);
    expect(counterFormat(8, 1).digitBits).to.equal(7);
  });

  it('have as many digits as their bound needs', () => {
    const format = { modulusBits: 32, digitBits: 24 };
    expect(digitCount(format, 1)).to.equal(1);
    expect(digitCount(format, 2 ** 24 - 1)).to.equal(1);
    expect(digitCount(format, 2 ** 24)).to.equal(2);
    expect(digitCount(format, 2 ** 52)).to.equal(3); // 53 bits
  });

  it('write a number digit by digit, each with its sign', () => {
    const words = new Uint32Array(3);
    writeCounter({ modulusBits: 8, digitBits: 2 }, words, 27); // 1 2 3 in base 4
    expect(words).to.deep.equal(Uint32Array.of(3, 2, 1));
    writeCounter({ modulusBits: 8, digitBits: 2 }, words, -27);
    expect(words).to.deep.equal(Uint32Array.of(253, 254, 255));
  });

  it("take words as two's complement of M bits", () => {
    expect(signedWord(0x7f, 8)).to.equal(127);
    expect(signedWord(0x80, 8)).to.equal(-128);
    expect(signedWord(0xffffffff, 32)).to.equal(-1);
    expect(wordOf(-1, 12)).to.equal(0xfff);
    expect(wordOf(-(2 ** 31), 32)).to.equal(2 ** 31);
  });

  it('sum exactly, whatever the numbers, the modulus and the number of clients', () => {
    const cases = fc
      .record({ modulusBits: fc.integer({ min: 8, max: 32 }), bits: fc.integer({ min: 1, max: 44 }) })
      .chain(({ modulusBits, bits }) =>
        fc.record({
          modulusBits: fc.constant(modulusBits),
          bound: fc.constant(2 ** bits - 1),
          values: fc.array(
            fc.maxSafeInteger().map((value) => value % 2 ** bits),
            { minLength: 1, maxLength: 120 },
          ),
        }),
      );
    fc.assert(
      fc.property(cases, ({ modulusBits, bound, values }) => {
        const format = counterFormat(modulusBits, values.length);
        const sum = new Uint32Array(digitCount(format, bound));
        for (const value of values) {
          const words = new Uint32Array(sum.length);
          writeCounter(format, words, value);
          for (let i = 0; i < sum.length; i++) sum[i] = (sum[i]! + words[i]!) % 2 ** modulusBits;
        }
        expect(readCounter(format, sum) + 0).to.equal(values.reduce((total, value) => total + value, 0) + 0); // -0 is 0
      }),
    );
  });
});

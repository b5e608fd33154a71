import { expect } from 'chai';
import fc from 'fast-check';
import { side, toDigit, type Ink } from '../../../client/try/digit.ts';
import { loadData } from '../../../simulations/datasets/registry.ts';

const blank = (width: number, height: number): Ink => ({ width, height, values: new Float32Array(width * height) });

/** Ink 1 in a rectangle. */
function rectangle(width: number, height: number, [left, top, right, bottom]: readonly number[]): Ink {
  const ink = blank(width, height);
  for (let y = top!; y < bottom!; y++) for (let x = left!; x < right!; x++) ink.values[y * width + x] = 1;
  return ink;
}

const at = (digit: Float32Array, x: number, y: number): number => digit[y * side + x]!;

describe('a drawing made a digit', () => {
  it('is nothing without ink', () => {
    expect(toDigit(blank(100, 80))).to.equal(null);
  });

  it('scales the ink into 20 x 20 and puts its centre in the middle', () => {
    // 40 x 100 pixels in a corner: a scale of 20 / 100 makes 8 x 20, which in the middle of 28 x 28 spans 10 .. 18 by 4 .. 24.
    const digit = toDigit(rectangle(280, 280, [3, 5, 43, 105]))!;
    const expected = new Float32Array(side * side);
    for (let y = 4; y < 24; y++) for (let x = 10; x < 18; x++) expected[y * side + x] = 1;
    expect([...digit].map((value) => Number(value.toFixed(4)))).to.deep.equal([...expected]);
  });

  it('balances uneven ink about the middle', () => {
    // A bar of 10 x 100 at the left of a line of 90 x 10: the mass lies at the left, so the whole moves to the right.
    const ink = rectangle(200, 200, [0, 0, 10, 100]);
    for (let x = 10; x < 100; x++) for (let y = 45; y < 55; y++) ink.values[y * 200 + x] = 1;
    const digit = toDigit(ink)!;
    // Mass centre in x: (1000 * 5 + 900 * 55) / 1900 = 28.7 of 100, so 5.7 of 20; 14 - 5.7 = 8: columns 8 to 28.
    expect(at(digit, 8, 14)).to.be.closeTo(1, 1e-5);
    expect(at(digit, 7, 14)).to.equal(0);
    expect(at(digit, 27, 14)).to.be.closeTo(1, 1e-5);
  });

  it('gives an MNIST digit back that was drawn ten times as large somewhere else', async () => {
    const { xs } = await loadData('mnist-10k:0/400');
    for (let i = 0; i < 20; i++) {
      const original = xs.subarray(i * side * side, (i + 1) * side * side);
      const ink = blank(400, 400);
      for (let y = 0; y < 280; y++) {
        for (let x = 0; x < 280; x++) {
          ink.values[(y + 90) * 400 + x + 40] = original[Math.floor(y / 10) * side + Math.floor(x / 10)]!;
        }
      }
      const digit = toDigit(ink)!;
      // The box is 20 x 20 up to the rounding of the original's own faint border: at most a pixel of difference in place.
      const distance = Math.min(
        ...[-1, 0, 1].flatMap((dx) =>
          [-1, 0, 1].map((dy) => {
            let sum = 0;
            for (let y = 1; y < side - 1; y++) {
              for (let x = 1; x < side - 1; x++) sum += Math.abs(at(digit, x + dx, y + dy) - original[y * side + x]!);
            }
            return sum / (side * side);
          }),
        ),
      );
      expect(distance, `digit ${i}`).to.be.below(0.05);
    }
  });

  it('always has 784 values from 0 to 1, and some ink where there was some', () => {
    const size = fc.integer({ min: 1, max: 60 });
    fc.assert(
      fc.property(size, size, fc.array(fc.tuple(fc.nat(), fc.nat()), { minLength: 1, maxLength: 30 }), (w, h, dots) => {
        const ink = blank(w, h);
        for (const [x, y] of dots) ink.values[(y % h) * w + (x % w)] = 1;
        const digit = toDigit(ink)!;
        expect(digit).to.have.length(784);
        expect(digit.every((value) => value >= 0 && value <= 1)).to.equal(true);
        expect(Math.max(...digit)).to.be.greaterThan(0);
      }),
    );
  });
});

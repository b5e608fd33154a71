import { expect } from 'chai';

/** Every value is what is expected, to `within`. */
export const expectClose = (actual: ArrayLike<number>, expected: number[], within = 1e-12): void => {
  expect(actual.length).to.equal(expected.length);
  for (const [i, value] of expected.entries()) expect(actual[i], `value ${i}`).to.be.closeTo(value, within);
};

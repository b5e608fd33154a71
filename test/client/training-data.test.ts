import { expect } from 'chai';
import { toExamples, type ClientData } from '../../client/data.ts';
import { FederatedError } from '../../shared/errors.ts';
import type { DataContract } from '../../shared/tasks/task.ts';

const contract: DataContract = { features: [4], labels: { classes: 3, positions: 1 } };
const expected = { xs: Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8), ys: Int32Array.of(0, 2), count: 2 };

const rejects = async (data: unknown, message: RegExp, of = contract): Promise<void> => {
  const error = await toExamples(data as ClientData, of).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).to.be.instanceOf(FederatedError).with.property('code', 'BAD_DATA');
  expect((error as FederatedError).message).to.match(message);
};

describe('toExamples', () => {
  const tensor = (shape: number[], values: number[]) => ({ shape, data: async () => Float32Array.from(values) });
  const forms: Record<string, ClientData> = {
    'typed arrays': { xs: expected.xs, ys: expected.ys },
    'typed arrays of other kinds': { xs: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8), ys: Float64Array.of(0, 2) },
    'nested arrays': { xs: [[1, 2, 3, 4], [5, 6, 7, 8]], ys: [0, 2] }, // prettier-ignore
    'images where flat features are asked for': { xs: [[[1, 2], [3, 4]], [[5, 6], [7, 8]]], ys: [[0], [2]] }, // prettier-ignore
    tensors: { xs: tensor([2, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8]), ys: tensor([2], [0, 2]) },
    'a stream of batches': (async function* () {
      yield { xs: [[1, 2, 3, 4]], ys: [0] };
      yield { xs: Float32Array.of(5, 6, 7, 8), ys: Int32Array.of(2) };
    })(),
    'a stream of single examples': (async function* () {
      yield { x: [1, 2, 3, 4], y: 0 };
      yield { x: tensor([2, 2], [5, 6, 7, 8]), y: [2] };
    })(),
  };
  for (const [name, data] of Object.entries(forms)) {
    it(`takes ${name}`, async () => expect(await toExamples(data, contract)).to.deep.equal(expected));
  }

  it('takes real targets', async () => {
    const labels = { targets: 2 };
    const { ys } = await toExamples({ xs: expected.xs, ys: [[0.5, 1], [2, 3]] }, { features: [4], labels }); // prettier-ignore
    expect(ys).to.deep.equal(Float32Array.of(0.5, 1, 2, 3));
  });

  it('takes a label for each place of a sequence', async () => {
    const places: DataContract = { features: [4], labels: { classes: 3, positions: 2 } };
    const { ys } = await toExamples({ xs: expected.xs, ys: [[0, 1], [2, 0]] }, places); // prettier-ignore
    expect(ys).to.deep.equal(Int32Array.of(0, 1, 2, 0));
    await rejects({ xs: expected.xs, ys: [0, 2] }, /expected \[2, 2\] labels for 2 examples, got \[2\]/, places);
    await rejects({ xs: expected.xs, ys: [[0, 1], [0.5, 0]] }, /label of example 1 is 0.5/, places); // prettier-ignore
  });

  const endless: unknown[] = [];
  endless.push(endless);
  const wrong: [string, unknown, RegExp][] = [
    ['an array that contains itself', { xs: endless, ys: [0] }, /xs: expected at most 8 arrays in one another/],
    ['big integers', { xs: BigInt64Array.of(1n, 2n, 3n, 4n), ys: [0] }, /xs: expected an array of numbers, got BigInt64A/],
    ['big integers in a tensor', { xs: { shape: [1, 4], data: async () => BigInt64Array.of(1n, 2n, 3n, 4n) }, ys: [0] }, /xs: expected/],
    ['bytes without a type', { xs: new DataView(new ArrayBuffer(16)), ys: [0] }, /xs: expected an array of numbers, got Da/],
    ['nothing', null, /expected \{ xs, ys \}/],
    ['data without labels', { xs: [[1, 2, 3, 4]] }, /expected \{ xs, ys \}/],
    ['text', { xs: 'abc', ys: [0] }, /xs: expected a typed array/],
    ['features of a wrong shape', { xs: [[1, 2, 3]], ys: [0] }, /expected \[n, 4\] features, got \[1, 3\]/],
    ['a wrong number of values', { xs: Float32Array.of(1, 2, 3), ys: [0] }, /expected \[n, 4\] features, got 3 values/],
    ['arrays of unequal length', { xs: [[1, 2, 3, 4], [5]], ys: [0, 1] }, /equal length \[2, 4\], one at depth 1 differs/],
    ['text among numbers', { xs: [[1, 2, 3, 'x']], ys: [0] }, /xs: expected numbers, got string/],
    ['too few labels', { xs: expected.xs, ys: [0] }, /expected \[2\] labels for 2 examples, got \[1\]/],
    ['one-hot labels', { xs: expected.xs, ys: [[1, 0, 0], [0, 0, 1]] }, /\[2\] labels for 2 examples, got \[2, 3\]/],
    ['labels that are no whole numbers', { xs: expected.xs, ys: [0, 1.5] }, /label of example 1 is 1.5/],
    ['a label that is no class', { xs: expected.xs, ys: [0, 3] }, /label of example 1 is 3; expected 0 to 2/],
    ['a feature that is NaN', { xs: [[1, 2, 3, Number.NaN]], ys: [0] }, /feature 3 of example 0 is NaN/],
    ['no examples', { xs: [], ys: [] }, /at least one example/],
    ['an empty stream', (async function* () {})(), /at least one example/],
  ]; // prettier-ignore
  for (const [what, data, message] of wrong) it(`refuses ${what}`, () => rejects(data, message));
});

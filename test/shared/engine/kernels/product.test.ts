import { expect } from 'chai';
import fc from 'fast-check';
import { gemm, gemmScratch, rowMajor, transposed, type Matrix } from '../../../../shared/engine/kernels/gemm.ts';
import { loadKernels, type Kernels } from '../../../../shared/engine/kernels/load.ts';
import { seeded } from '../../../../shared/random.ts';

const guard = 16;

/** A memory with its kernels, and what is put into it one after the other. */
async function workbench(megabytes: number) {
  const memory = new WebAssembly.Memory({ initial: 16 * megabytes });
  const kernels = await loadKernels(memory);
  const floats = new Float32Array(memory.buffer);
  let end = guard;
  return {
    kernels,
    floats,
    clear: () => (end = guard),
    /** Address of `count` floats, `guard` more than asked for. */
    take: (count: number): number => {
      const at = end;
      end += count + guard;
      return 4 * at;
    },
  };
}

const element = (floats: Float32Array, { at, row, column }: Matrix, i: number, j: number): number =>
  floats[(at + i * row + j * column) / 4]!;

describe('gemm', () => {
  let bench: Awaited<ReturnType<typeof workbench>>;
  before(async () => {
    bench = await workbench(16);
  });

  /** Largest error of C = alpha A B + beta C against sums in float64, relative to the size of the terms. */
  function errorOf(
    m: number,
    n: number,
    k: number,
    turnA: boolean,
    turnB: boolean,
    alpha: number,
    beta: number,
  ): number {
    const { kernels, floats, take, clear } = bench;
    clear();
    const random = seeded(m, n, k);
    const fill = (count: number): number => {
      const at = take(count);
      for (let i = 0; i < count + guard; i++) floats[at / 4 + i] = 2 * random.float() - 1;
      return at;
    };
    const a = turnA ? transposed(rowMajor(fill(m * k), m)) : rowMajor(fill(m * k), k);
    const b = turnB ? transposed(rowMajor(fill(k * n), k)) : rowMajor(fill(k * n), n);
    const c = fill(m * n);
    const before = floats.slice(c / 4 - guard, c / 4 + m * n + guard);
    gemm(kernels, c, [m, n, k], a, b, { alpha, beta, scratch: take(gemmScratch(m, n, k) / 4) });
    const after = floats.subarray(c / 4 - guard, c / 4 + m * n + guard);
    let worst = 0;
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let sum = 0;
        for (let t = 0; t < k; t++) sum += element(floats, a, i, t) * element(floats, b, t, j);
        const at = guard + i * n + j;
        worst = Math.max(worst, Math.abs(after[at]! - (alpha * sum + beta * before[at]!)) / Math.sqrt(k));
      }
    }
    expect(after.subarray(0, guard), 'before C').to.deep.equal(before.subarray(0, guard));
    expect(after.subarray(-guard), 'behind C').to.deep.equal(before.subarray(-guard));
    return worst;
  }

  it('multiplies matrices of any shape, as stored or transposed, and touches nothing else', () => {
    const side = fc.integer({ min: 1, max: 70 });
    const weight = fc.constantFrom(0, 1, -0.5);
    fc.assert(
      fc.property(
        side,
        side,
        side,
        fc.boolean(),
        fc.boolean(),
        fc.constantFrom(1, -0.1),
        weight,
        (m, n, k, ...rest) => {
          expect(errorOf(m, n, k, ...rest)).to.be.below(1e-6);
        },
      ),
      { numRuns: 150 },
    );
  });

  it('does so across blocks of a long sum, and with sides that are powers of two', () => {
    for (const [m, n, k] of [
      [10, 64, 1_300],
      [40, 33, 1_030],
      [64, 128, 512],
      [5, 1_024, 256],
    ] as const) {
      for (const turn of [0, 1, 2, 3]) {
        expect(errorOf(m, n, k, (turn & 1) > 0, (turn & 2) > 0, 1, 1), `${m} ${n} ${k} ${turn}`).to.be.below(2e-6);
      }
    }
  });

  it('does not read C where beta is 0, so that what lay there cannot spoil it', () => {
    const { kernels, floats, take, clear } = bench;
    clear();
    const [a, b, c, scratch] = [take(6), take(6), take(4), take(1_000)];
    floats.set([1, 2, 3, 4, 5, 6], a / 4);
    floats.set([1, 0, 0, 1, 1, 1], b / 4);
    floats.fill(Number.NaN, c / 4, c / 4 + 4);
    gemm(kernels, c, [2, 2, 3], rowMajor(a, 3), rowMajor(b, 2), { scratch });
    expect([...floats.subarray(c / 4, c / 4 + 4)]).to.deep.equal([4, 5, 10, 11]); // 1+3, 2+3, 4+6, 5+6
  });
});

describe('the elementary functions', () => {
  let kernels: Kernels;
  let floats: Float32Array;
  before(async () => {
    ({ kernels, floats } = await workbench(4));
  });

  const count = 200_001;
  const kinds = { elu: 3, selu: 4, sigmoid: 5, tanh: 6, softplus: 7 } as const;
  const selu = (x: number): number => 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * Math.expm1(x));
  const truths: Record<keyof typeof kinds, (x: number) => number> = {
    elu: (x) => (x > 0 ? x : Math.expm1(x)),
    selu,
    sigmoid: (x) => 1 / (1 + Math.exp(-x)),
    tanh: Math.tanh,
    softplus: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
  };

  for (const [name, kind] of Object.entries(kinds)) {
    it(`${name} is right to 5e-7 of what it can be, from -40 to 40`, () => {
      const xs = Float32Array.from({ length: count }, (_, i) => (i / (count - 1) - 0.5) * 80);
      floats.set(xs, 16);
      kernels.activate(64, 0, 1, count, kind);
      const truth = truths[name as keyof typeof kinds];
      let worst = 0;
      for (let i = 0; i < count; i++) {
        const want = truth(xs[i]!);
        worst = Math.max(worst, Math.abs(floats[16 + i]! - want) / Math.max(1, Math.abs(want)));
      }
      expect(worst).to.be.below(5e-7);
    });
  }

  it('keep NaN, and go to their limits for infinities', () => {
    const inputs = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    const limits = { elu: [Infinity, -1], sigmoid: [1, 0], tanh: [1, -1], softplus: [Infinity, 0] } as const;
    for (const [name, [up, down]] of Object.entries(limits)) {
      floats.set(inputs, 16);
      kernels.activate(64, 0, 1, 3, kinds[name as keyof typeof kinds]);
      expect([...floats.subarray(16, 19)], name).to.deep.equal([Number.NaN, up, down]);
    }
  });

  it('softmax sums to 1 for logits of any size', () => {
    floats.set([1000, 1000, 998, -5, 0], 16);
    kernels.softmax(64, 1, 5);
    const e = Math.exp(-2);
    const expected = [1 / (2 + e), 1 / (2 + e), e / (2 + e), 0, 0];
    for (const [i, want] of expected.entries()) expect(floats[16 + i]).to.be.closeTo(want, 1e-7);
  });
});

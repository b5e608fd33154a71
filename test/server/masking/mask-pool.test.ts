import { expect } from 'chai';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { runMaskJob } from '../../../server/masking/job.ts';
import { MaskPool } from '../../../server/masking/mask-pool.ts';
import { concat, utf8 } from '../../../shared/bytes.ts';
import { generatorNames, usualGenerator, type GeneratorName } from '../../../shared/crypto/primitives.ts';
import { FederatedError } from '../../../shared/errors.ts';
import { seeded } from '../../../shared/random.ts';
import { MaskAdder } from '../../../shared/vector/masking.ts';
import { refuses } from '../../contracts/store.ts';
import { native } from '../../helpers/primitives.ts';

const keysOf = (name: string, count: number): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => native.sha256(utf8(`${name} ${i}`)));

/** Enough for several threads, and no whole number of parts, tiles or blocks. */
const length = 300_007;
const [plus, minus] = [keysOf('plus', 11), keysOf('minus', 6)];

function vector(size: number, isShared: boolean): Uint32Array {
  const { u32 } = seeded('vector', size);
  const words = isShared ? new Uint32Array(new SharedArrayBuffer(4 * size + 64), 64, size) : new Uint32Array(size);
  for (let i = 0; i < size; i++) words[i] = u32();
  return words;
}
function expected(size: number, bits: number, generator: GeneratorName = usualGenerator): Uint32Array {
  const words = vector(size, false);
  new MaskAdder(words, bits, { generator, keystreams: native.keystreams }).apply(plus, minus);
  return words;
}
const isSame = (a: Uint32Array, b: Uint32Array): boolean =>
  a.length === b.length && a.every((word, i) => word === b[i]);

const port = "require('node:worker_threads').parentPort";
/** A thread that does nothing, and says that it has. */
const willing = `${port}.on('message', () => ${port}.postMessage({ fault: null }))`;

/** A test of a pool that is closed afterwards. */
async function withPool(
  options: ConstructorParameters<typeof MaskPool>[0],
  test: (pool: MaskPool) => Promise<void>,
): Promise<void> {
  const pool = new MaskPool(options);
  try {
    await test(pool);
  } finally {
    await pool.close();
  }
}

describe('the masking threads', () => {
  for (const threads of [0, 1, 3]) {
    it(`give the bits of a MaskAdder on the whole vector, ${threads} of them`, () =>
      withPool({ threads }, async (pool) => {
        for (const generator of generatorNames) {
          for (const bits of [32, 20]) {
            const words = vector(length, true);
            await pool.apply(words, bits, plus, minus, generator);
            expect(isSame(words, expected(length, bits, generator))).to.equal(true);
          }
        }
      }));
  }

  it('leave the memory around the vector and the keys of the caller alone', () =>
    withPool({ threads: 2 }, async (pool) => {
      const words = vector(length, true);
      await pool.apply(words, 32, plus, minus);
      const around = [new Uint8Array(words.buffer, 0, 64), new Uint8Array(words.buffer, 64 + 4 * length)];
      expect(around.map((bytes) => bytes.every((byte) => byte === 0))).to.deep.equal([true, true]);
      expect([...plus, ...minus]).to.deep.equal([...keysOf('plus', 11), ...keysOf('minus', 6)]);
    }));

  it('are not started for a vector that is not shared, nor for little work, and the bits are the same', async () => {
    let started = 0;
    const spawn = (): Worker => {
      started++;
      throw new Error('no thread is wanted');
    };
    await withPool({ threads: 2, spawn }, async (pool) => {
      for (const [size, isShared] of [
        [length, false],
        [5000, true],
        [0, true],
      ] as const) {
        const words = vector(size, isShared);
        await pool.apply(words, 24, plus, minus);
        expect(isSame(words, expected(size, 24))).to.equal(true);
      }
    });
    expect(started).to.equal(0);
  });

  it('take the calls one after the other', () =>
    withPool({ threads: 2 }, async (pool) => {
      const words = vector(length, true);
      const calls = plus.map((key, i) => pool.apply(words, 32, Array<Uint8Array>(30).fill(key), keysOf('minus', i)));
      await Promise.all(calls);
      const wanted = vector(length, false);
      const adder = new MaskAdder(wanted, 32);
      for (const [i, key] of plus.entries()) adder.apply(Array<Uint8Array>(30).fill(key), keysOf('minus', i));
      expect(isSame(words, wanted)).to.equal(true);
    }));

  it('fail the call in which one dies, and the next call has a new one', async () => {
    let started = 0;
    const spawn = (): Worker =>
      new Worker(started++ === 0 ? `${port}.once('message', () => process.exit(3))` : willing, { eval: true });
    await withPool({ threads: 1, spawn }, async (pool) => {
      await refuses(pool.apply(vector(length, true), 32, plus, minus), 'INTERNAL');
      await pool.apply(vector(length, true), 32, plus, minus);
      await pool.apply(vector(length, true), 32, plus, minus);
    });
    expect(started).to.equal(2);
  });

  it('fail a call when one throws or says that it could not', async () => {
    for (const code of [
      `${port}.on('message', () => { throw new Error('out of order'); })`,
      `${port}.on('message', () => ${port}.postMessage({ fault: 'no' }))`,
    ]) {
      await withPool({ threads: 2, spawn: () => new Worker(code, { eval: true }) }, async (pool) => {
        await refuses(pool.apply(vector(length, true), 32, plus, minus), 'INTERNAL');
      });
    }
  });

  it('do not keep a process alive once they have nothing to do', async () => {
    const module = new URL('../../../server/masking/mask-pool.ts', import.meta.url).href;
    const program = `
      import(${JSON.stringify(module)}).then(async ({ MaskPool }) => {
        const words = new Uint32Array(new SharedArrayBuffer(2 ** 20));
        await new MaskPool({ threads: 2 }).apply(words, 32, Array(20).fill(new Uint8Array(32)), []);
        console.log(words.some((word) => word !== 0));
      });
    `;
    const options = ['--import', 'tsx', '--eval', program];
    const { stdout } = await promisify(execFile)(process.execPath, options); // rejects unless it ends, and with 0
    expect(stdout).to.equal('true\n');
  });

  it('overwrite the keys that they were sent, also when they fail', () => {
    const [keys, next] = [concat(...plus, ...minus), new Int32Array(1)];
    const what = { words: vector(length, false), modulusBits: 32, generator: usualGenerator } as const;
    const job = { ...what, keys, plus: plus.length, part: 65_536, next };
    expect(runMaskJob(job, native.keystreams)).to.deep.equal({ fault: null });
    expect(isSame(job.words, expected(length, 32))).to.equal(true);
    const bad = { ...job, modulusBits: 40, keys: concat(...plus), next: new Int32Array(1) };
    expect(runMaskJob(bad, native.keystreams).fault).to.match(/modulus/);
    for (const used of [job, bad]) expect(used.keys.every((byte) => byte === 0)).to.equal(true);
  });

  it('refuse a call after they were closed, and give up the one that is under way', async () => {
    for (const threads of [0, 2]) {
      const pool = new MaskPool({ threads });
      const calls = [keysOf('many', 300), plus].map((keys) =>
        refuses(pool.apply(vector(length, true), 32, keys, []), 'ABORTED'),
      );
      await new Promise((turn) => setImmediate(turn));
      await pool.close();
      await Promise.all(calls);
      await refuses(pool.apply(new Uint32Array(1), 32, [], []), 'ABORTED');
    }
  });

  it('refuse a key of another length than 32 bytes and a modulus of another size, with the vector unchanged', () =>
    withPool({ threads: 2 }, async (pool) => {
      for (const [bits, keys] of [
        [33, plus],
        [0, plus],
        [32, [...plus, new Uint8Array(31)]],
      ] as const) {
        const words = vector(length, true);
        await refuses(pool.apply(words, bits, keys, minus), 'BAD_ARGUMENT');
        expect(isSame(words, vector(length, true))).to.equal(true);
      }
      for (const threads of [-1, 1.5, Number.NaN]) expect(() => new MaskPool({ threads })).to.throw(FederatedError);
    }));
});

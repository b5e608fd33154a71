import { expect } from 'chai';
import { campaign } from './campaign.ts';
import { keptInputs } from './corpus.ts';
import type { Target } from './target.ts';
import { closeTargets, openTargets, shareOf } from './targets/all.ts';

/** The short form: `npm run torture -- fuzz` reads millions. */
const inputs = 50_000;

describe('input that makes no sense', () => {
  let targets: readonly Target[] = [];
  before(async () => {
    targets = await openTargets();
  });
  after(() => closeTargets(targets));

  it('ends in a code of the table, keeps nobody waiting, and takes no more memory than it may', async () => {
    const total = { inputs: 0, accepted: 0, refused: 0 };
    for (const target of targets) {
      const count = shareOf(target, targets, inputs);
      const result = await campaign(target, { count, seed: 'short', kept: keptInputs(target) });
      expect(result.failures, target.name).to.deep.equal([]);
      expect(result.accepted, `${target.name} accepts some`).to.be.above(0);
      total.inputs += result.inputs;
      total.accepted += result.accepted;
      for (const each of Object.values(result.refused)) total.refused += each;
    }
    expect(total.inputs).to.be.at.least(inputs * 0.99);
    // A fuzzer that never gets in, or always, reaches nothing of what it is for.
    expect(total.accepted / total.inputs).to.be.within(0.03, 0.8);
  }).timeout(60_000);

  it('is noticed where a reader throws something else, waits, or takes memory', async () => {
    const bad = (read: Target['read']): Target => ({
      name: 'bad',
      shape: 'bytes',
      weight: 1,
      seeds: [new Uint8Array(8)],
      codes: [],
      allowed: (length) => length,
      read,
    });
    const why = async (read: Target['read']): Promise<string | undefined> =>
      (await campaign(bad(read), { count: 1, seed: 1 })).failures[0]?.why;
    expect(await why(() => 'fine')).to.equal(undefined);
    expect(await why(() => (null as unknown as string).trim())).to.match(/^gives TypeError/);
    expect(await why(() => String(new Uint8Array(2 ** 20).length))).to.match(/^allocates \d+ bytes more/);
    const wait = (): string => {
      for (const end = performance.now() + 60; performance.now() < end;);
      return 'late';
    };
    expect(await why(wait)).to.match(/^blocks for \d+ ms/);
  });
});

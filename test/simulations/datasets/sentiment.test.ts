import { expect } from 'chai';
import { FederatedError } from '../../../shared/errors.ts';
import { select } from '../../../simulations/datasets/loaded.ts';
import { boxesOf, parseSentences, sentenceSource } from '../../../simulations/datasets/sentiment.ts';

describe('the sentences', () => {
  it('are split at their last tab, at line feeds alone', () => {
    expect(parseSentences('So good.\t1\na\u0085b\tc \t0\n', 'x')).to.deep.equal([
      { sentence: 'So good.', label: 1 },
      { sentence: 'a\u0085b\tc ', label: 0 },
    ]);
    for (const text of ['no tab\n', 'two\t2\n', 'ok\t1\nbad\t\n']) {
      expect(() => parseSentences(text, 'x')).to.throw(FederatedError, /expected a sentence, a tab, and 0 or 1/);
    }
  });

  it('become boxes of their words, whatever case and order they have', () => {
    expect(boxesOf("It's GOOD, good!")).to.deep.equal(boxesOf("good it's"));
    expect(boxesOf('good')).to.have.length(1);
    expect(boxesOf('good')).to.not.deep.equal(boxesOf('bad'));
    expect(boxesOf(' - ')).to.deep.equal([]);
    // 1,000 words in 2,048 boxes fill 2,048 (1 - (1 - 1/2048)^1000) = 791 of them, deviation about 12, if they fall evenly.
    expect(boxesOf(Array.from({ length: 1_000 }, (_, i) => `w${i}`).join(' ')).length).to.be.within(750, 832);
  });

  it('have length 1, and sites as clients', () => {
    const sentences = Array.from({ length: 10 }, (_, i) => ({ sentence: 'a b c '.repeat(i), label: i % 2 }));
    const sites = [{ name: 'one', sentences }, { name: 'two', sentences }]; // prettier-ignore
    const train = select(sentenceSource(sites, 'train'), null);
    const test = select(sentenceSource(sites, 'test'), null);
    expect([train.count, test.count, train.clients!.names]).to.deep.equal([16, 4, ['one', 'two']]);
    for (const { xs, count } of [train, test]) {
      for (let i = 0; i < count; i++) {
        const square = xs.subarray(i * 2_048, (i + 1) * 2_048).reduce((sum, x) => sum + x * x, 0);
        expect(Math.min(Math.abs(square - 1), square)).to.be.below(1e-6); // or nothing, for the empty sentence
      }
    }
  });
});

import { expect } from 'chai';
import { torture } from './torture.ts';

describe('a power cut', function () {
  this.timeout(120_000);

  it('takes nothing that the store has told, and something from every control that is written in a wrong way', async function () {
    const said: string[] = [];
    const { figures, failed } = await torture({ count: 4, seed: 1, say: (line) => said.push(line) });
    if (figures[0]!.includes('skipped')) {
      process.stderr.write(`      ${figures[0]}\n`);
      this.skip(); // only root may mount a file as a disk
    }
    expect(said).to.deep.equal([]);
    expect(failed).to.equal(0);
    expect(figures).to.have.length(4);
  });
});

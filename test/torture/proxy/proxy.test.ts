import { expect } from 'chai';
import { faults } from './faults.ts';
import { torture } from './torture.ts';

/** The short form: `npm run torture -- proxy` draws fifty seeds for each kind. */
describe('a network with faults', () => {
  it('leaves every client with its rounds or a code, the others undisturbed, and the model right', async () => {
    expect(Object.keys(faults)).to.have.length.at.least(20);
    const said: string[] = [];
    const { failed, figures } = await torture({ count: 1, seed: 1, say: (line) => said.push(line) });
    expect(failed, said.join('\n')).to.equal(0);
    expect(figures).to.have.length(Object.keys(faults).length + 1);
  }).timeout(120_000);
});

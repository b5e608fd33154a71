import { expect } from 'chai';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { useFolder } from '../contracts/folder.ts';
import { endCommandsAfterEach, fedloom, jsonOf } from '../helpers/command.ts';

describe('fedloom experiment', function () {
  this.timeout(60_000);
  endCommandsAfterEach();
  const folder = useFolder();
  const run = (args: readonly string[]) => fedloom(['experiment', ...args], { cwd: folder() });

  it('lists the experiments with their sources, what they gave, and how to run them', async () => {
    const { experiments } = jsonOf<{ experiments: Record<string, unknown>[] }>(await run(['ls', '--json']));
    const first = experiments.find(({ name }) => name === 'mcmahan-2nn')!;
    expect(first['expected']).to.deep.equal({ IID: 87, 'two shards': 664 });
    expect(first['howToRun']).to.equal('fedloom experiment run mcmahan-2nn');
    expect(first).to.include.keys('claim', 'source', 'parameters', 'arms', 'numbers');
  });

  it('runs the quick form, writes report and figure, and makes no run twice', async () => {
    const args = ['run', 'fedprox-stragglers', '--quick', '--workers', '1', '--json'];
    const outcome = await run(args);
    expect(outcome.code, outcome.err).to.equal(0);
    const found = jsonOf<{ medians: Record<string, number[]>; files: string[] }>(outcome);
    expect(Object.keys(found.medians)).to.deep.equal(['FedAvg, 90 %', 'FedProx, 90 %']);
    expect(outcome.err).to.match(/^run 2\/2 {2}FedProx, 90 %, seed 1$/m);
    expect(found.files.map((file) => file.split('/').at(-1))).to.include.members(['report.html', 'figure.svg']);
    for (const file of found.files) expect(existsSync(join(folder(), file)), file).to.equal(true);
    const again = await run(args);
    expect(jsonOf(again)).to.deep.equal(found);
    expect(again.err).not.to.match(/^round/m);
  });

  it('says in one sentence what is wrong', async () => {
    const cases: [string[], number, RegExp][] = [
      [['run', 'mcmahan', '--json'], 2, /^experiment: no "mcmahan"; known are mcmahan-2nn, /],
      [['run', 'fedopt', '--seeds', '3..1', '--json'], 2, /expected whole numbers such as 1,2 or 1\.\.3/],
    ];
    for (const [args, code, message] of cases) {
      const outcome = await run(args);
      expect(outcome.code).to.equal(code);
      expect(jsonOf<{ error: { message: string } }>(outcome).error.message).to.match(message);
    }
  });
});

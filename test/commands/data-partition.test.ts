import { expect } from 'chai';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { useFolder } from '../contracts/folder.ts';
import { endCommandsAfterEach, RunningCommand } from '../helpers/command.ts';

describe('fedloom data partition', function () {
  this.timeout(60_000);
  endCommandsAfterEach();
  const folder = useFolder();
  const run = (...args: string[]): RunningCommand['ended'] => new RunningCommand(['data', 'partition', ...args]).ended;
  const csv = async (): Promise<string> => {
    const path = join(folder(), 'x.csv');
    const lines = Array.from({ length: 60 }, (_, i) => `${i},${['Rome', 'Oslo', 'Bonn'][i % 3]},${i % 2}`);
    await writeFile(path, ['a,city,kind', ...lines].join('\n'));
    return `${path}?label=kind&client=city`;
  };

  it('says with --json who has how much of what, and draws it', async () => {
    const svg = join(folder(), 'p.svg');
    const { code, out } = await run(await csv(), '--partition', 'natural', '--svg', svg, '--json');
    expect(code).to.equal(0);
    const found = JSON.parse(out) as Record<string, unknown>;
    expect(found).to.deep.include({
      clients: 3,
      examples: 60,
      names: ['Rome', 'Oslo', 'Bonn'],
      partition: 'natural',
      seed: 1,
    });
    expect(found['sizesOfClients']).to.deep.equal([20, 20, 20]);
    expect(found['labels']).to.deep.include({ table: [[10, 10], [10, 10], [10, 10]] }); // prettier-ignore
    expect(found['files']).to.deep.equal([svg, join(folder(), 'p-classes.svg')]);
    for (const file of found['files'] as string[])
      expect(await readFile(file, 'utf8')).to.match(/^<svg[^]*Rome[^]*<\/svg>\s*$/);
  });

  it('gives tables to people', async () => {
    const { code, out, err } = await run(await csv(), '--partition', 'sizes:10,20');
    expect(code).to.equal(0);
    expect(err).to.include('2 clients, 30 examples; 30 left out');
    expect(out).to.match(/CLIENT +EXAMPLES +CLASS 0 +CLASS 1\n0 +10 .*\n1 +20 /);
  });

  it('refuses in one sentence, with exit code 2', async () => {
    const data = await csv();
    const wrong: [string[], RegExp][] = [
      [['nothing.csv?label=x', '--partition', 'dirichlet:0'], /alpha is a number above 0/], // before the file is looked for
      [
        [data, '--partition', 'shards:40', '--clients', '2'],
        /2 clients take 80 shards, and there are only 60 examples/,
      ],
      [[data, '--svg', 'p.png'], /--svg: expected a name that ends with .svg/],
      [[data, '--svg', join(folder(), 'no', 'p.svg')], /--svg: there is no folder/],
    ];
    for (const [args, message] of wrong) {
      const { code, err } = await run(...args);
      expect(code, err).to.equal(2);
      expect(err.trim().split('\n')).to.have.length(1);
      expect(err).to.match(message);
    }
  });
});

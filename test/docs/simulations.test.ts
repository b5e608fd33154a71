import { expect } from 'chai';
import { existsSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { useFolder } from '../contracts/folder.ts';

const path = (name: string): string => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const readme = readFileSync(path('simulations/README.md'), 'utf8');

describe('the README of the simulations', () => {
  const folder = useFolder();

  it('has a snippet that runs', async () => {
    const [, snippet] = /^```ts\n([^]*?)^```$/m.exec(readme)!;
    const source = snippet!
      .replace("'fedloom/simulations'", JSON.stringify(pathToFileURL(path('simulations/index.ts')).href))
      .replace("'./clouds.ts'", JSON.stringify(pathToFileURL(path('test/helpers/small-federation.ts')).href));
    const file = join(folder(), 'simulation.mts');
    await writeFile(file, source);
    const said: unknown[][] = [];
    const { log } = console;
    console.log = (...words: unknown[]) => void said.push(words);
    try {
      await import(pathToFileURL(file).href);
    } finally {
      console.log = log;
    }
    expect(said.slice(0, 5).map(([round]) => round)).to.deep.equal([1, 2, 3, 4, 5]);
    for (const [, accuracy] of said.slice(0, 5)) expect(accuracy).to.be.within(0, 1);
    expect(said[5]![0]).to.be.above(0);
  });

  it('names files that are there', () => {
    const rows = [...readme.matchAll(/^\| (`[^|]+) \|/gm)].flatMap(([, cell]) =>
      [...cell!.matchAll(/`([^`]+)`/g)].map(([, name]) => name!),
    );
    expect(rows).to.have.length.above(10);
    for (const name of rows) expect(existsSync(path(`simulations/${name}`)), name).to.equal(true);
  });
});

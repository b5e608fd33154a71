import { expect } from 'chai';
import { gunzipSync } from 'node:zlib';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { find, list, loadData } from '../../../simulations/datasets/registry.ts';
import type { Grouping } from '../../../simulations/datasets/groups.ts';
import type { Source } from '../../../simulations/datasets/loaded.ts';
import { parseRoles, parseSpeeches } from '../../../simulations/datasets/shakespeare.ts';

/** Against the figures that the sources of the data give. Each test is left out where its files are not on this machine. */

const sizes = ({ names, index }: Grouping): Record<string, number> => {
  const counts = Object.fromEntries(names.map((name) => [name, 0]));
  for (const name of index) counts[names[name]!]!++;
  return counts;
};
const labelCounts = (labels: ArrayLike<number>): number[] => {
  const counts: number[] = [];
  for (const label of Array.from(labels)) counts[label] = (counts[label] ?? 0) + 1;
  return counts;
};
const everything = ({ count }: Source): Uint32Array => Uint32Array.from({ length: count }, (_, i) => i);

describe('the files of the known sets', function () {
  this.timeout(60_000);
  const whereFound = (name: string, what: string, test: (path: string) => Promise<void>): void => {
    it(`of ${name} ${what}`, async function () {
      const path = await (await find(name)).locate();
      if (path === null) this.skip(); // this set's files are no part of the package, and are not on this machine
      await test(path);
    });
  };
  const both = async (name: string): Promise<[train: Source, test: Source]> => {
    const set = await find(name);
    return [await set.read('train'), await set.read('test')];
  };

  for (const { name, examples, clients, groups } of list()) {
    whereFound(name, 'hold as many examples and clients as they say', async () => {
      const [train, test] = await both(name);
      expect({ train: train.count, test: test.count }).to.deep.equal(examples);
      expect(train.clients?.names.length).to.equal(clients?.train);
      expect(test.clients?.names.length).to.equal(clients?.test);
      for (const source of [train, test]) {
        expect(Object.keys(source.groups ?? {})).to.deep.equal(groups);
        const { xs, ys, count } = source.take(Uint32Array.of(source.count - 1, 0));
        expect(count).to.equal(2);
        expect([...xs, ...ys].every(Number.isFinite)).to.equal(true);
      }
    });
  }

  whereFound('mnist-60k', 'name 539 writers of 19 to 131 digits, and 297 others for tests', async () => {
    const [train, test] = await both('mnist-60k');
    const counts = Object.values(sizes(train.clients!)).toSorted((a, b) => a - b);
    expect([counts[0], counts[269], counts.at(-1)]).to.deep.equal([19, 116, 131]); // least, median, most
    expect(test.clients!.names.some((name) => train.clients!.names.includes(name))).to.equal(false);
    const one = await loadData('mnist-60k:client=2154');
    expect(one.count).to.equal(sizes(train.clients!)['2154']);
    expect(one.ys[0]).to.equal(5); // the first digit of MNIST
  });

  whereFound('shakespeare', 'name 309 speakers, of whom 299 say something', async (path) => {
    const text = gunzipSync(await readFile(join(path, 'tinyshakespeare.txt.gz'))).toString();
    const names = new Set([...text.matchAll(/(?:^|\n\n)([^\n:]+):(?=\n)/g)].map(([, name]) => name!));
    expect(names.size).to.equal(309);
    const voices = parseSpeeches(text, 'x');
    expect(voices).to.have.length(299);
    const spoken = voices.reduce((sum, { speeches }) => sum + speeches.length, 0);
    const silent = [...text.matchAll(/(?<=^|\n\n)[^\n:]+:\n(?=\n|$)/g)].length;
    expect([spoken, silent]).to.deep.equal([7_097, 125]);
    const { xs } = await loadData('shakespeare');
    expect(xs.every((code) => code >= 1 && code < 90)).to.equal(true); // no unknown character
  });

  whereFound('shakespeare-roles', 'hold 31,022 speeches of 1,393 roles', async (path) => {
    const voices = parseRoles(gunzipSync(await readFile(join(path, 'roles.jsonl.gz'))).toString(), 'x');
    expect(new Set(voices.map(({ name }) => name)).size).to.equal(1_393);
    expect(voices.reduce((sum, { speeches }) => sum + speeches.length, 0)).to.equal(31_022);
    const hamlet = await loadData('shakespeare-roles:client=The Tragedy of Hamlet, Prince of Denmark: HAMLET@test');
    // The longest role: 60,935 characters, and a line end between two speeches.
    const { speeches } = voices.find(({ name }) => name.endsWith(': HAMLET'))!;
    const windows = Math.floor((60_935 + speeches.length - 1 - 1) / 80);
    expect(hamlet.count).to.equal(Math.ceil(windows / 5));
  });

  whereFound('wisdm', 'hold each activity as often as WISDM says', async () => {
    const [train, test] = await both('wisdm');
    const labels = [train, test].flatMap((source) => [...source.take(everything(source)).ys]);
    // Downstairs, Jogging, Sitting, Standing, Upstairs, Walking
    expect(labelCounts(labels)).to.deep.equal([528, 1625, 306, 246, 632, 2081]);
    expect(test.clients!.names.toSorted((a, b) => Number(a) - Number(b))).to.deep.equal(
      ['5', '10', '15', '20', '25', '30', '35'], // prettier-ignore
    );
  });

  whereFound('heart-disease', 'hold each hospital’s patients, sick and not', async () => {
    const [train, test] = await both('heart-disease');
    for (const [hospital, rows, healthy] of [['cleveland', 303, 164], ['hungarian', 294, 188], ['switzerland', 123, 8], ['va', 200, 51]] as const) {
      const labels = [];
      for (const source of ['', '@test']) labels.push(...(await loadData(`heart-disease:client=${hospital}${source}`)).ys);
      expect(labelCounts(labels)).to.deep.equal([healthy, rows - healthy]);
      expect(sizes(test.clients!)[hospital]).to.equal(Math.ceil(rows / 5));
    }
    expect(train.count + test.count).to.equal(920);
  }); // prettier-ignore

  whereFound('adult', 'hold the counts of labels, sexes and races that UCI gives', async () => {
    const [train, test] = await both('adult');
    expect(labelCounts(train.take(everything(train)).ys)).to.deep.equal([24_720, 7_841]);
    expect(labelCounts(test.take(everything(test)).ys)).to.deep.equal([12_435, 3_846]);
    expect(sizes(train.groups!['sex']!)).to.deep.equal({ Male: 21_790, Female: 10_771 });
    expect(sizes(train.groups!['race']!)).to.deep.equal({
      White: 27_816,
      Black: 3_124,
      'Asian-Pac-Islander': 1_039,
      'Amer-Indian-Eskimo': 311,
      Other: 271,
    });
    expect((await loadData('adult:sex=Female')).count).to.equal(10_771);
  });

  whereFound('beijing-air', 'hold targets whose mean and deviation are those of the training hours', async () => {
    const train = await loadData('beijing-air:clients=0/1');
    const targets = Array.from(train.ys);
    const mean = targets.reduce((sum, y) => sum + y, 0) / train.count;
    const variance = targets.reduce((sum, y) => sum + y * y, 0) / train.count - mean * mean;
    expect(mean).to.be.closeTo(0, 0.02); // every fifth hour of those whose mean is 0 and deviation 1
    expect(variance).to.be.closeTo(1, 0.05);
  });
});

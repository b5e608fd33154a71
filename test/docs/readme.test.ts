import { expect } from 'chai';
import { Command } from 'commander';
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { readConfigFile, runConfigFrom } from '../../commands/run-options.ts';
import { mergeServeSettings, serveFileKeys } from '../../commands/serve-settings.ts';
import { commands } from '../../commands/table.ts';
import { checkRunConfig } from '../../server/config.ts';
import { parseLink } from '../../shared/protocol/link.ts';
import { modelLayout } from '../../shared/tasks/model.ts';
import { checkTask } from '../../shared/tasks/task.ts';
import { parseSpec } from '../../simulations/datasets/registry.ts';
import { useFolder } from '../contracts/folder.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const readme = readFileSync(join(root, 'README.md'), 'utf8');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  exports: Record<string, { types: string } | { node: { types: string } } | string>;
  scripts: Record<string, string>;
};
const require = createRequire(import.meta.url);

interface Block {
  readonly language: string;
  readonly text: string;
  /** From a first line such as `// server.ts`. */
  readonly file: string | null;
}
const blocks: readonly Block[] = [...readme.matchAll(/^```(\w*)\n([^]*?)^```$/gm)].map(
  ([, language = '', text = '']) => ({
    language,
    text,
    file: /^\/\/ (\S+)\n/.exec(text)?.[1] ?? null,
  }),
);
const textsIn = (language: string): string[] =>
  blocks.filter((each) => each.language === language).map(({ text }) => text);

/** The words of a shell line; the README uses single quotes only. */
const words = (line: string): string[] =>
  [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare!);

const sourceOf = (types: string): string => join(root, types.replace('./dist/', '').replace('.d.ts', '.ts'));

/** The source of each subpath export, for the loader and the type checker. */
const sources = Object.fromEntries(
  Object.entries(manifest.exports).flatMap(([path, target]) =>
    typeof target === 'string'
      ? []
      : [[path.replace(/^\./, 'fedloom'), [sourceOf('types' in target ? target.types : target.node.types)]]],
  ),
);

/** Runs a file of the folder; `said` resolves with the first line of stdout, `ended` with everything at the end. */
function runFile(folder: string, file: string, ...args: string[]) {
  const child: ChildProcess = spawn(process.execPath, [`--import=${require.resolve('tsx')}`, file, ...args], {
    cwd: folder,
    env: { ...process.env, TSX_TSCONFIG_PATH: join(folder, 'tsconfig.json') },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  child.stderr!.on('data', (data: Buffer) => (err += data.toString()));
  const ended = new Promise<{ code: number | null; out: string; err: string }>((resolve) => {
    child.on('close', (code) => resolve({ code, out, err }));
  });
  const said = new Promise<string>((resolve, reject) => {
    child.stdout!.on('data', (data: Buffer) => {
      out += data.toString();
      if (out.includes('\n')) resolve(out.slice(0, out.indexOf('\n')));
    });
    void ended.then(() => reject(new Error(`${file} ended: ${err}`)));
  });
  said.catch(() => {}); // only a test that awaits it minds
  return { child, said, ended };
}

describe('README.md', function () {
  this.timeout(60_000);

  it('has blocks of the languages that are checked here, and no other', () => {
    expect(blocks.length).to.be.above(10);
    const checked = ['sh', 'ts', 'js', 'json', 'yaml', 'text'];
    expect([...new Set(blocks.map(({ language }) => language))]).to.have.members(checked);
  });

  describe('its programs', () => {
    const folder = useFolder();
    const children: ChildProcess[] = [];
    beforeEach(async () => {
      // A port of its own, and no wait for the charger where the tests run on battery.
      const here = (text: string): string => text.replace('port: 8080', 'port: 0').replace('charging: true, minBattery: 0.3', 'charging: false'); // prettier-ignore
      for (const { file, text } of blocks) {
        if (file !== null) await writeFile(join(folder(), file), here(text));
      }
      await writeFile(join(folder(), 'task.json'), textsIn('json')[0]!);
      await writeFile(join(folder(), 'package.json'), '{ "type": "module" }');
      const options = { extends: join(root, 'tsconfig.json'), compilerOptions: { paths: sources }, include: ['*.ts'] };
      await writeFile(join(folder(), 'tsconfig.json'), JSON.stringify(options));
      await mkdir(join(folder(), 'node_modules'));
      await symlink(join(root, 'node_modules/@types'), join(folder(), 'node_modules/@types'));
    });
    afterEach(() => {
      for (const child of children.splice(0)) child.kill('SIGKILL');
    });

    it('are all there', () => {
      expect(blocks.filter(({ language }) => language === 'ts').map(({ file }) => file)).to.deep.equal(['server.ts', 'client.ts', 'app.ts', 'page.ts', 'simulate.ts', 'engine.ts']); // prettier-ignore
      const lines = (file: string): number =>
        blocks.find((block) => block.file === file)!.text.split('\n').filter((line) => /^[^/]/.test(line)).length; // prettier-ignore
      expect([lines('server.ts'), lines('client.ts')]).to.deep.equal([7, 7]); // "seven lines"
    });

    it('fit the types', async () => {
      const tsc = join(dirname(require.resolve('typescript/package.json')), 'bin/tsc');
      const run = promisify(execFile);
      const check = (): Promise<{ stdout: string }> =>
        run(process.execPath, [tsc, '-p', join(folder(), 'tsconfig.json')]);
      const errors = await check().then(() => '', (error: { stdout: string }) => error.stdout); // prettier-ignore
      expect(errors).to.equal('');
      // The check sees these files: a wrong option is found.
      await writeFile(join(folder(), 'server.ts'), "import { createServer } from 'fedloom/server';\nawait createServer({ port: '1' });\n"); // prettier-ignore
      const found = await check().then(() => '', (error: { stdout: string }) => error.stdout); // prettier-ignore
      expect(found).to.include('server.ts');
    });

    it('train together: server, client, and the app with a trainer of its own', async () => {
      const server = runFile(folder(), 'server.ts');
      children.push(server.child);
      const link = await server.said;
      const [client, other] = [runFile(folder(), 'client.ts', link), runFile(folder(), 'client.ts', link)];
      const app = runFile(folder(), 'app.ts', link);
      children.push(client.child, other.child, app.child);
      const [one, two] = await Promise.all([client.ended, app.ended, other.ended]);
      expect(one, one.err).to.include({ code: 0 });
      expect(two, two.err).to.include({ code: 0 });
      expect(one.err).to.equal([1, 2, 3, 4, 5].map((round) => `round ${round}: done\n`).join(''));
      expect(two.err).to.include('Training on the data of this device.').and.include('round 5: counts');
      expect(two.out).to.match(/^round 5: 3 weights [0-9a-f]{64}\n$/);
      // Twice 200 exact examples and two of the app's, which lie on the same plane: 3 x1 - 2 x2 + 1
      const weights = JSON.parse(one.out) as number[];
      for (const [i, expected] of [3, -2, 1].entries()) expect(weights[i]).to.be.closeTo(expected, 0.1);
    });

    it('simulate many clients, with the same result each time', async () => {
      const runs = [runFile(folder(), 'simulate.ts'), runFile(folder(), 'simulate.ts')];
      children.push(...runs.map(({ child }) => child));
      const [one, two] = await Promise.all(runs.map(({ ended }) => ended));
      expect(one!.code, one!.err).to.equal(0);
      expect(one!.err).to.match(/^1 0\.\d+\n2 0\.\d+\n3 0\.\d+\n$/);
      expect(one!.out)
        .to.match(/^[0-9a-f]{64}\n$/)
        .and.equal(two!.out);
    });

    it('train by themselves, with the engine alone', async () => {
      const engine = runFile(folder(), 'engine.ts');
      children.push(engine.child);
      const { code, out, err } = await engine.ended;
      expect(code, err).to.equal(0);
      expect(out).to.match(/^wasm: loss \d\.\d{3}, 4594 weights moved\n$/);
    });
  });

  it('has tasks and configs that the checks accept', async () => {
    const [task, ...more] = textsIn('json').map((text) => checkTask(JSON.parse(text)));
    expect(more).to.have.length(0);
    expect(modelLayout(task!.model).map(({ shape }) => shape)).to.deep.equal([[2, 1], [1]]);
    expect(textsIn('yaml')).to.have.length(1);
  });

  describe('its config file', () => {
    const folder = useFolder();
    it('is one that fedloom serve takes', async () => {
      const path = join(folder(), 'fed.yaml');
      await writeFile(path, textsIn('yaml')[0]!);
      const { server, run } = mergeServeSettings(await readConfigFile(path, serveFileKeys), {});
      expect(server).to.include({ host: '0.0.0.0', publicHost: 'fl.example.org', admission: 'registered' });
      expect(checkRunConfig(await runConfigFrom(run, () => 1))).to.include({ roundTimeout: 300_000, overselect: 1.3 });
    });
  });

  const lines = textsIn('sh').flatMap((text) => text.trim().split('\n').flatMap((line) => line.split(' && '))); // prettier-ignore

  it('has shell lines that commander parses', async () => {
    const fedloomLines = lines.map(words).filter(([first]) => first === 'npx');
    expect(fedloomLines.length).to.be.above(7);
    for (const [, fedloom, name = '', ...args] of fedloomLines) {
      expect(fedloom).to.equal('fedloom');
      expect(commands, name).to.have.property(name);
      const command = (await commands[name]!.load()).command();
      let acted = 0;
      const prepare = (each: Command): void => {
        each.exitOverride().configureOutput({ writeErr: () => {} });
        if (each.commands.length === 0) each.action(() => void acted++);
        for (const below of each.commands) prepare(below);
      };
      prepare(command);
      await command.parseAsync(args, { from: 'user' }); // throws on what it does not know
      expect(acted, [name, ...args].join(' ')).to.equal(1);
      for (const [i, word] of args.entries()) {
        if (word.startsWith('fedloom://')) expect(parseLink(word)).to.have.property('joinCode');
        if (args[i - 1] === '--data') expect(parseSpec(word).name).to.equal('mnist');
      }
    }
  });

  it('names only scripts of npm that exist', () => {
    const others = lines.map(words).filter(([first]) => first !== 'npx');
    for (const [npm, verb, script] of others) {
      expect(npm).to.equal('npm');
      if (verb === 'run') expect(manifest.scripts, script).to.have.property(script!);
      else expect(['install', 'test']).to.include(verb);
    }
    expect(others.length).to.be.above(2);
  });

  it('names every command, and none that is not there', () => {
    const section = readme.slice(readme.indexOf('\n## Commands\n'), readme.indexOf('\n## Inside your program\n'));
    const listed = [...section.matchAll(/^\| `fedloom (\w+)` \| ([^;,|]+)/gm)];
    expect(listed.map(([, name]) => name)).to.deep.equal(Object.keys(commands));
    for (const [, name] of readme.matchAll(/`fedloom (\w+)/g)) expect(commands).to.have.property(name!);
  });

  it('names only flags that some command has', async () => {
    const flags = new Set<string>();
    const collect = (command: Command): void => {
      for (const { long } of command.options) if (long !== undefined && long !== null) flags.add(long);
      for (const each of command.commands) collect(each);
    };
    for (const { load } of Object.values(commands)) collect((await load()).command());
    const scripts = ['scripts/torture.mjs', 'test/torture/dst/main.ts', 'simulations/soak/main.ts'];
    for (const script of scripts) {
      for (const [flag] of readFileSync(join(root, script), 'utf8').matchAll(/--[a-z][a-z-]+/g)) flags.add(flag);
    }
    const named = [...readme.matchAll(/(?<![\w-])--[a-z][a-z-]+/g)].map(([flag]) => flag);
    expect(named.length).to.be.above(15);
    const ofOthers = ['--no-incremental-marking', '--build-addon-from-source']; // of Node and npm
    expect(named.filter((flag) => !flags.has(flag) && flag !== '--help' && !ofOthers.includes(flag))).to.deep.equal([]);
  });

  it('imports only what the package exports, each from a source that is there', () => {
    const imported = textsIn('ts').flatMap((text) =>
      [...text.matchAll(/from '(fedloom[^']*)'/g)].map(([, name]) => name!),
    );
    expect(imported.length).to.be.above(2);
    expect(Object.keys(sources)).to.include.members(imported);
    for (const [source] of Object.values(sources)) expect(existsSync(source!), source).to.equal(true);
  });

  it('links to files and names folders that are there', () => {
    const links = [...readme.matchAll(/\]\(([^)#]+)\)/g)].map(([, path]) => path!);
    const folders = textsIn('text').flatMap((text) => [...text.matchAll(/^(\w+\/)/gm)].map(([, path]) => path!));
    expect([links.length, folders.length].every((count) => count > 1)).to.equal(true);
    for (const path of [...links, ...folders, 'test/docs/readme.test.ts'])
      expect(existsSync(join(root, path)), path).to.equal(true);
  });
});

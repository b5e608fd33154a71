import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { commands } from '../../commands/table.ts';
import { openStore } from '../../server/store/open.ts';
import { useFolder } from '../contracts/folder.ts';
import { endCommandsAfterEach, fedloom, jsonOf, type Outcome } from '../helpers/command.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
interface ErrorJson {
  readonly error: { readonly code: string; readonly message: string };
}

/** Packages that a file and everything that it imports statically needs. */
function packagesOf(file: string, seen = new Set<string>()): Set<string> {
  const packages = new Set<string>();
  if (seen.has(file)) return packages;
  seen.add(file);
  const text = readFileSync(join(root, file), 'utf8');
  for (const [, type, name = ''] of text.matchAll(/(?:^|\n)(?:import|export)(\s+type)?\s[^;'"]*?from '([^']+)'/g)) {
    if (type !== undefined) continue;
    if (!name.startsWith('.')) packages.add(name);
    else for (const each of packagesOf(posix.join(posix.dirname(file), name), seen)) packages.add(each);
  }
  return packages;
}

/** Fails when the outcome is not one sentence that ends with the code. */
function expectError({ code, err }: Outcome, exitCode: number, errorCode: string, sentence: string): void {
  expect(err)
    .to.match(new RegExp(`^fedloom: [^\\n]+ \\[${errorCode}\\]\\n$`))
    .and.include(sentence);
  expect(code).to.equal(exitCode);
}

describe('fedloom', function () {
  this.timeout(60_000);
  endCommandsAfterEach();
  const folder = useFolder();
  const names = Object.keys(commands);

  it('lists every command in its help, on stdout', async () => {
    for (const args of [['--help'], [], ['help']]) {
      const { code, out, err } = await fedloom(args);
      expect([code, err]).to.deep.equal([0, '']);
      for (const name of names) expect(out).to.match(new RegExp(`^  ${name} `, 'm'));
    }
  });

  it('has a help for every command and every command below it', async () => {
    const all = [...names.map((name) => [name]), ['runs', 'show'], ['bench', 'server'], ['data', 'ls']];
    const outcomes = await Promise.all(all.map((args) => fedloom([...args, '--help'])));
    for (const [i, args] of all.entries()) {
      const { code, out, err } = outcomes[i]!;
      expect([code, err]).to.deep.equal([0, '']);
      expect(out).to.match(new RegExp(`^Usage: fedloom ${args.join(' ')} `));
    }
  });

  it('says the version of the package', async () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    expect(await fedloom(['--version'])).to.include({ code: 0, out: `${version}\n`, err: '' });
  });

  it('needs no engine, server or socket for its help', () => {
    const needed = [...packagesOf('cli.ts')];
    expect(needed).to.include('commander');
    expect(needed.filter((name) => name !== 'commander' && !name.startsWith('node:'))).to.deep.equal([]);
    // The same reader finds what a command needs once it is asked for.
    expect([...packagesOf('commands/serve.ts')]).to.include.members(['express', 'ws', 'libsql']);
  });

  it('names the known commands after an unknown one', async () => {
    const { code, out, err } = await fedloom(['tarin']);
    expect([code, out]).to.deep.equal([2, '']);
    expect(err).to.include("unknown command 'tarin'");
    for (const name of names) expect(err).to.match(new RegExp(`^  ${name} `, 'm'));
  });

  it('ends with code 2 on bad usage of a command, and of one below it', async () => {
    const cases: [string[], string][] = [
      [['runs'], 'a command is missing'],
      [['runs', 'shwo', 'x'], "unknown command 'shwo'"],
      [['runs', 'show'], "missing required argument 'id'"],
      [['runs', 'ls', '--bogus'], "unknown option '--bogus'"],
      [['runs', 'ls', 'extra'], 'too many arguments'],
      [['serve', '--bogus'], "unknown option '--bogus'"],
      [['serve', '--rounds', 'many'], "argument 'many' is invalid"],
      [['serve', '--admission', 'all'], 'Allowed choices are code, registered, open'],
      [['join', 'fedloom://localhost:1'], "required option '--data <spec>'"],
      [['join', 'fedloom://localhost:1', '--data', 'x', '--min-battery', '2'], 'expected 0 to 1'],
      [['demo', '--clients', '-1'], 'expected a whole number'],
      [['demo', '--port', '70000'], 'expected 0 to 65535'],
      [['bench', 'server', '--clients', '0'], 'expected whole numbers'],
    ];
    const outcomes = await Promise.all(cases.map(([args]) => fedloom(args)));
    for (const [i, [args, sentence]] of cases.entries()) {
      const plain = outcomes[i]!;
      expect(plain.err, args.join(' ')).to.include(sentence);
      expect([plain.code, plain.out], args.join(' ')).to.deep.equal([2, '']);
    }
    const { code, ...rest } = await fedloom(['runs', 'show', '--json']);
    expect(code).to.equal(2);
    expect(jsonOf<ErrorJson>({ code, ...rest }).error).to.deep.equal({ code: 'BAD_ARGUMENT', message: "missing required argument 'id'" }); // prettier-ignore
  });

  it('colours nothing when stderr is no terminal or NO_COLOR is set', async () => {
    for (const env of [{ NO_COLOR: '1', FORCE_COLOR: '0' }, {}]) {
      const { out, err } = await fedloom(['runs', 'ls', '--data-dir', join(folder(), 'none')], { env });
      expect(out + err)
        .to.include('NOT_FOUND')
        .and.not.include('\u001b');
    }
  });

  describe('serve', () => {
    const serve = (...args: string[]): Promise<Outcome> =>
      fedloom(['serve', '--port', '0', '--evaluate', 'none', '--data-dir', join(folder(), 'data'), ...args]);
    let files = 0;
    const withFile = async (text: string): Promise<Outcome> => {
      const path = join(folder(), `fed-${++files}.yaml`);
      await writeFile(path, text);
      return serve('--config', path);
    };
    /** Nothing was opened, so a second try starts clean. */
    const nothingLeft = async (): Promise<void> => {
      expect(await readdir(folder())).to.not.include('data');
    };

    it('refuses an unknown key of the config file by its name, and says which there are', async () => {
      const outcome = await withFile('round: 20\n');
      expectError(outcome, 2, 'BAD_CONFIG', 'unknown key "round"; known are admission, ');
      await nothingLeft();
    });

    it('refuses a wrong value of the config file by its name', async () => {
      const cases: [string, string][] = [
        ['rounds: many\n', 'rounds: '],
        ['admission: everyone\n', 'admission: '],
        ['roundTimeout: soon\n', 'roundTimeout: expected a time'],
        ['- rounds\n', 'expected a map of options'],
        ['rounds: [1\n', '.yaml: '],
      ];
      const outcomes = await Promise.all(cases.map(([text]) => withFile(text)));
      for (const [i, [, sentence]] of cases.entries()) expectError(outcomes[i]!, 2, 'BAD_CONFIG', sentence);
      await nothingLeft();
    });

    it('refuses settings that contradict each other', async () => {
      expectError(await serve('--clients-per-round', '2', '--client-fraction', '0.5'), 2, 'BAD_CONFIG', 'not both');
      expectError(await serve('--tls-key', 'key.pem'), 2, 'BAD_CONFIG', 'tlsCert: ');
      expectError(await serve('--register', 'abc'), 2, 'BAD_ARGUMENT', 'register: expected a 32-byte public key');
      await nothingLeft();
    });

    it('says which file it cannot read', async () => {
      expectError(await serve('--config', join(folder(), 'none.yaml')), 2, 'BAD_FILE', 'none.yaml');
      expectError(await serve('--task', join(folder(), 'none.json')), 2, 'BAD_FILE', 'none.json');
      await writeFile(join(folder(), 'bad.json'), '{"format":"fedloom-task-1","name":"Bad Name"}');
      expectError(await serve('--task', join(folder(), 'bad.json')), 2, 'BAD_TASK', 'name');
      expectError(await serve('--task', 'mnist-9nn'), 2, 'NOT_FOUND', 'known are mnist-2nn');
      await nothingLeft();
    });

    it('says when its port is taken, and ends', async () => {
      const other = createServer();
      await new Promise<void>((listening) => other.listen(0, '127.0.0.1', listening));
      const { port } = other.address() as AddressInfo;
      try {
        const outcome = await serve('--port', String(port), '--json');
        expectError(outcome, 1, 'BAD_STATE', `port ${port} on 127.0.0.1 is taken by another program`);
        expect(jsonOf<ErrorJson>(outcome).error.code).to.equal('BAD_STATE');
      } finally {
        await new Promise((closed) => other.close(closed));
      }
    });

    it('says when another server has its data folder, and ends', async () => {
      const owner = await openStore(join(folder(), 'data'));
      try {
        expectError(await serve(), 1, 'STORE_LOCKED', 'is in use by');
      } finally {
        await owner.close();
      }
    });
  });

  describe('join', () => {
    const link = 'fedloom://127.0.0.1:1/';
    const join_ = (to: string, ...args: string[]): Promise<Outcome> =>
      fedloom(['join', to, '--state', join(folder(), 'client'), ...args]);

    it('refuses what is no link', async () => {
      expectError(await join_('localhost', '--data', 'mnist-10k'), 2, 'BAD_LINK', 'link');
    });

    it('refuses a wrong data spec before it connects', async () => {
      expectError(await join_(link, '--data', 'mnist-10k:4/4'), 2, 'BAD_ARGUMENT', 'the parts are 0 to 3');
      expectError(await join_(link, '--data', 'minst'), 1, 'NOT_FOUND', 'minst');
      expectError(await join_(link, '--data', `${join(folder(), 'none.csv')}?label=kind`), 1, 'NOT_FOUND', 'none.csv');
      expectError(await join_(link, '--data', 'a.csv'), 2, 'BAD_ARGUMENT', '?label=COLUMN');
    });

    it('gives one JSON object also when it fails', async () => {
      const outcome = await join_(link, '--data', 'minst', '--json');
      expect(jsonOf<ErrorJson>(outcome).error.code).to.equal('NOT_FOUND');
      expectError(outcome, 1, 'NOT_FOUND', 'minst');
    });
  });
});

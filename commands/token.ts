import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { loadTokenKey, rotatable, rotateSecret, type Rotatable } from '../server/access/secrets.ts';
import { signToken, type TokenClaims } from '../server/access/signed-token.ts';
import { FederatedError } from '../shared/errors.ts';
import { printJson, runAction, say } from './output.ts';
import { findServer } from './server-api.ts';
import { addTlsFlags, tlsFrom, type TlsFlags } from './tls-flags.ts';

const units: Readonly<Record<string, number>> = { m: 60, h: 3_600, d: 86_400 };
const longest = 366 * 86_400;

/** Seconds of `90m`, `12h` or `7d`. */
function duration(text: string): number {
  const [, count = '', unit = ''] = /^(\d{1,6})([mhd])$/.exec(text) ?? [];
  const seconds = Number(count) * (units[unit] ?? 0);
  if (seconds > 0 && seconds <= longest) return seconds;
  throw new InvalidArgumentError('expected a time such as 90m, 12h or 7d, up to 366d');
}

interface CreateFlags {
  readonly dataDir: string;
  readonly role: TokenClaims['role'];
  readonly name: string;
  readonly expires: number;
  readonly json: boolean;
}

/** `fedloom token create|rotate`. */
export function command(): Command {
  const token = new Command('token').description('tokens of the API that end by themselves, and new ones for old');
  const dataDir = new Option('--data-dir <dir>', "the server's data folder").default('./fedloom-data');
  token
    .command('create')
    .description('a token with a role and an end, on stdout; a running server takes it at once')
    .addOption(dataDir)
    .addOption(new Option('--role <role>', 'what it may do').choices(['viewer', 'admin']).default('viewer'))
    .option('--name <text>', 'who it is for, shown in the audit log', 'unnamed')
    .requiredOption('--expires <time>', 'when it ends: 90m, 12h, 7d', duration)
    .option('--json', 'one JSON object on stdout', false)
    .action(({ dataDir: folder, role, name, expires, json }: CreateFlags) =>
      runAction(json, async () => {
        checkFolder(folder);
        const exp = Math.floor(Date.now() / 1_000) + expires;
        const made = signToken(await loadTokenKey(folder), { role, name, exp });
        if (json) printJson({ token: made, role, name, expiresAt: 1_000 * exp });
        else process.stdout.write(`${made}\n`);
      }),
    );
  addTlsFlags(
    token
      .command('rotate')
      .description('a new one in place of the old, which counts no more; also while the server runs')
      .argument('<what>', rotatable.join(', '))
      .addOption(dataDir),
  )
    .option('--json', 'one JSON object on stdout', false)
    .action((what: string, { dataDir: folder, json, ...tls }: TlsFlags & { dataDir: string; json: boolean }) =>
      runAction(json, async () => {
        const known = rotatable.find((each) => each === what);
        if (known === undefined) {
          throw new FederatedError('BAD_ARGUMENT', `${what}: expected one of ${rotatable.join(', ')}`);
        }
        checkFolder(folder);
        const server = await findServer(folder, await tlsFrom(tls));
        if (server === null) await rotateSecret(folder, known);
        else await server.call('POST', 'secrets/rotate', { what: known });
        if (json) printJson({ rotated: known });
        else say(sentences[known]);
      }),
    );
  return token;
}

const sentences: Record<Rotatable, string> = {
  admin: 'The admin token is new: file admin.token in the data folder.',
  viewer: 'The viewer token is new: file viewer.token in the data folder.',
  'join-code': 'The join code is new, and with it the join link; who is on the roster needs none.',
  signed: 'No token that was created before counts any more.',
};

function checkFolder(folder: string): void {
  if (existsSync(join(folder, 'server.key'))) return;
  throw new FederatedError('NOT_FOUND', `${folder} is no data folder of a server: it has no server.key`);
}

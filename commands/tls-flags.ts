import type { Command } from 'commander';
import type { ClientTls } from '../client/node/socket.ts';
import { FederatedError } from '../shared/errors.ts';
import { input } from './output.ts';
import { readText } from './run-options.ts';

/** The certificates with which a command goes to a server: the same flags for clients and for operators. */
export interface TlsFlags {
  readonly tlsCa?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
}

export const addTlsFlags = (command: Command): Command =>
  command
    .option('--tls-ca <file>', 'PEM authority to trust instead of the usual ones')
    .option('--tls-cert <file>', 'PEM certificate for a server that asks for one; with --tls-key')
    .option('--tls-key <file>', 'PEM key of --tls-cert');

/** The PEM texts; undefined when no flag was given. @throws FederatedError BAD_ARGUMENT, BAD_FILE */
export async function tlsFrom({ tlsCa, tlsCert, tlsKey }: TlsFlags): Promise<ClientTls | undefined> {
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    throw new FederatedError('BAD_ARGUMENT', '--tls-cert and --tls-key belong together; give both or neither');
  }
  if (tlsCa === undefined && tlsCert === undefined) return undefined;
  const tls: Record<string, string> = {};
  for (const [name, path] of Object.entries({ ca: tlsCa, cert: tlsCert, key: tlsKey })) {
    if (path !== undefined) tls[name] = await input(() => readText(path, `tls-${name}`));
  }
  return tls;
}

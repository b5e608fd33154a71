import { Command } from 'commander';
import { readAudit } from '../server/access/read-audit.ts';
import { FederatedError } from '../shared/errors.ts';
import { bold, printJson, printTable, runAction, say } from './output.ts';

/** `fedloom audit DATA_DIR`: who did what over the API. Exit code 1 when the chain is broken. */
export function command(): Command {
  return new Command('audit')
    .description('who did what over the API, and whether that log is whole')
    .argument('[folder]', "a server's data folder", './fedloom-data')
    .option('--json', 'one JSON object on stdout')
    .action((folder: string, { json = false }: { readonly json?: boolean }) =>
      runAction(json, async () => {
        const { entries, brokenAt, forgotten } = await readAudit(folder);
        if (json) printJson({ entries, brokenAt, forgotten });
        else {
          printTable(
            entries.map(({ at, who, address, action, status }) => [
              new Date(at).toISOString(),
              who,
              address,
              action,
              status === 0 ? '' : String(status),
            ]),
          );
          if (forgotten > 0) say(`The oldest ${forgotten} entries are gone: the server keeps so many files.`);
          if (brokenAt === null) say(bold(`${entries.length} entries; the chain is whole.`));
        }
        if (brokenAt === null) return;
        if (json) process.exitCode = 1;
        else throw new FederatedError('STORE_CORRUPT', `the log was changed at entry ${brokenAt}`);
      }),
    );
}

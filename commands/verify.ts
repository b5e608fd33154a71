import { Command } from 'commander';
import { verifyFolder } from '../server/upkeep/verify.ts';
import { bold, printJson, printTable, runAction, say } from './output.ts';

/** `fedloom verify DATA_DIR`: what is lost, what can be made again. Exit code 1 unless the folder is whole. */
export function command(): Command {
  return new Command('verify')
    .description('check a data folder or a backup: database, log chains, models; nothing is changed without --repair')
    .argument('[folder]', "a server's data folder, or a backup", './fedloom-data')
    .option(
      '--repair',
      'make again what can be: indexes, tasks and first models, run folders (no server may run on it)',
    )
    .option('--json', 'one JSON object on stdout')
    .action(
      (folder: string, { repair = false, json = false }: { readonly repair?: boolean; readonly json?: boolean }) =>
        runAction(json, async () => {
          const result = await verifyFolder(folder, { repair });
          if (!result.whole) process.exitCode = 1;
          if (json) return printJson(result);
          printTable(result.findings.map(({ kind, where, message }) => [kind, where, message]));
          const size = `${(result.bytes / 1e6).toFixed(1)} MB`;
          say(
            `${result.runs} runs, ${result.records} records, ${result.blobs} blobs (${size})${result.inUse ? ', in use by a server' : ''}`,
          );
          const repairable = result.findings.some(({ kind }) => kind === 'repairable');
          if (result.whole) say(bold('The folder is whole.'));
          else say(bold(`The folder is damaged.${repairable ? ' --repair makes again what is repairable.' : ''}`));
        }),
    );
}

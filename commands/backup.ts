import { Command } from 'commander';
import { backUp } from '../server/upkeep/backup.ts';
import { printJson, runAction, say } from './output.ts';

/** `fedloom backup DATA_DIR --out DIR`: also while the server runs. */
export function command(): Command {
  return new Command('backup')
    .description('copy a data folder, also while its server runs: runs, rounds, roster, models')
    .argument('[folder]', "the server's data folder", './fedloom-data')
    .requiredOption('--out <folder>', 'an empty folder, or an earlier backup, which is brought up to date')
    .option(
      '--with-keys',
      "also the server's key, the tokens and the join code, so that clients know the restored server again: keep such a backup secret",
    )
    .option('--json', 'one JSON object on stdout')
    .action(
      (folder: string, { out, withKeys = false, json = false }: { out: string; withKeys?: boolean; json?: boolean }) =>
        runAction(json, async () => {
          const result = await backUp(folder, out, { keys: withKeys, now: Date.now() });
          if (json) return printJson(result);
          for (const { id, round } of result.runs) say(`${id}, round ${round}`);
          say(`${result.blobs} blobs, ${result.kept} of them from the backup before.`);
          if (!withKeys) {
            say(
              'Without keys: a server restored from it has a new identity, and clients need its new join link (--with-keys).',
            );
          }
          process.stdout.write(`${result.out}\n`);
        }),
    );
}

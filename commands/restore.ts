import { Command } from 'commander';
import { restore } from '../server/upkeep/backup.ts';
import { printJson, runAction, say } from './output.ts';

/** `fedloom restore BACKUP --data-dir DIR`. */
export function command(): Command {
  return new Command('restore')
    .description(
      'make a data folder of a backup; a server started on it goes on at its round (one with secure aggregation only if no client was further)',
    )
    .argument('<backup>', "a folder that 'fedloom backup' has written")
    .option('--data-dir <folder>', 'the new data folder; must hold no data yet', './fedloom-data')
    .option('--json', 'one JSON object on stdout')
    .action((backup: string, { dataDir, json = false }: { dataDir: string; json?: boolean }) =>
      runAction(json, async () => {
        const { note, verification } = await restore(backup, dataDir);
        if (!verification.whole) process.exitCode = 1;
        if (json) return printJson({ ...note, ...verification });
        for (const { id, round } of note.runs) say(`${id}, round ${round}`);
        if (!note.keys)
          say('The backup has no keys: the server makes new ones at its start, and clients need its new join link.');
        process.stdout.write(`${verification.dataDir}\n`);
      }),
    );
}

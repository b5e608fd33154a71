import { Command } from 'commander';
import { list } from '../simulations/datasets/registry.ts';
import { printJson, printTable, runAction } from './output.ts';

/** `fedloom data ls`: the data sets that are known by name, and where they are. */
export function command(): Command {
  const data = new Command('data').description('the data sets that can be found here');
  data
    .command('ls', { isDefault: true })
    .description('name, size, place and licence of each')
    .option('--json', 'one JSON object on stdout')
    .action((options: { readonly json?: boolean }) =>
      runAction(options.json === true, () => show(options.json === true)),
    );
  return data;
}

async function show(json: boolean): Promise<void> {
  const sets = await Promise.all(
    list().map(async ({ name, title, examples, licence, source, advice, locate }) => {
      const path = await locate();
      return { name, title, examples, licence, source, path, advice: path === null ? advice : null };
    }),
  );
  if (json) return printJson({ dataSets: sets });
  printTable([
    ['NAME', 'TRAIN', 'TEST', 'LICENCE', 'WHERE'],
    ...sets.map(({ name, examples, licence, path, advice }) => [
      name,
      String(examples.train),
      String(examples.test),
      licence,
      path ?? `not here: ${advice ?? ''}`,
    ]),
  ]);
}

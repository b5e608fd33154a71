import { Command } from 'commander';
import { list } from '../simulations/datasets/registry.ts';
import { partitionCommand } from './data-partition.ts';
import { printJson, printTable, runAction } from './output.ts';

/** How `--data` names examples; the whole grammar is in simulations/datasets/registry.ts. */
const specs = `
What --data takes: NAME[:SLICE][@test]
  mnist                     a known set
  mnist:0/10                the first of ten equal parts
  shakespeare:client=ROMEO  all that is one natural client's
  mnist:clients=0/10        a tenth of the natural clients
  adult:sex=Female          one group of a set that knows groups
  adult@test                the test examples
  mnist?target=features     the features as targets, for an autoencoder
  house.csv?label=kind      a CSV file (also ?target=COLUMN, &client=COLUMN, &missing=drop,
                            &classes=flat|house|villa for the order of named classes)`;

/** `fedloom data ls`: the data sets that are known by name, and where they are. */
export function command(): Command {
  const data = new Command('data').description('the data sets that can be found here');
  data
    .command('ls', { isDefault: true })
    .description('name, size, place and licence of each')
    .option('--json', 'one JSON object on stdout')
    .addHelpText('after', specs)
    .action((options: { readonly json?: boolean }) =>
      runAction(options.json === true, () => show(options.json === true)),
    );
  return data.addCommand(partitionCommand());
}

async function show(json: boolean): Promise<void> {
  const sets = await Promise.all(
    list().map(async ({ name, title, examples, clients, groups, licence, source, advice, locate }) => {
      const path = await locate();
      return { name, title, examples, clients, groups, licence, source, path, advice: path === null ? advice : null };
    }),
  );
  if (json) return printJson({ dataSets: sets });
  printTable([
    ['NAME', 'TRAIN', 'TEST', 'CLIENTS', 'GROUPS', 'LICENCE', 'WHERE'],
    ...sets.map(({ name, examples, clients, groups, licence, path, advice }) => [
      name,
      String(examples.train),
      String(examples.test),
      clients === null ? '-' : `${clients.train} ${clients.what}`,
      groups.join(', ') || '-',
      licence,
      path ?? `not here: ${advice ?? ''}`,
    ]),
  ]);
}

import { access, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Command } from 'commander';
import { FederatedError } from '../shared/errors.ts';
import { seeded } from '../shared/random.ts';
import { loadData } from '../simulations/datasets/registry.ts';
import { describePartition, type PartitionDescription, type Spread } from '../simulations/partitions/describe.ts';
import { labelledOf } from '../simulations/partitions/labelled.ts';
import { parsePartition, partitionKinds } from '../simulations/partitions/parse.ts';
import { partitionBars, partitionHeatMap } from '../simulations/partitions/plot.ts';
import { input, printJson, printTable, runAction, say } from './output.ts';
import { number } from './run-options.ts';

const partitions = `
What --partition takes:
${Object.values(partitionKinds)
  .map(({ example, what }) => `  ${example.padEnd(38)} ${what}`)
  .join('\n')}
  ${'...+noise:0.1'.padEnd(38)} noise on the features that grows with the client`;

interface PartitionFlags {
  readonly partition: string;
  readonly clients?: number;
  readonly seed: number;
  readonly svg?: string;
  readonly json: boolean;
}

/** `fedloom data partition`: who would get what, without training. */
export const partitionCommand = (): Command =>
  new Command('partition')
    .argument('<data>', 'as --data takes it')
    .description('how a simulation would spread the examples over clients')
    .option('--partition <spec>', 'how they are spread', 'iid')
    .option('--clients <n>', 'clients (10, or as many as the partition makes)', number)
    .option('--seed <n>', 'seed, as of the simulation', number, 1)
    .option('--svg <file>', 'draw it: FILE with bars, and beside it FILE-classes with a heat map')
    .option('--json', 'one JSON object on stdout', false)
    .addHelpText('after', partitions)
    .action((spec: string, flags: PartitionFlags) => runAction(flags.json, () => showPartition(spec, flags)));

async function showPartition(spec: string, { partition, clients, seed, svg, json }: PartitionFlags): Promise<void> {
  const { partitioner, examples, wanted, lists } = await input(async () => {
    const partitioner = parsePartition(partition); // before the data, which may take long
    if (!Number.isInteger(seed) || seed < 0) {
      throw new FederatedError('BAD_ARGUMENT', `--seed: expected a whole number from 0, got ${seed}`);
    }
    if (svg !== undefined) await checkSvg(svg);
    const examples = labelledOf(await loadData(spec));
    const wanted = clients ?? (partitioner.choosesClients === true ? null : 10);
    return { partitioner, examples, wanted, lists: partitioner.assign(examples, wanted, seeded(seed, 'partition')) };
  });
  const found = describePartition(lists, examples);
  const about = { name: `${spec}, ${partitioner.name}`, clients: partitioner.names?.(examples, wanted) ?? null };
  const files: Record<string, string> = {};
  if (svg !== undefined) {
    files[svg] = partitionBars(found, about);
    const classes = partitionHeatMap(found, about);
    if (classes !== null) files[svg.replace(/\.svg$/, '-classes.svg')] = classes;
  }
  for (const [file, text] of Object.entries(files)) await writeFile(file, text);
  if (json) {
    return printJson({
      data: spec,
      partition: partitioner.name,
      seed,
      names: about.clients,
      ...found,
      files: Object.keys(files),
    });
  }
  printPartition(found, about.clients);
  for (const file of Object.keys(files)) say(`written: ${file}`);
}

async function checkSvg(file: string): Promise<void> {
  if (!file.endsWith('.svg')) {
    throw new FederatedError('BAD_ARGUMENT', `--svg: expected a name that ends with .svg, got ${file}`);
  }
  await access(dirname(file)).catch((cause: unknown) => {
    throw new FederatedError('BAD_ARGUMENT', `--svg: there is no folder ${dirname(file)}; make it first`, { cause });
  });
}

const mostShown = 20;

function printPartition(found: PartitionDescription, names: readonly string[] | null): void {
  const { labels, sizesOfClients, leftOut } = found;
  const row = (what: string, { min, median, mean, max }: Spread, digits: number): string[] => [
    what,
    ...[min, median, mean, max].map((value) => value.toFixed(digits)),
  ];
  say(`${found.clients} clients, ${found.examples} examples${leftOut > 0 ? `; ${leftOut} left out` : ''}`);
  printTable([
    ['OF EACH CLIENT', 'MIN', 'MEDIAN', 'MEAN', 'MAX'],
    row('examples', found.sizes, 1),
    ...(labels === null
      ? []
      : [
          row('classes', labels.classesPerClient, 1),
          row('entropy of classes (bits)', labels.entropy, 3),
          row('distance from all (0 to 1)', labels.distance, 3),
        ]),
  ]);
  const classes = labels !== null && labels.classes.length <= mostShown ? labels.classes : [];
  process.stdout.write('\n');
  printTable([
    ['CLIENT', 'EXAMPLES', ...classes.map((one) => `CLASS ${one}`)],
    ...sizesOfClients
      .slice(0, mostShown)
      .map((size, client) => [
        names?.[client] ?? String(client),
        String(size),
        ...(classes.length === 0 ? [] : labels!.table[client]!.map(String)),
      ]),
  ]);
  if (sizesOfClients.length > mostShown) say(`and ${sizesOfClients.length - mostShown} more (--json gives all)`);
}

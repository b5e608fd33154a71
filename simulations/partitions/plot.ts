import { barChart } from '../reports/charts/bar-chart.ts';
import type { Look } from '../reports/charts/drawing.ts';
import { heatMap } from '../reports/charts/heat-map.ts';
import { histogram } from '../reports/charts/histogram.ts';
import type { PartitionDescription } from './describe.ts';

/** Pictures of a partition, as SVG. */

/** What the pictures say beside the numbers. */
export interface PartitionPlot {
  /** The partitioner's name. */
  readonly name: string;
  /** Names of the clients; their numbers where there are none. */
  readonly clients?: readonly string[] | null;
  /** What class n is called. */
  readonly classes?: readonly string[];
}

const mostStacked = 24;
const mostRows = 60;
/** The clients that a picture has room for, spread evenly over all. */
const shown = (count: number, most: number): number[] =>
  Array.from({ length: Math.min(count, most) }, (_, i) => Math.floor((i * count) / Math.min(count, most)));

/**
 * Every client a bar, its classes on top of each other; without classes or with more than 24, the sizes alone. Of more than 60
 * clients a selection, and the subtitle says so.
 */
export function partitionBars(found: PartitionDescription, about: PartitionPlot, look: Look = {}): string {
  const clients = shown(found.clients, mostRows);
  const labels = found.labels !== null && found.labels.classes.length <= mostStacked ? found.labels : null;
  return barChart(
    {
      ...head(found, about, 'Examples of each client', clients.length),
      categories: clients.map((client) => nameOf(about, client)),
      x: 'client',
      y: { label: 'examples', whole: true },
      stacked: true,
      series:
        labels === null
          ? [{ name: 'examples', values: clients.map((client) => found.sizesOfClients[client]!) }]
          : labels.classes.map((one, column) => ({
              name: about.classes?.[one] ?? String(one),
              values: clients.map((client) => labels.table[client]![column]!),
            })),
    },
    look,
  );
}

/** Clients by classes: how many examples, as depth of colour. Null where the examples have no classes. */
export function partitionHeatMap(found: PartitionDescription, about: PartitionPlot, look: Look = {}): string | null {
  if (found.labels === null) return null;
  const { classes, table } = found.labels;
  const clients = shown(found.clients, mostRows);
  return heatMap(
    {
      ...head(found, about, 'Examples of each class at each client', clients.length),
      columns: classes.map((one) => about.classes?.[one] ?? String(one)),
      x: 'class',
      rows: clients.map((client) => nameOf(about, client)),
      y: 'client',
      value: { label: 'examples', whole: true },
      values: clients.map((client) => table[client]!),
    },
    { height: Math.max(260, 130 + 14 * clients.length), ...look },
  );
}

/** How many clients have how many examples: for partitions with many clients. */
export const partitionSizes = (found: PartitionDescription, about: PartitionPlot, look: Look = {}): string =>
  histogram(
    {
      ...head(found, about, 'Sizes of the clients', found.clients),
      values: found.sizesOfClients,
      x: { label: 'examples of a client' },
      counted: 'clients',
    },
    look,
  );

const nameOf = ({ clients }: PartitionPlot, client: number): string => clients?.[client] ?? String(client);

function head(
  { clients, examples, sizes, labels }: PartitionDescription,
  { name }: PartitionPlot,
  title: string,
  count: number,
): { title: string; subtitle: string; description: string } {
  const some = count < clients ? `; ${count} clients shown` : '';
  const spread = `between ${sizes.min} and ${sizes.max} examples, median ${sizes.median}`;
  const kinds = labels === null ? '' : `, ${labels.classesPerClient.median} classes in the median`;
  return {
    title,
    subtitle: `${name}: ${clients} clients, ${examples.toLocaleString('en')} examples${some}`,
    description: `${clients} clients have ${spread}${kinds}.`,
  };
}

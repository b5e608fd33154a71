import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { Card } from '../parts/card.tsx';
import { Chart, type ChartProps } from './chart.tsx';

export interface ChartCardProps extends Omit<ChartProps, 'name'> {
  readonly title: string;
  /** What the chart says, in a sentence. */
  readonly sentence: string;
  /** Columns of the grid, of 12. */
  readonly span12: number;
  readonly first?: string;
  readonly tools?: ComponentChildren;
}

/** Rows that a table of a chart has at most: the newest. */
const mostRows = 500;

/** A chart with its title, its sentence and, if wanted, its figures as a table. */
export function ChartCard({ title, sentence, span12, first = 'Round', tools, ...chart }: ChartCardProps) {
  const asTable = useSignal(false);
  return (
    <Card
      title={title}
      span={span12}
      meta={sentence}
      tools={
        <>
          {tools}
          <button
            type="button"
            class="quiet"
            aria-pressed={asTable.value}
            onClick={() => (asTable.value = !asTable.value)}
            aria-label={`Table: ${title}`}
          >
            Table
          </button>
        </>
      }
    >
      {asTable.value ? (
        <FigureTable title={title} first={first} {...chart} />
      ) : (
        <Chart {...chart} name={`${title}. ${sentence}`} />
      )}
    </Card>
  );
}

function FigureTable({
  title,
  first,
  xs,
  lines,
  x,
  y,
  exact = y,
  height,
}: Omit<ChartProps, 'name'> & { title: string; first: string }) {
  const from = Math.max(0, xs.length - mostRows);
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={`${title} as a table`} style={{ height: `${height}px` }}>
      <table>
        <thead>
          <tr>
            <th scope="col">{first}</th>
            {lines.map(({ label }) => (
              <th scope="col" class="number">
                {label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {xs.slice(from).map((value, row) => (
            <tr key={value}>
              <th scope="row">{x(value)}</th>
              {lines.map(({ values }) => {
                const cell = values[from + row];
                return <td class="number">{cell === null || cell === undefined ? '–' : exact(cell)}</td>;
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

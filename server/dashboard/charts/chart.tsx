import { useSignalEffect } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { colour, isDark } from '../theme.ts';

export interface Line {
  readonly label: string;
  readonly values: readonly (number | null)[];
  /** Name of a colour of the stylesheet. */
  readonly colour: string;
  readonly width?: number;
  readonly dash?: readonly number[];
  /** An edge of a band: not drawn itself. */
  readonly hidden?: boolean;
}

export interface ChartProps {
  /** Ascending. */
  readonly xs: readonly number[];
  readonly lines: readonly Line[];
  /** Pairs of lines, upper and lower, with the space between them filled. */
  readonly bands?: readonly (readonly [upper: number, lower: number])[];
  readonly height: number;
  readonly x: (value: number) => string;
  /** Whole rounds: no ticks between, and the cursor is shared with the other charts. */
  readonly byRound: boolean;
  /** On the axis; more exactly in the box at the cursor and in the table. */
  readonly y: (value: number) => string;
  readonly exact?: (value: number) => string;
  readonly log?: boolean;
  /** Bounds of y; with `fromZero` the axis begins there. */
  readonly from?: number;
  readonly fromZero?: boolean;
  readonly to?: number;
  /** Upright lines, in values of x. */
  readonly marks?: readonly { readonly at: number; readonly colour: string }[];
  /** Highest x, where there are no values yet. */
  readonly span?: number;
  readonly name: string;
}

const font = '12px system-ui, sans-serif';

/** A line chart on a canvas. What it shows is also said in a sentence and as a table: see ChartCard. */
export function Chart(props: ChartProps) {
  const host = useRef<HTMLDivElement>(null);
  const tip = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef(props);
  latest.current = props;

  // What a chart is made of; when it changes, the chart is made anew.
  const shape = [
    props.log,
    props.byRound,
    props.height,
    ...props.lines.map(({ label, hidden }) => `${label}${hidden}`),
  ].join();
  useEffect(() => {
    const element = host.current!;
    const made = new uPlot(options(latest, tip, element.clientWidth), dataOf(latest.current), element);
    plot.current = made;
    const resize = new ResizeObserver(() => {
      const width = element.clientWidth;
      if (width > 0 && width !== made.width) made.setSize({ width, height: latest.current.height });
    });
    resize.observe(element);
    return () => {
      resize.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [shape]);
  useEffect(() => plot.current?.setData(dataOf(props)));
  useSignalEffect(() => {
    void isDark.value;
    plot.current?.redraw(false, true);
  });

  return (
    <div class="chart" role="img" aria-label={props.name}>
      <div ref={host} />
      <div ref={tip} class="tip" hidden />
    </div>
  );
}

const dataOf = ({ xs, lines }: ChartProps): uPlot.AlignedData =>
  [xs, ...lines.map(({ values }) => values)] as unknown as uPlot.AlignedData;

function options(
  latest: { readonly current: ChartProps },
  tip: { readonly current: HTMLDivElement | null },
  width: number,
): uPlot.Options {
  const { lines, bands = [], height, byRound, log = false } = latest.current;
  const axis = { font, stroke: () => colour('muted'), ticks: { show: false } };
  const grid = { stroke: () => colour('line'), width: 1 };
  return {
    width: Math.max(width, 50),
    height,
    padding: [8, 16, 0, 0],
    legend: { show: false },
    cursor: {
      points: { size: 6, width: 0, fill: (_, at) => colour(lines[at - 1]!.colour) },
      drag: { x: false, y: false },
      ...(byRound ? { sync: { key: 'rounds', setSeries: false } } : {}),
    },
    scales: {
      x: {
        time: false,
        range: (_, low, high) => {
          const { span = 1 } = latest.current;
          if (low === null || high === null) return [byRound ? 1 : 0, Math.max(span, 2)];
          return low === high ? [low - 0.5, high + 0.5] : [low, high];
        },
      },
      y: {
        distr: log ? 3 : 1,
        range: (_, low, high) => {
          const { from, to, fromZero } = latest.current;
          if (low === null || high === null) return log ? [0.01, 1] : [from ?? 0, to ?? 1];
          if (log) return [low / 1.2, high * 1.2];
          const room = (high - low || Math.abs(high) || 1) * 0.08;
          return [
            fromZero === true ? 0 : Math.max(low - room, from ?? -Infinity),
            Math.min(high + room, to ?? Infinity),
          ];
        },
      },
    },
    axes: [
      {
        ...axis,
        size: 26,
        grid: { show: false },
        ...(byRound ? { incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 10_000, 100_000] } : {}),
        values: (_, ticks) => ticks.map((tick) => latest.current.x(tick)),
        space: byRound ? 50 : 90,
      },
      {
        ...axis,
        grid,
        size: 54,
        space: 36,
        values: (_, ticks) => ticks.map((tick) => (tick === null ? '' : latest.current.y(tick))),
      },
    ],
    series: [
      {},
      ...lines.map(({ label, colour: name, width: stroke = 2, dash, hidden = false }) => ({
        label,
        stroke: () => (hidden ? 'transparent' : colour(name)),
        width: hidden ? 0 : stroke,
        ...(dash === undefined ? {} : { dash: [...dash] }),
        points: { show: (u: uPlot, at: number) => !hidden && isLonely(u, at), size: 6, fill: () => colour(name) },
        spanGaps: true,
      })),
    ],
    bands: bands.map(([upper, lower]) => ({
      series: [upper + 1, lower + 1],
      fill: () => colour(`${lines[upper]!.colour}-soft`),
    })),
    hooks: {
      draw: [(u) => drawMarks(u, latest.current.marks ?? [])],
      setCursor: [(u) => showTip(u, latest.current, tip.current)],
    },
  };
}

/** One point alone makes no line: it is drawn as a point. */
const isLonely = (u: uPlot, at: number): boolean =>
  (u.data[at] as readonly (number | null)[]).filter((value) => value !== null).length === 1;

function drawMarks(u: uPlot, marks: NonNullable<ChartProps['marks']>): void {
  const { ctx, bbox } = u;
  for (const mark of marks) {
    const x = Math.round(u.valToPos(mark.at, 'x', true));
    if (!(x >= bbox.left && x <= bbox.left + bbox.width)) continue;
    ctx.save();
    ctx.strokeStyle = colour(mark.colour);
    ctx.lineWidth = devicePixelRatio;
    ctx.setLineDash([4 * devicePixelRatio, 3 * devicePixelRatio]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.restore();
  }
}

function showTip(u: uPlot, { xs, lines, x, y, exact = y, byRound }: ChartProps, tip: HTMLDivElement | null): void {
  if (tip === null) return;
  const at = u.cursor.idx;
  const isHere = typeof at === 'number' && u.cursor.left !== undefined && u.cursor.left >= 0;
  tip.hidden = !isHere;
  if (!isHere) return;
  const values = lines.filter(({ values: of }) => of[at] !== null && of[at] !== undefined);
  const text = values.map(({ label, values: of }) => `${label} ${exact(of[at]!)}`).join('\n');
  tip.textContent = `${byRound ? 'round ' : ''}${x(xs[at]!)}\n${text}`;
  const left = u.valToPos(xs[at]!, 'x') + u.over.offsetLeft;
  const flips = left > u.width - 170;
  tip.style.left = `${flips ? left - 12 : left + 12}px`;
  tip.style.transform = flips ? 'translateX(-100%)' : '';
}

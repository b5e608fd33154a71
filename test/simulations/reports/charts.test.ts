import { expect } from 'chai';
import fc from 'fast-check';
import { barChart } from '../../../simulations/reports/charts/bar-chart.ts';
import { boxChart, boxOf } from '../../../simulations/reports/charts/box-chart.ts';
import { heatMap } from '../../../simulations/reports/charts/heat-map.ts';
import { bins, histogram } from '../../../simulations/reports/charts/histogram.ts';
import { lineChart, spread } from '../../../simulations/reports/charts/line-chart.ts';
import { element, number, text } from '../../../simulations/reports/charts/markup.ts';
import { percentAxis } from '../../../simulations/reports/charts/scale.ts';

const head = { title: 'Title', description: 'What it shows.' };
const round = { label: 'Round', whole: true } as const;
const lines = (values: readonly (number | null | undefined)[]): string =>
  lineChart({ ...head, x: round, y: { label: 'Loss' }, series: [{ name: 'a', points: values.map((y, i) => ({ x: i + 1, y })) }] }); // prettier-ignore
const all = (svg: string, pattern: RegExp): string[] => [...svg.matchAll(pattern)].map(([, found]) => found!);
/** Heights of the filled bars. */
const heights = (svg: string): number[] => all(svg, /<rect class="fl-s\d"[^>]* height="([\d.]+)"/g).map(Number);

describe('markup', () => {
  it('escapes every text, in content and in attributes', () => {
    expect(element('a', { title: `"<'&>` }, [text('<script>')])).to.equal(
      '<a title="&quot;&lt;&#39;&amp;&gt;">&lt;script&gt;</a>',
    );
  });

  it('replaces what XML cannot hold', () => {
    expect(text('a\u0000b\ud800c\u001bd')).to.equal('a\ufffdb\ufffdc\ufffdd');
    expect(text('😀')).to.equal('😀');
  });

  it('writes coordinates short, and refuses those that are none', () => {
    expect([1 / 3, -0.001, 5].map(number)).to.deep.equal(['0.33', '0', '5']);
    expect(() => number(NaN)).to.throw('no place for NaN');
  });
});

describe('a line chart', () => {
  it('breaks the line where a value is missing, and never draws it as zero', () => {
    const path = /<path class="fl-l-s0"[^>]* d="([^"]*)"/g;
    expect(all(lines([1, 2, 3, 4]), path)).to.have.length(1);
    for (const missing of [NaN, null, undefined, Infinity]) {
      const svg = lines([1, 2, missing, 2, 1]);
      expect(all(svg, path).map((d) => d.match(/[ML]/g)!.length)).to.deep.equal([2, 2]);
      expect(svg).to.equal(lines([1, 2, NaN, 2, 1]));
    }
    // A point between two gaps has no line, but a dot.
    expect(all(lines([...Array.from({ length: 40 }, () => 1), null, 2, null]), /<circle ([^>]*)>/g)).to.have.length(1);
  });

  it('draws the band between low and high', () => {
    const points = [1, 2].map((x) => ({ x, y: 5, low: 4, high: 6 }));
    const svg = lineChart(
      { ...head, x: round, y: { label: 'Loss' }, series: [{ name: 'a', points }] },
      { height: 400 },
    );
    // The axis goes from 4 to 6: the band fills the plot from its top, 40 (36 for the title and 4), to its bottom, 352.
    const [band] = all(svg, /fill-opacity="0.18" d="([^"]*)"/g);
    expect(band).to.match(/^M[\d.]+ 40L[\d.]+ 40L[\d.]+ 352L[\d.]+ 352Z$/);
  });

  it('names lines at their ends, and in a legend when there are too many or they are too long', () => {
    const series = (count: number, name = 'series') =>
      Array.from({ length: count }, (_, i) => ({ name: `${name} ${i}`, points: [{ x: 1, y: i }, { x: 2, y: i }] })); // prettier-ignore
    const draw = (count: number, name?: string): string => lineChart({ ...head, x: round, y: { label: 'Loss' }, series: series(count, name) }); // prettier-ignore
    expect(draw(3)).to.match(/<text [^>]*class="fl-s2"[^>]*>series 2</);
    expect(draw(9)).to.match(/<text [^>]*class="fl-ink"[^>]*>series 8</);
    expect(draw(2, 'a name that is far too long to stand beside a plot')).to.match(/class="fl-ink"[^>]*>a name/);
    expect(draw(1)).to.not.include('series 0');
  });

  it('names a reference where no line runs through the name', () => {
    const at = (values: readonly number[]): { x: number; y: number } => {
      const points = values.map((y, x) => ({ x, y }));
      const series = [{ name: 'a', points }];
      const references = [{ y: 50, label: 'goal' }];
      const axis = { label: 'y', min: 0, max: 100 };
      const svg = lineChart({ title: 't', description: 'd', x: { label: 'x' }, y: axis, series, references });
      const [, attributes = ''] = /<text([^>]*)>goal</.exec(svg)!;
      const number = (name: string): number => Number(new RegExp(` ${name}="([^"]+)"`).exec(attributes)![1]);
      return { x: number('x'), y: number('y') };
    };
    const flat = Array.from({ length: 100 }, () => 0);
    const usual = at(flat);
    const rising = at(flat.map((_, i) => (i < 30 ? 52 : 0))); // runs above the reference at its left end, and below it later
    expect(rising.x !== usual.x || rising.y > usual.y).to.equal(true);
    const everywhereAbove = at(flat.map(() => 52));
    expect(everywhereAbove.x).to.equal(usual.x);
    expect(everywhereAbove.y).to.be.above(usual.y); // below the reference
  });

  it('moves names apart, in their order, and no further than needed', () => {
    expect(spread([100, 101, 200], 14, 0, 300)).to.deep.equal([100, 114, 200]);
    expect(spread([299, 300], 14, 0, 300)).to.deep.equal([286, 300]);
    expect(spread([50, 50, 50], 10, 0, 300)).to.deep.equal([50, 60, 70]);
  });

  it('draws any numbers at all', () => {
    fc.assert(
      fc.property(fc.array(fc.double()), (values) => {
        expect(lines(values)).to.not.match(/NaN|Infinity|undefined/);
      }),
    );
  });

  it('is the same text for the same data, and stands without data', () => {
    expect(lines([1, NaN, 3])).to.equal(lines([1, NaN, 3]));
    expect(lines([])).to.include('<svg').and.not.include('NaN');
    expect(lineChart({ ...head, x: round, y: percentAxis('Accuracy'), series: [] })).to.include('Accuracy (%)');
  });

  it('has a role, a title and a description, and no text that is not escaped', () => {
    const title = '<img src=x onerror=alert(1)> & "more"';
    const series = ['<b>a</b>', '</svg>'].map((name) => ({ name, points: [{ x: 1, y: 1 }] }));
    const svg = lineChart({ ...head, title, x: { label: '<x>' }, y: { label: '<y>' }, series }, { id: 'loss' });
    expect(svg).to.match(/^<svg [^>]*role="img" aria-labelledby="loss-title loss-desc"/);
    expect(svg).to.include('<title id="loss-title">&lt;img').and.include('<desc id="loss-desc">What it shows.</desc>');
    for (const raw of ['<img', '<b>', '<x>', '<y>']) expect(svg).to.not.include(raw);
    expect(svg.match(/<\/svg>/g)).to.have.length(1);
  });
});

describe('a bar chart', () => {
  const chart = { ...head, categories: ['1', '2'], x: 'Round', y: { label: 'Clients' } };
  const series = [{ name: 'a', values: [6, 2] }, { name: 'b', values: [4, null] }]; // prettier-ignore

  it('stands on zero', () => {
    // Axis from 0 to 10: 10 is the plot's height, 6 is 0.6 of it.
    const svg = barChart({ ...chart, y: { label: 'Clients', max: 10 }, series: [{ name: 'a', values: [6, 10] }] });
    const [six, ten] = heights(svg);
    expect(six! / ten!).to.be.closeTo(0.6, 1e-4);
  });

  it('stacks what it is told to stack, and draws nothing for a missing value', () => {
    const stacked = heights(barChart({ ...chart, series, stacked: true }));
    expect(stacked).to.have.length(3 + 2); // three bars, and two swatches of the legend
    expect(stacked[0]! / stacked[1]!).to.be.closeTo(6 / 4, 1e-2);
    expect(heights(barChart({ ...chart, series }))).to.have.length(5);
  });

  it('has a ramp of colours for many series, and refuses more than anyone can tell apart', () => {
    const many = (count: number) => Array.from({ length: count }, (_, i) => ({ name: `l${i}`, values: [1, 1] }));
    const colours = new Set(
      all(barChart({ ...chart, series: many(10), stacked: true }), /<rect fill="(#[0-9a-f]{6})"/g),
    );
    expect(colours.size).to.equal(10);
    expect(() => barChart({ ...chart, series: many(25) })).to.throw('a heat map');
    expect(() => barChart({ ...chart, series: [{ name: 'a', values: [-1] }], stacked: true })).to.throw('negative');
  });
});

describe('a heat map', () => {
  it('shades a cell by its value and crosses out what is missing', () => {
    const svg = heatMap({ ...head, columns: ['0', '1'], x: 'Label', rows: ['a'], y: 'Client', value: { label: 'Examples', max: 100 }, values: [[25, NaN]] }); // prettier-ignore
    const cells = /class="fl-heat"[^>]*fill-opacity="([\d.]+)" x/g;
    expect(all(svg, cells)[0]).to.equal('0.25');
    expect(svg)
      .to.match(/>25<\/text>/)
      .and.not.include('NaN');
    expect(svg).to.match(/<line class="fl-l-axis"/);
  });

  it('writes all numbers with the same decimals', () => {
    const value = percentAxis('Accuracy');
    const svg = heatMap({ ...head, columns: ['a', 'b', 'c'], x: 'x', rows: ['r'], y: 'y', value, values: [[0.87, 0.8431, 0]] }); // prettier-ignore
    expect(all(svg, />(\d+(?:\.\d+)?)<\/text>/g)).to.include.members(['87.0', '84.3']);
  });
});

describe('a histogram', () => {
  it('counts each value once, in bins with round edges', () => {
    expect(bins([0.5, 1, 1.5, 2, 4], 1).reduce((sum, { count }) => sum + count, 0)).to.equal(5);
    // A value on an edge belongs to the bin that begins there; the last bin has both.
    const counted = bins([0, 1, 2, 3, 4, 5]);
    expect(counted.at(-1)!.to).to.equal(5);
    expect(counted.map(({ count }) => count).reduce((a, b) => a + b)).to.equal(6);
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -1e300, max: 1e300, noNaN: true }), { minLength: 1, maxLength: 50 }),
        (values) => {
          const found = bins(values);
          expect(found.reduce((sum, { count }) => sum + count, 0)).to.equal(values.length);
          expect(found.length).to.be.at.most(80);
        },
      ),
    );
  });

  it('leaves out what is missing, and stands without data', () => {
    expect(bins([NaN, null, undefined])).to.deep.equal([]);
    expect(histogram({ ...head, x: percentAxis('Accuracy'), counted: 'clients', values: [] })).to.include(
      'Number of clients',
    );
  });
});

describe('a box', () => {
  it('has the quartiles and whiskers of the hand calculation', () => {
    // 1 2 3 4 100: quartiles 2, 3, 4 (positions 1, 2, 3); the fence is 4 + 1.5 * 2 = 7, so that 100 is outside.
    expect(boxOf([100, 3, 1, 4, 2, NaN])).to.deep.equal({ quartiles: [2, 3, 4], whiskers: [1, 4], outside: [100] });
    expect(boxOf([NaN, null])).to.equal(null);
  });

  it('is drawn for five values and more; fewer are points', () => {
    const draw = (values: readonly number[]): string => boxChart({ ...head, x: 'Round', y: { label: 'L2 norm' }, groups: [{ name: '1', values }] }); // prettier-ignore
    expect(all(draw([1, 2, 3, 4, 5]), /(<rect class="fl-l-s0")/g)).to.have.length(1);
    expect(all(draw([1, 2, 3]), /(<rect class="fl-l-s0")/g)).to.have.length(0);
    expect(all(draw([1, 2, 3]), /(<circle)/g)).to.have.length(3);
  });
});

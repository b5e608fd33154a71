import { version } from '../../shared/version.ts';
import { element, text, type Markup } from '../reports/charts/markup.ts';
import { formatValue } from '../reports/format.ts';
import { reportCss } from '../reports/report-style.ts';
import { commandOf, settingsOf, type Experiment } from './experiment.ts';
import { experimentFigure } from './figure.ts';
import type { Outcome } from './outcome.ts';
import type { ArmRecords } from './run-experiment.ts';

/** An experiment as one HTML file: claim, figure, numbers beside the published ones, what holds, and how to run it. */
export function experimentPage(experiment: Experiment, outcome: Outcome, arms: readonly ArmRecords[]): string {
  const { name, title, claim, source, notes } = experiment;
  const policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";
  const paragraphs = (all: readonly string[]): Markup[] => all.map((each) => element('p', {}, [text(each)]));
  const list = (all: readonly string[]): Markup =>
    element(
      'ul',
      {},
      all.map((each) => element('li', {}, [text(each)])),
    );
  const isQuick = outcome.form === 'quick';
  const page = element('html', { lang: 'en' }, [
    element('head', {}, [
      element('meta', { charset: 'utf-8' }),
      element('meta', { 'http-equiv': 'Content-Security-Policy', content: policy }),
      element('meta', { name: 'viewport', content: 'width=device-width,initial-scale=1' }),
      element('title', {}, [text(`${title} · fedloom`)]),
      element('link', { rel: 'icon', href: 'data:,' }),
      element('style', {}, [reportCss as Markup]),
    ]),
    element('body', {}, [
      element('header', {}, [element('div', {}, [element('h1', {}, [text(title)]), ...paragraphs([claim, source])])]),
      element('main', {}, [
        ...(isQuick ? paragraphs(['The quick form: it shows that the experiment runs, and is too small for the claim.']) : []), // prettier-ignore
        element('h2', {}, [text('Figure')]),
        element('figure', {}, [experimentFigure(experiment, outcome, arms, { theme: 'page' }) as Markup]),
        element('h2', {}, [text(`Medians over ${outcome.seeds.length === 1 ? 'one seed' : `${outcome.seeds.length} seeds`}`)]), // prettier-ignore
        numbers(experiment, outcome),
        ...(outcome.verdicts.length === 0
          ? []
          : [
              element('h2', {}, [text('What was claimed')]),
              element('ul', { class: 'card protections' }, outcome.verdicts.map(verdict)),
            ]),
        ...(outcome.differences.length === 0
          ? []
          : [element('h2', {}, [text('Other than the numbers that this version was published with')]), list(outcome.differences)]), // prettier-ignore
        ...(notes.length === 0 ? [] : [element('h2', {}, [text('Notes')]), list(notes)]),
        element('h2', {}, [text('Make it again')]),
        element('div', { class: 'card' }, [
          element('pre', {}, [text(`${commandOf(experiment, outcome.form)} --seeds ${outcome.seeds.join(',')}`)]),
        ]),
        element('h2', {}, [text('Settings')]),
        ...arms.map(({ arm }) =>
          element('div', { class: 'card' }, [
            element('p', {}, [element('strong', {}, [text(arm)])]),
            element('pre', {}, [text(JSON.stringify(settingsOf(experiment, arm, outcome.form), null, 1))]),
          ]),
        ),
      ]),
      element('footer', {}, [text(`Written by fedloom ${version}, experiment ${name}.`)]),
    ]),
  ]);
  return `<!doctype html>\n${page}\n`;
}

const verdict = ({ text: said, holds }: Outcome['verdicts'][number]): Markup =>
  element('li', {}, [
    element('span', { class: holds ? 'yes' : 'no' }, [text(holds ? '✓ holds' : '✗ does not hold')]),
    element('span', {}, [text(said)]),
  ]);

function numbers({ measures, expected, numbers: known }: Experiment, { medians, form }: Outcome): Markup {
  const there = known[form]?.medians ?? {};
  const head = ['Run', ...measures, `${measures[0]}, published`, `${measures[0]}, in this version`];
  const cell = (measure: string, value: number | null | undefined): Markup =>
    element('td', {}, [text(value === undefined ? '–' : value === null ? 'not reached' : formatValue(measure, value))]);
  return element('div', { class: 'card scroll', tabindex: 0, role: 'region', 'aria-label': 'Numbers' }, [
    element('table', { class: 'numbers' }, [
      element('thead', {}, [
        element('tr', {}, head.map((each) => element('th', { scope: 'col' }, [text(each)]))), // prettier-ignore
      ]),
      element(
        'tbody',
        {},
        Object.entries(medians).map(([arm, values]) =>
          element('tr', {}, [
            element('th', { scope: 'row' }, [text(arm)]),
            ...measures.map((measure, i) => cell(measure, values[i])),
            cell(measures[0], expected[arm]),
            cell(measures[0], there[arm]?.[0]),
          ]),
        ),
      ),
    ]),
  ]);
}

import { version } from '../../shared/version.ts';
import { element, text, type Markup } from './charts/markup.ts';
import { formatBytes, formatSeconds, formatValue } from './format.ts';
import { headline, type Headline } from './headline.ts';
import { isSimulated, protections, type Protection } from './protection.ts';
import { reportCss } from './report-style.ts';
import { reproduction } from './reproduce.ts';
import { runPlots } from './run-plots.ts';
import { committed, tagsOf, type RunRecord } from './run-record.ts';

/**
 * A run as one HTML file: figures, plots, what is protected, how to make it again, settings, machine and rounds. It asks
 * for nothing from anywhere and has no script; its content security policy says so.
 */
export function reportPage(run: RunRecord): string {
  const head = headline(run);
  const title = `${run.name} · fedloom`;
  const policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";
  const page = element('html', { lang: 'en' }, [
    element('head', {}, [
      element('meta', { charset: 'utf-8' }),
      element('meta', { 'http-equiv': 'Content-Security-Policy', content: policy }),
      element('meta', { name: 'viewport', content: 'width=device-width,initial-scale=1' }),
      element('title', {}, [text(title)]),
      element('link', { rel: 'icon', href: 'data:,' }),
      element('style', {}, [reportCss as Markup]),
    ]),
    element('body', {}, [
      element('header', {}, [
        element('div', {}, [element('h1', {}, [text(run.name)]), element('p', {}, [text(subtitle(run, head))])]),
        themeChoice,
      ]),
      element('main', {}, [
        tiles(run, head),
        ...section('Plots', figures(run)),
        ...section('What is protected, and what is not', protectionList(protections(run))),
        ...reproduce(run),
        ...section('Settings and machine', [
          element('div', { class: 'two' }, [
            pairs('Settings', flattened(run.config)),
            pairs('Machine', machineOf(run)),
          ]),
        ]),
        ...section('Rounds', rounds(run)),
        ...notes(run),
      ]),
      element('footer', {}, [text(`Written by fedloom ${version} from ${run.source}.`)]),
    ]),
  ]);
  return `<!doctype html>\n${page}\n`;
}

const section = (title: string, content: readonly Markup[]): Markup[] =>
  content.length === 0 ? [] : [element('section', {}, [element('h2', {}, [text(title)]), ...content])];

function subtitle(run: RunRecord, { task, strategy, seed, rounds: done, wanted }: Headline): string {
  const parts = [
    task,
    strategy,
    `${done}${wanted === null ? '' : ` of ${wanted}`} rounds`,
    seed === null ? null : `seed ${seed}`,
    run.state,
  ];
  return parts.filter((part) => part !== null).join(' · ');
}

/** Three radio buttons that the style sheet looks at. */
const themeChoice = element('fieldset', {}, [
  element('legend', {}, [text('Theme')]),
  ...['auto', 'light', 'dark'].map((theme) =>
    element('label', { for: theme }, [
      element('input', { type: 'radio', name: 'theme', id: theme, ...(theme === 'auto' ? { checked: '' } : {}) }),
      text(` ${theme}`),
    ]),
  ),
]);

function tiles(run: RunRecord, head: Headline): Markup {
  const { metric, final, best, loss } = head;
  const at = ({ round }: { readonly round: number }): string => `round ${round}`;
  const all: (readonly [string, string, string] | null)[] = [
    metric === null || final === null ? null : [names[metric] ?? metric, formatValue(metric, final.value), at(final)],
    metric === null || best === null ? null : ['Best', formatValue(metric, best.value), at(best)],
    loss === null || metric === 'eval/loss' ? null : ['Held-out loss', formatValue('eval/loss', loss), ''],
    head.target === null
      ? null
      : [
          'Rounds to target',
          head.roundsToTarget === null ? 'not reached' : String(head.roundsToTarget),
          formatValue('accuracy', head.target),
        ],
    ['Rounds', String(head.rounds), `${head.short} short, ${head.abandoned} abandoned`],
    head.reports === null ? null : ['Reports', head.reports.toLocaleString('en-GB'), ''],
    head.seconds === null
      ? null
      : [
          isSimulated(run) ? 'Simulated time' : 'Time in rounds',
          formatSeconds(head.seconds),
          `${formatSeconds(head.seconds / Math.max(1, run.rounds.length))} a round`,
        ],
    head.bytesUp === null ? null : ['Sent up', formatBytes(head.bytesUp), 'by all clients'],
    head.bytesDown === null ? null : ['Sent down', formatBytes(head.bytesDown), 'to all clients'],
    ['Privacy spent', head.epsilon === null ? 'no DP' : `ε ${formatValue('', head.epsilon)}`, ''],
    ['Secure aggregation', head.secureAggregation === null ? 'unknown' : head.secureAggregation ? 'on' : 'OFF', ''],
  ];
  const drawn = all.flatMap((tile) => {
    if (tile === null) return [];
    const [name, value, more] = tile;
    const lines = [value, ...(more === '' ? [] : [more])];
    return [
      element('div', {}, [element('dt', {}, [text(name)]), ...lines.map((each) => element('dd', {}, [text(each)]))]),
    ];
  });
  return element('dl', { class: 'tiles' }, drawn);
}

const names: Readonly<Record<string, string>> = {
  'eval/accuracy': 'Held-out accuracy',
  'train/accuracy': 'Accuracy in training',
  'eval/loss': 'Held-out loss',
  'train/loss': 'Loss in training',
};

function figures(run: RunRecord): Markup[] {
  const drawn = runPlots(run).map((plot) =>
    element('figure', {}, [
      plot.svg({ theme: 'page', id: `plot-${plot.name}` }) as Markup, // made by `drawing`, which escapes
      element('figcaption', {}, [text(plot.caption)]),
    ]),
  );
  if (drawn.length > 0) return [element('div', { class: 'figures' }, drawn)];
  return [element('p', {}, [text('No round has ended yet: there is nothing to plot.')])];
}

function protectionList(all: readonly Protection[]): Markup[] {
  const words = { yes: '✓ protected', no: '✗ not protected', unknown: '? not known' };
  return [
    element(
      'ul',
      { class: 'card protections' },
      all.map(({ what, protected: is, sentence }) =>
        element('li', {}, [
          element('span', {}, [
            element('strong', {}, [text(what)]),
            element('br'),
            element('span', { class: is }, [text(words[is])]),
          ]),
          element('span', {}, [text(sentence)]),
        ]),
      ),
    ),
  ];
}

function reproduce(run: RunRecord): Markup[] {
  const found = reproduction(run);
  if (found === null) return [];
  const weights = committed(run).at(-1)?.weights ?? null;
  return section('Make it again', [
    element('div', { class: 'card' }, [element('pre', {}, [text(found.command)])]),
    ...(found.recorded
      ? []
      : [element('p', {}, [text('Made from the settings; the command that was given is not known.')])]),
    ...(weights === null
      ? []
      : [element('p', {}, [text('SHA-256 of the last model: '), element('code', {}, [text(weights)])])]),
  ]);
}

/** The command has a place of its own. */
function machineOf({ env }: RunRecord): [string, string][] {
  const { command: _, memory, ...rest } = env ?? {};
  return [
    ...flattened(rest),
    ...(typeof memory === 'number' ? [['memory', formatBytes(memory)] as [string, string]] : []),
  ];
}

/** `task.training.batchSize` and its value, for every leaf; arrays as JSON. */
function flattened(value: Readonly<Record<string, unknown>>, path = ''): [string, string][] {
  return Object.entries(value).flatMap(([key, each]): [string, string][] => {
    const name = path === '' ? key : `${path}.${key}`;
    if (typeof each === 'object' && each !== null && !Array.isArray(each))
      return flattened(each as Record<string, unknown>, name);
    return [[name, typeof each === 'string' ? each : JSON.stringify(each)]];
  });
}

function pairs(title: string, all: readonly (readonly [string, string])[]): Markup {
  if (all.length === 0) return element('p', {}, [text(`${title}: not known.`)]);
  const rows = all.map(([name, value]) =>
    element('tr', {}, [element('th', { scope: 'row' }, [text(name)]), element('td', {}, [text(value)])]),
  );
  return element('div', { class: 'card scroll', tabindex: 0, role: 'region', 'aria-label': title }, [
    element('table', { class: 'pairs' }, [element('tbody', {}, rows)]),
  ]);
}

function rounds(run: RunRecord): Markup[] {
  if (run.rounds.length === 0) return [];
  const tags = tagsOf(run);
  const header = ['Round', 'Result', ...tags].map((name, i) =>
    element('th', { scope: 'col', ...(i === 1 ? left : {}) }, [text(name)]),
  );
  const rows = run.rounds.map(({ round, result, reason, values, missing }) =>
    element('tr', result === 'abandoned' ? { class: 'abandoned' } : {}, [
      element('th', { scope: 'row' }, [text(String(round))]),
      element('td', left, [text(reason === '' ? result : `${result}: ${reason}`)]),
      ...tags.map((tag) => {
        const value = values[tag];
        const shown = value === undefined ? (missing.includes(tag) ? 'not finite' : '–') : formatValue(tag, value);
        return element('td', {}, [text(shown)]);
      }),
    ]),
  );
  return [
    element('div', { class: 'card scroll', tabindex: 0, role: 'region', 'aria-label': 'Rounds' }, [
      element('table', { class: 'numbers' }, [
        element('thead', {}, [element('tr', {}, header)]),
        element('tbody', {}, rows),
      ]),
    ]),
  ];
}
const left = { class: 'left' } as const;

const notes = (run: RunRecord): Markup[] =>
  section(
    'Notes',
    run.notes.length === 0
      ? []
      : [
          element(
            'ul',
            {},
            run.notes.map((note) => element('li', {}, [text(note)])),
          ),
        ],
  );

import { toNumber, type Column } from './columns.ts';
import { badFile } from './file.ts';
import { linesOf, setFiles, type DataSet } from './set-files.ts';
import { tableSource, type Table } from './table.ts';

/**
 * Adult: class 1 where a person earns more than 50,000 dollars a year (United States, 1994), else 0. The split is the
 * official one. 88 features: five numbers standardised by the training rows (gain and loss of capital as ln(1 + x), since a
 * few are a thousand times the others), and each kind of seven questions. Left out are `fnlwgt`, which says how many people a
 * row stands for, and `education`, which `education-num` repeats. A missing answer (`?`) is none of the kinds. The set has no
 * natural clients; its groups can serve as such, and tell whether a model is fair to all of them.
 */
const questions = [
  'age',
  'workclass',
  'fnlwgt',
  'education',
  'education-num',
  'marital-status',
  'occupation',
  'relationship',
  'race',
  'sex',
  'capital-gain',
  'capital-loss',
  'hours-per-week',
  'native-country',
  'income',
];
const numeric = ['age', 'education-num', 'capital-gain', 'capital-loss', 'hours-per-week'];
const kinds = ['workclass', 'marital-status', 'occupation', 'relationship', 'race', 'sex', 'native-country'];
const groups = ['sex', 'race', 'workclass', 'occupation', 'native-country'];
const logarithmic: ReadonlySet<string> = new Set(['capital-gain', 'capital-loss']);

/**
 * @param train - the lines of adult.data: 15 cells parted by `, `, without a header
 * @param test - those of adult.test, whose labels end with a dot and whose first line is a remark
 * @throws FederatedError BAD_FILE
 */
export function parseAdult(train: string, test: string): Table {
  const first = toRows(train, 'adult.data');
  const cells = [...first, ...toRows(test, 'adult.test')];
  const column = (question: string): string[] => {
    const place = questions.indexOf(question);
    return cells.map((row) => row[place]!);
  };
  const measured = (name: string): Column => ({
    name,
    numbers: column(name).map((cell) => (logarithmic.has(name) ? Math.log1p(toNumber(cell)) : toNumber(cell))),
  });
  const kind = (name: string): Column => ({ name, categories: column(name).map((cell) => (cell === '?' ? '' : cell)) });
  const rowsFrom = (from: number, to: number): Uint32Array =>
    Uint32Array.from({ length: to - from }, (_, i) => from + i);
  const grouped = groups.map((name) => [name, column(name).map((cell) => (cell === '?' ? 'unknown' : cell))] as const);
  return {
    name: 'adult',
    columns: [...numeric.map(measured), ...kinds.map(kind)],
    labels: Int32Array.from(column('income'), (cell) => (cell.startsWith('>') ? 1 : 0)),
    classes: 2,
    rows: { train: rowsFrom(0, first.length), test: rowsFrom(first.length, cells.length) },
    groups: Object.fromEntries(grouped),
  };
}

function toRows(text: string, name: string): string[][] {
  const rows = linesOf(text)
    .filter((line) => !line.startsWith('|'))
    .map((line) => line.split(', '));
  const short = rows.findIndex((row) => row.length !== questions.length);
  if (short >= 0) throw badFile(name, `row ${short + 1} has ${rows[short]!.length} cells, not ${questions.length}`);
  return rows;
}

const { text, ...found } = setFiles('adult', 'adult', {
  'adult.data.gz': 'fb9b6b419c38dd70d75d31f014b7f0905bf76e9625473c593455e31679a93184',
  'adult.test.gz': '5dd8e51005f6a86e42f058d66a957721196362cf8e8dde3efc8508532af4a083',
});

export const adult: DataSet = {
  name: 'adult',
  title: 'Income above 50,000 dollars from 14 answers of a census',
  examples: { train: 32_561, test: 16_281 },
  clients: null,
  groups,
  licence: 'CC BY 4.0',
  source: 'B. Becker, R. Kohavi, Adult, UCI Machine Learning Repository, 1996, doi 10.24432/C5XW20',
  files: found.files,
  locate: found.locate,
  advice: found.advice,
  read: async (split) => tableSource(parseAdult(await text('adult.data.gz'), await text('adult.test.gz')), split),
};

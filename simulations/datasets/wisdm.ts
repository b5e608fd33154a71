import { toNumber } from './columns.ts';
import { badFile } from './file.ts';
import { linesOf, setFiles, type DataSet } from './set-files.ts';
import { tableSource, type Table } from './table.ts';

/**
 * WISDM: what a person does, from ten seconds of the accelerometer of the phone in the pocket; each person is a client. 43
 * features, standardised by the training rows; a missing one (`?`, the time between peaks where there are none) becomes the
 * mean. Rows of one person follow one another in time and look alike, so the split is by person: those whose number is a
 * multiple of five are for tests.
 */
export const activities = ['Downstairs', 'Jogging', 'Sitting', 'Standing', 'Upstairs', 'Walking'] as const;

/**
 * @param text - lines `UNIQUE_ID,user,<43 features>,class` below a header
 * @throws FederatedError BAD_FILE
 */
export function parseWisdm(text: string, name: string): Table {
  const [header = '', ...lines] = linesOf(text);
  const names = header.split(',');
  const cells = lines.map((line) => line.split(','));
  if (cells.some((row) => row.length !== names.length)) throw badFile(name, 'a line is shorter than the header');
  const labels = Int32Array.from(cells, (row) => activities.indexOf(row.at(-1) as (typeof activities)[number]));
  const unknown = labels.indexOf(-1);
  if (unknown >= 0) throw badFile(name, `row ${unknown + 1}: no activity ${JSON.stringify(cells[unknown]!.at(-1))}`);
  const users = cells.map((row) => row[1]!);
  const all = Array.from(users.keys());
  const isTest = (row: number): boolean => Number(users[row]) % 5 === 0;
  return {
    name: 'wisdm',
    columns: names.slice(2, -1).map((each, i) => ({
      name: each,
      numbers: Float64Array.from(cells, (row) => toNumber(row[i + 2]!)),
    })),
    labels,
    classes: activities.length,
    rows: {
      train: Uint32Array.from(all.filter((row) => !isTest(row))),
      test: Uint32Array.from(all.filter(isTest)),
    },
    clients: users,
  };
}

const file = 'WISDM_ar_v1.1_transformed.csv.gz';
const { text, ...found } = setFiles('wisdm', 'wisdm', {
  [file]: '6d045f0166d6086d735901463f1056c62a4bc863cdf7d902d3bd60f3fc28b1d3',
});

export const wisdm: DataSet = {
  name: 'wisdm',
  title: 'Six activities from the accelerometer of a phone',
  examples: { train: 4_377, test: 1_041 },
  clients: { what: 'people', train: 29, test: 7 },
  groups: [],
  licence: 'free to use with its readme; no formal licence',
  source:
    'J. R. Kwapisz, G. M. Weiss, S. A. Moore, Activity Recognition using Cell Phone Accelerometers, SensorKDD 2010',
  files: found.files,
  locate: found.locate,
  advice: found.advice,
  read: async (split) => tableSource(parseWisdm(await text(file), file), split),
};

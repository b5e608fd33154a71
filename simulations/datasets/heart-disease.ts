import { splitFifth, toNumber, type Column } from './columns.ts';
import { badFile } from './file.ts';
import { linesOf, setFiles, type DataSet } from './set-files.ts';
import { tableSource, type Table } from './table.ts';

/**
 * Heart disease in four hospitals, each a client (as in FLamby). Classes: 0 no disease (num = 0), 1 disease (num 1 to 4).
 * 22 features: numbers standardised by the training rows of all hospitals, kinds one by one. Missing values: a number
 * becomes the mean, a kind none of its kinds. A cholesterol or blood pressure of 0 was not measured: it counts as missing.
 * A fifth of each hospital's rows (rounded up), drawn by a fixed seed, is for tests.
 */
const numeric = ['age', 'sex', 'trestbps', 'chol', 'fbs', 'thalach', 'exang', 'oldpeak', 'ca'];
const kinds = ['cp', 'restecg', 'slope', 'thal'];
const zeroIsMissing: ReadonlySet<string> = new Set(['trestbps', 'chol']);

/**
 * @param text - lines `hospital,<13 features>,num` below a header; an empty cell is a missing value
 * @throws FederatedError BAD_FILE
 */
export function parseHeartDisease(text: string, name: string): Table {
  const [header = '', ...lines] = linesOf(text);
  const columns = header.split(',');
  const cells = lines.map((line) => line.split(','));
  if (cells.some((row) => row.length !== columns.length)) throw badFile(name, 'a line is shorter than the header');
  const column = (wanted: string): string[] => {
    const place = columns.indexOf(wanted);
    if (place < 0) throw badFile(name, `has no column "${wanted}"`);
    return cells.map((row) => row[place]!);
  };
  const measured = (wanted: string): Column => ({
    name: wanted,
    numbers: column(wanted).map((cell) => {
      const value = toNumber(cell);
      return value === 0 && zeroIsMissing.has(wanted) ? Number.NaN : value;
    }),
  });
  // Some hospitals write 3 and others 3.0.
  const kind = (wanted: string): Column => ({
    name: wanted,
    categories: column(wanted).map((cell) => (cell === '' ? '' : String(Number(cell)))),
  });
  const hospitals = column('hospital');
  return {
    name: 'heart-disease',
    columns: [...numeric.map(measured), ...kinds.map(kind)],
    labels: Int32Array.from(column('num'), (cell) => (Number(cell) > 0 ? 1 : 0)),
    classes: 2,
    rows: splitFifth('heart-disease', hospitals),
    clients: hospitals,
    groups: { sex: column('sex').map((cell) => (Number(cell) === 1 ? 'male' : 'female')) },
  };
}

const file = 'heart-disease.csv.gz';
const { text, ...found } = setFiles('heart-disease', 'heart-disease', {
  [file]: '4d668452fa37211dc32c75d57a9d7fb2b3de872d25d7112971bb461123d19798',
});

export const heartDisease: DataSet = {
  name: 'heart-disease',
  title: 'Heart disease from 13 findings, four hospitals',
  examples: { train: 735, test: 185 },
  clients: { what: 'hospitals', train: 4, test: 4 },
  groups: ['sex'],
  licence: 'CC BY 4.0',
  source:
    'A. Janosi, W. Steinbrunn, M. Pfisterer, R. Detrano, Heart Disease, UCI Machine Learning Repository, ' +
    'doi 10.24432/C52P4X',
  files: found.files,
  locate: found.locate,
  advice: found.advice,
  read: async (split) => tableSource(parseHeartDisease(await text(file), file), split),
};

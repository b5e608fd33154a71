import Papa from 'papaparse';
import { missingCells } from './columns.ts';
import { badFile } from './file.ts';
import { groupBy } from './groups.ts';
import type { LoadedData } from './loaded.ts';

export interface CsvOptions {
  /** Column of the labels: class numbers or names. Exclusive with `target`. */
  readonly label?: string;
  /** The names of all classes in the order of their numbers; default: those in the file, in order of the alphabet. */
  readonly classes?: readonly string[];
  /** Column of a real number to predict. */
  readonly target?: string;
  /** Column that says whose each line is: any text. It is no feature. */
  readonly client?: string;
  /** What to do with a line that has an empty cell, `?`, `NA` or `NaN`. Default `refuse`. */
  readonly missing?: 'refuse' | 'drop';
}

/**
 * Examples from CSV text with a header line: every column but those of the
 * label and of the client is a feature and must be numeric. Labels that are whole
 * numbers from 0 on stay as they are; names are numbered as `classes` says, else in order of the alphabet.
 * @param name - for messages
 * @throws FederatedError BAD_FILE naming line and column
 * @see RFC 4180
 */
export function parseCsv(
  text: string,
  name: string,
  { label, classes: named, target, client, missing = 'refuse' }: CsvOptions,
): LoadedData {
  const { data: rows, errors } = Papa.parse<string[]>(text, { delimiter: ',' });
  const problem = errors[0];
  if (problem !== undefined) throw badFile(name, `line ${(problem.row ?? 0) + 1}: ${problem.message}`);
  const [header = [], ...lines] = rows;
  const columns = header.map((cell) => cell.trim());
  if (columns.every((column) => column === '')) throw badFile(name, 'is empty');
  const twice = columns.find((column, i) => columns.indexOf(column) < i);
  if (twice !== undefined) throw badFile(name, `has two columns named "${twice}"; rename one`);
  const place = (wanted: string): number => {
    const found = columns.indexOf(wanted);
    if (found >= 0) return found;
    throw badFile(name, `has no column "${wanted}"; columns are ${columns.join(', ').slice(0, 200)}`);
  };
  const wanted = target ?? label;
  if (wanted === undefined) throw badFile(name, 'say which column holds the label (?label=NAME)');
  const labelColumn = place(wanted);
  const clientColumn = client === undefined ? -1 : place(client);
  const width = columns.filter((_, column) => column !== labelColumn && column !== clientColumn).length;
  if (width < 1) throw badFile(name, 'has no column of features beside the label');

  const features: number[] = [];
  const labels: string[] = [];
  const clients: string[] = [];
  for (const [index, line] of lines.entries()) {
    if (line.length === 1 && line[0]!.trim() === '') continue; // an empty line, as at the end
    const lineNumber = index + 2; // from 1, after the header
    if (line.length !== columns.length) {
      throw badFile(name, `line ${lineNumber} has ${line.length} cells, the header has ${columns.length}`);
    }
    const gap = line.findIndex((cell) => missingCells.has(cell.trim()));
    if (gap >= 0) {
      if (missing === 'drop') continue;
      throw badFile(
        name,
        `line ${lineNumber}, column "${columns[gap]}": the value is missing (missing=drop leaves such lines out)`,
      );
    }
    for (const [column, cell] of line.entries()) {
      if (column === clientColumn) clients.push(cell.trim());
      if (column === labelColumn) labels.push(cell.trim());
      else if (column !== clientColumn) features.push(toNumber(cell, name, lineNumber, columns[column]!));
    }
    if (target !== undefined) toNumber(line[labelColumn]!, name, lineNumber, target);
  }
  const count = labels.length;
  if (count === 0) throw badFile(name, 'has no line of data after its header');
  const numbered =
    target === undefined ? numberLabels(labels, named, name) : { ys: Float32Array.from(labels, Number), classes: null };
  return {
    name,
    xs: Float32Array.from(features),
    count,
    features: [width],
    ...numbered,
    ...(client === undefined ? {} : { clients: groupBy(clients) }),
  };
}

/** As people write numbers: no hexadecimal ones, which would be a class or a key in disguise. */
const decimal = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

function toNumber(cell: string, name: string, line: number, column: string): number {
  const text = cell.trim();
  if (decimal.test(text) && Number.isFinite(Math.fround(Number(text)))) return Number(text);
  const what = decimal.test(text) ? 'a number up to 3.4e38' : 'a number';
  throw badFile(name, `line ${line}, column "${column}": expected ${what}, got ${JSON.stringify(cell.slice(0, 40))}`);
}

function numberLabels(
  labels: readonly string[],
  named: readonly string[] | undefined,
  name: string,
): Pick<LoadedData, 'classes' | 'classNames'> & { ys: Int32Array } {
  if (named !== undefined) {
    const numbers = new Map(named.map((label, number) => [label, number]));
    const ys = Int32Array.from(labels, (label) => {
      const number = numbers.get(label);
      if (number !== undefined) return number;
      throw badFile(name, `has the label ${JSON.stringify(label.slice(0, 40))}, and classes names ${named.join(', ')}`);
    });
    return { ys, classes: named.length };
  }
  if (labels.every((label) => /^\d{1,6}$/.test(label))) {
    const ys = Int32Array.from(labels, Number);
    return { ys, classes: ys.reduce((most, label) => Math.max(most, label), 0) + 1 };
  }
  const classNames = [...new Set(labels)].toSorted();
  const numbers = new Map(classNames.map((label, number) => [label, number]));
  return { ys: Int32Array.from(labels, (label) => numbers.get(label)!), classes: classNames.length, classNames };
}

import { styleText } from 'node:util';
import { asFederatedError, FederatedError } from '../shared/errors.ts';

/** Results go to stdout, everything for human eyes to stderr. With `--json` stdout holds exactly one JSON object. */

const colour = process.stderr.isTTY && process.env['NO_COLOR'] === undefined;
export const dim = (text: string): string => (colour ? styleText('dim', text) : text);
export const bold = (text: string): string => (colour ? styleText('bold', text) : text);
export const red = (text: string): string => (colour ? styleText('red', text) : text);

/** A line for people. */
export const say = (line = ''): void => void process.stderr.write(`${line}\n`);

/** The one JSON object of a command. */
export const printJson = (value: unknown): void => void process.stdout.write(`${JSON.stringify(value)}\n`);

/** Columns padded to their widest cell, on stdout. */
export function printTable(rows: readonly (readonly string[])[]): void {
  const widths: number[] = [];
  for (const row of rows) for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  for (const row of rows)
    process.stdout.write(
      `${row
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join('  ')
        .trimEnd()}\n`,
    );
}

const usageCodes: readonly string[] = ['BAD_ARGUMENT', 'BAD_CONFIG', 'BAD_LINK'];
/** What is wrong with names, files and settings that were given; the same codes may come from a run that has begun. */
const inputCodes: readonly string[] = ['NOT_FOUND', 'BAD_FILE', 'BAD_TASK', 'BAD_DATA', 'BAD_MODEL'];
const inputErrors = new WeakSet<FederatedError>();
/** Exit code 2 for bad usage, 1 for everything else. */
export const exitCodeOf = (error: FederatedError): number =>
  usageCodes.includes(error.code) || inputErrors.has(error) ? 2 : 1;

/** Looks at what a command was given, before it does anything: what is wrong there is bad usage. */
export async function input<T>(look: () => Promise<T> | T): Promise<T> {
  try {
    return await look();
  } catch (thrown) {
    throw asInputError(thrown);
  }
}

export function asInputError(thrown: unknown): unknown {
  if (thrown instanceof FederatedError && inputCodes.includes(thrown.code)) inputErrors.add(thrown);
  return thrown;
}

/** Runs a command's action: an error becomes one sentence (and one JSON object with `--json`) and an exit code. */
export async function runAction(json: boolean, action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (thrown) {
    const error = asFederatedError(thrown);
    if (json) printJson({ error: { code: error.code, message: error.message } });
    say(red(`fedloom: ${error.message} [${error.code}]`));
    if (process.env['FEDLOOM_DEBUG'] !== undefined) say((thrown as Error).stack ?? '');
    process.exitCode = exitCodeOf(error);
  }
}

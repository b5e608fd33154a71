import { FederatedError } from '../../shared/errors.ts';

export interface JsonLines {
  /** The objects, each with the number of its line from 1. */
  readonly lines: readonly { readonly number: number; readonly value: Readonly<Record<string, unknown>> }[];
  /** What was left out, in a sentence. */
  readonly notes: readonly string[];
}

/**
 * A file with one JSON object a line. Its last line may be torn, as a killed process leaves it: without its line end and
 * not whole, it is left out, and a note says so. Any other broken line is refused.
 * @param file - its name, for errors
 * @throws FederatedError BAD_FILE naming file and line
 */
export function parseJsonLines(file: string, content: Uint8Array): JsonLines {
  const end = content.lastIndexOf(0x0a) + 1;
  const whole = decode(file, content.subarray(0, end)).split('\n');
  const lines: { number: number; value: Readonly<Record<string, unknown>> }[] = [];
  for (const [i, line] of whole.entries()) {
    if (line.trim() === '') continue;
    const value = objectOf(line);
    if (value !== null) lines.push({ number: i + 1, value });
    else {
      const message = `${file}, line ${i + 1}: expected a JSON object, got ${JSON.stringify(line.slice(0, 60))}; repair or remove the line`;
      throw new FederatedError('BAD_FILE', message);
    }
  }
  const notes: string[] = [];
  const rest = new TextDecoder().decode(content.subarray(end)); // may end within a character
  if (rest.trim() !== '') {
    const value = objectOf(rest);
    if (value !== null) lines.push({ number: whole.length, value });
    else notes.push(`The last line of ${file} is torn, as a killed process leaves it, and was left out.`);
  }
  return { lines, notes };
}

function decode(file: string, content: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(content);
  } catch (cause) {
    throw new FederatedError('BAD_FILE', `${file}: expected UTF-8 text`, { cause });
  }
}

function objectOf(line: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : null;
  } catch {
    return null;
  }
}

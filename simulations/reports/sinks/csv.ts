import { tagsOf, type RunRecord } from '../run-record.ts';

/** A line a round (abandoned attempts included), a column a tag; what was not measured is empty (RFC 4180). */
export function csv(run: RunRecord): string {
  const tags = tagsOf(run);
  const rows = run.rounds.map(({ round, result, values }) => [
    String(round),
    result,
    ...tags.map((tag) => (values[tag] === undefined ? '' : String(values[tag]))),
  ]);
  return [['round', 'result', ...tags], ...rows].map((row) => `${row.map(quoted).join(',')}\n`).join('');
}

const quoted = (cell: string): string => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);

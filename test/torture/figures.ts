import { parseArgs } from 'node:util';

export interface Outcome {
  /** A line each. */
  readonly figures: readonly string[];
  readonly failed: number;
}

/** The end of a torture part that is run as a program: `--count` and `--seed`, its figures on stdout, exit code 1 when it failed. */
export async function report(
  part: (options: { count: number; seed: number; say: (line: string) => void }) => Promise<Outcome>,
  defaults: { readonly count: number },
): Promise<void> {
  const { values } = parseArgs({ options: { count: { type: 'string' }, seed: { type: 'string' } } });
  const { count = defaults.count, seed = 1 } = values;
  const { figures, failed } = await part({
    count: Number(count),
    seed: Number(seed),
    say: (line) => console.log(line),
  });
  for (const figure of figures) console.log(figure);
  process.exit(failed === 0 ? 0 : 1);
}

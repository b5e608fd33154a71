import { parseArgs } from 'node:util';

export interface Outcome {
  /** A line each. */
  readonly figures: readonly string[];
  readonly failed: number;
}

/** What a part of the torture suite is asked for. */
export interface TortureOptions {
  /** How many of what it does. */
  readonly count: number;
  readonly seed: number;
  /** Is told of each broken rule as it is found. */
  readonly say?: (line: string) => void;
  /** Whether nothing more is to be begun. */
  readonly isOver?: () => boolean;
}

/**
 * The end of a torture part that is run as a program: `--count`, `--seed` and `--budget` (seconds), its figures on stdout, exit
 * code 1 when it failed.
 */
export async function report(
  part: (options: TortureOptions) => Promise<Outcome>,
  defaults: { readonly count: number },
): Promise<void> {
  const { values } = parseArgs({
    options: { count: { type: 'string' }, seed: { type: 'string' }, budget: { type: 'string', default: '3600' } },
  });
  const { count = defaults.count, seed = 1 } = values;
  const until = performance.now() + 1_000 * Number(values.budget);
  const { figures, failed } = await part({
    count: Number(count),
    seed: Number(seed),
    say: (line) => console.log(line),
    isOver: () => performance.now() >= until,
  });
  for (const figure of figures) console.log(figure);
  process.exit(failed === 0 ? 0 : 1);
}

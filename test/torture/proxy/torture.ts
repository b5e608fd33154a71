import type { Outcome, TortureOptions } from '../figures.ts';
import { faults } from './faults.ts';
import { trial, type Verdict } from './trial.ts';

/** So many trials at once: most of the time of a trial is waiting. */
const atOnce = 24;

/** Every kind of fault with `count` seeds each. */
export async function torture({ count, seed, say = () => {}, isOver = () => false }: TortureOptions): Promise<Outcome> {
  const kinds = Object.keys(faults);
  // Seed by seed, so that a time that is over leaves no kind without its part.
  const todo = Array.from({ length: count }, (_, i) => kinds.map((kind) => ({ kind, seed: seed + i }))).flat();
  const asked = todo.length;
  const verdicts = new Map<string, Verdict[]>(kinds.map((kind) => [kind, []]));
  let failed = 0;
  const start = performance.now();
  const worker = async (): Promise<void> => {
    for (let next = todo.shift(); next !== undefined && !isOver(); next = todo.shift()) {
      const verdict = await trial(next.kind, next.seed);
      verdicts.get(next.kind)!.push(verdict);
      if (verdict.broken === null) continue;
      failed++;
      say(`BROKEN: ${next.kind}, seed ${next.seed}: ${verdict.broken}`);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  const figures = [...verdicts].map(([kind, list]) => {
    const ends = [...new Set(list.map(({ end }) => end))].map(
      (end) => `${list.filter((each) => each.end === end).length} ${end}`,
    );
    const counted = list.reduce((sum, each) => sum + each.counted, 0);
    const again = Math.max(0, ...list.map((each) => each.again));
    return `${kind}: ${ends.join(', ')}; counted in ${counted} of ${3 * list.length} rounds; at most ${again} bytes again`;
  });
  const seconds = ((performance.now() - start) / 1_000).toFixed(0);
  const done = [...verdicts.values()].reduce((sum, list) => sum + list.length, 0);
  figures.push(
    `${done} runs under ${kinds.length} kinds of faults on real sockets${done < asked ? ` of ${asked}, then the time was over` : ''}, ` +
      `in ${seconds} s: ${failed} broke a rule`,
  );
  return { figures, failed };
}

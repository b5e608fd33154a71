import { getHeapStatistics } from 'node:v8';
import { FederatedError } from '../../../shared/errors.ts';
import { seeded } from '../../../shared/random.ts';
import { mutate } from './mutate.ts';
import type { Target } from './target.ts';

/** No input may keep the process from other work for longer, ms. */
export const maxBlockMs = 50;
/** Allocations that are not the input's: an error with its stack, messages, closures, bytes. */
export const slackBytes = 192 * 1024;
/** An input that seems too slow or too hungry is read again so many times, and the best counts: the machine may be busy. */
const again = 10;

export interface Failure {
  readonly target: string;
  readonly why: string;
  /** base64 */
  readonly input: string;
}

export interface Campaign {
  readonly inputs: number;
  readonly accepted: number;
  readonly refused: Readonly<Record<string, number>>;
  readonly worstMs: number;
  /** Most that one input has allocated beyond twice what it may declare, bytes; negative: so far below. */
  readonly worstExcess: number;
  /** Inputs by the first words that they made the reader say. */
  readonly found: ReadonlyMap<string, Uint8Array>;
  readonly failures: readonly Failure[];
}

/** Names in quotes, numbers and the like do not make a refusal a new kind of refusal. */
const kindOf = (error: FederatedError): string =>
  `${error.code} ${error.message.replaceAll(/"(?:[^"\\]|\\.)*"?/g, '"').replaceAll(/-?\d[\d.e+-]*/g, '#')}`.slice(
    0,
    90,
  );

const allocated = (): number => {
  const { used_heap_size, external_memory } = getHeapStatistics();
  return used_heap_size + external_memory;
};

interface Reading {
  readonly error: unknown;
  readonly kind: string;
  readonly ms: number;
  readonly bytes: number;
}

/** One input. Only what happens before the reader waits for something is timed: after that others have their turn. */
async function readOnce(target: Target, input: Uint8Array): Promise<Reading> {
  const before = allocated();
  const start = performance.now();
  let error: unknown = null;
  let kind = '';
  let ms = 0;
  let bytes = 0;
  try {
    const answer = target.read(input);
    ms = performance.now() - start;
    bytes = allocated() - before;
    kind = typeof answer === 'string' ? answer : await answer;
  } catch (thrown) {
    if (ms === 0) {
      ms = performance.now() - start;
      bytes = allocated() - before;
    }
    error = thrown;
  }
  return { error, kind, ms, bytes };
}

/** Feeds `count` inputs to a target; the same ones for the same seed. @param kept - the corpus of before */
export async function campaign(
  target: Target,
  { count, seed, kept = [] }: { count: number; seed: number | string; kept?: readonly Uint8Array[] },
): Promise<Campaign> {
  const random = seeded('fuzz', target.name, seed);
  const corpus = [...target.seeds, ...kept];
  const known = new Set<string>();
  const found = new Map<string, Uint8Array>();
  const failures: Failure[] = [];
  const refused: Record<string, number> = {};
  let accepted = 0;
  let worstMs = 0;
  let worstExcess = -Infinity;
  const fail = (why: string, input: Uint8Array): void => {
    failures.push({ target: target.name, why, input: Buffer.from(input).toString('base64') });
  };
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0; // half of the time would go there
  try {
    for (let i = 0; i < count && failures.length < 5; i++) {
      // First the corpus itself, so that what was once found stays found.
      const input =
        corpus.length > i && i < target.seeds.length + kept.length ? corpus[i]! : mutate(random, corpus, target.shape);
      const { error, kind, ms, bytes } = await readOnce(target, input);
      let spent = ms;
      let excess = bytes - 2 * target.allowed(input.length) - slackBytes;
      for (let times = 0; times < again && (spent > maxBlockMs || excess > 0); times++) {
        const next = await readOnce(target, input);
        spent = Math.min(spent, next.ms);
        excess = Math.min(excess, next.bytes - 2 * target.allowed(input.length) - slackBytes);
      }
      worstMs = Math.max(worstMs, spent);
      worstExcess = Math.max(worstExcess, excess);
      if (spent > maxBlockMs) fail(`blocks for ${spent.toFixed(0)} ms`, input);
      if (excess > 0) fail(`allocates ${excess} bytes more than twice what it may declare`, input);
      let signal = kind;
      if (error === null) accepted++;
      else if (error instanceof FederatedError && target.codes.includes(error.code)) {
        refused[error.code] = (refused[error.code] ?? 0) + 1;
        signal = kindOf(error);
      } else fail(`gives ${error instanceof Error ? error.toString() : typeof error}`, input);
      if (known.has(signal) || known.size > 2_000) continue;
      known.add(signal);
      if (i < target.seeds.length + kept.length) continue;
      found.set(signal, input);
      if (input.length <= 64 * 1024) corpus.push(input);
    }
  } finally {
    Error.stackTraceLimit = limit;
  }
  const inputs = accepted + Object.values(refused).reduce((sum, each) => sum + each, 0);
  return { inputs, accepted, refused, worstMs, worstExcess, found, failures };
}

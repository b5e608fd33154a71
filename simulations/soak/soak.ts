import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BenchProcess } from '../bench/process.ts';
import type { SoakServerMessage } from './server-process.ts';
import { slopeOf, verdictOf, type Slope } from './slope.ts';
import type { SoakCounts, SoakTrafficMessage } from './traffic-process.ts';

/**
 * A server under everything at once for a long time: clients that join, train and leave, plain and secure rounds, event
 * streams, an operator's page, cuts, floods and half handshakes. Memory must not grow, and in the end nothing may be left.
 */

export interface SoakOptions {
  readonly minutes: number;
  /** Clients that are always there; as many again come and go. */
  readonly clients?: number;
  readonly seed?: number;
  /** ms between two measurements, and between two lines */
  readonly sampleEvery?: number;
  readonly lineEvery?: number;
  readonly onLine?: (line: string) => void;
}

export type SoakSample = Extract<SoakServerMessage, { type: 'measured' }>;

export interface SoakResult {
  readonly rounds: number;
  readonly parts: number;
  readonly faults: Readonly<Record<string, number>>;
  /** MB an hour after the warm-up */
  readonly held: Slope;
  readonly rss: Slope;
  /** Of what the server holds, against `maxSlope`. */
  readonly verdict: 'passed' | 'failed' | 'undecided';
  /** What the server still had when all had gone, and had not before they came. */
  readonly left: readonly string[];
  /** Errors that clients of good faith have seen. */
  readonly problems: readonly string[];
}

/** MB an hour */
export const maxSlope = 1;
/** Part of the time that does not count. */
const warmUp = 1 / 3;

export async function soak(options: SoakOptions): Promise<SoakResult> {
  const { minutes, clients = 8, seed = 1, sampleEvery = 5_000, lineEvery = 60_000, onLine = () => {} } = options;
  const dataDir = await mkdtemp(join(tmpdir(), 'fedloom-soak-'));
  const server = new BenchProcess<SoakServerMessage>('../soak/server-process', ['--expose-gc']);
  const traffic = new BenchProcess<SoakTrafficMessage>('../soak/traffic-process');
  try {
    // A second chance to come back that is over soon, and a hello that has to come soon.
    server.send({ dataDir, limits: { helloTimeout: 1_000, rejoinGrace: 300 } });
    const ready = await server.next('ready');
    const measure = async (how: 'measure' | 'census' = 'measure'): Promise<SoakSample> => {
      server.send(how);
      return server.next('measured');
    };
    const counted = async (): Promise<SoakCounts> => {
      traffic.send({ type: 'count' });
      return traffic.next('counts');
    };
    const before = await measure('census');
    const { joinLink, url, adminToken } = ready;
    traffic.send({ type: 'start', joinLink, url, adminToken, clients, seed });
    const start = performance.now();
    const end = start + 60_000 * minutes;
    const samples: { hours: number; sample: SoakSample }[] = [];
    let nextLine = start + lineEvery;
    while (performance.now() < end) {
      await pause(Math.min(sampleEvery, Math.max(0, end - performance.now())));
      const sample = await measure();
      const now = performance.now();
      samples.push({ hours: (now - start) / 3_600_000, sample });
      if (now < nextLine) continue;
      nextLine += lineEvery;
      onLine(lineOf((now - start) / 60_000, sample, await counted()));
    }
    traffic.send({ type: 'stop' });
    await traffic.next('stopped');
    const { rounds, parts, faults, problems } = await counted();
    await traffic.stop(); // with it go the connections that its HTTP client keeps for later
    const settled = samples.filter(({ hours }) => hours >= (warmUp * minutes) / 60);
    const slope = (of: (sample: SoakSample) => number): Slope =>
      slopeOf(settled.map(({ hours, sample }) => [hours, of(sample) / 1e6] as const));
    const held = slope((sample) => sample.held);
    return {
      rounds,
      parts,
      faults,
      held,
      rss: slope(({ rss }) => rss),
      verdict: verdictOf(held, maxSlope),
      left: await leftOver(before, measure),
      problems,
    };
  } finally {
    await Promise.all([traffic.stop(), server.stop()]);
    await rm(dataDir, { recursive: true, force: true });
  }
}

/** Things that are there in the end and were not before, once everything has had the time to go. */
async function leftOver(
  before: SoakSample,
  measure: (how: 'census' | 'measure') => Promise<SoakSample>,
): Promise<string[]> {
  /** Held on purpose, up to a bound. */
  const kept = ['events', 'tickets', 'remembered', 'attempts'];
  /** One more may be under way: a timer that ends, an immediate, the finished run's last attempt. */
  const slack = 1;
  const differences = (after: SoakSample): string[] =>
    (['handles', 'sizes', 'objects'] as const).flatMap((group) =>
      Object.entries(after[group])
        .filter(([name, value]) => !kept.includes(name) && value > (before[group][name] ?? 0) + slack)
        .map(([name, value]) => `${group}: ${name} ${before[group][name] ?? 0} -> ${value}`),
    );
  let left: string[] = [];
  for (let attempt = 0; attempt < 40; attempt++) {
    let after = await measure('measure');
    left = differences(after);
    if (left.length === 0) left = differences((after = await measure('census')));
    if (after.processListeners > before.processListeners)
      left.push(`listeners on the process: ${after.processListeners}`);
    if (left.length === 0) return [];
    await pause(250);
  }
  return left;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function lineOf(minutes: number, { rss, held, handles, sizes }: SoakSample, { rounds, faults }: SoakCounts): string {
  const sum = (counts: Readonly<Record<string, number>>): number =>
    Object.values(counts).reduce((total, value) => total + value, 0);
  return [
    `${minutes.toFixed(1).padStart(6)} min`,
    `rss ${(rss / 1e6).toFixed(1)} MB`,
    `held ${(held / 1e6).toFixed(2)} MB`,
    `handles ${sum(handles)}`,
    `sessions ${sizes['sessions']}`,
    `rounds ${rounds}`,
    `faults ${sum(faults)}`,
  ].join('   ');
}

export const textOf = ({ slope, error }: Slope): string => `${slope.toFixed(2)} +- ${error.toFixed(2)} MB/h`;

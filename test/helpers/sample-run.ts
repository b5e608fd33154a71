import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { seeded } from '../../shared/random.ts';

/** A run folder with everything that can be in one: made up, and the same each time. */
export interface SampleOptions {
  readonly rounds?: number;
  readonly seed?: number;
  /** Where the accuracy ends, 0 to 1. */
  readonly top?: number;
  readonly clients?: number;
  readonly config?: Readonly<Record<string, unknown>>;
}

/** Lines of `metrics.jsonl` and `clients.jsonl`. */
export function sampleLines({ rounds = 30, seed = 1, top = 0.95, clients = 20 }: SampleOptions = {}): {
  metrics: Record<string, unknown>[];
  perClient: Record<string, unknown>[];
} {
  const random = seeded(seed, 'sample');
  const metrics: Record<string, unknown>[] = [];
  const perClient: Record<string, unknown>[] = [];
  for (let round = 1; round <= rounds; round++) {
    const accuracy = top * (1 - 0.6 * Math.exp(-round / 5)) + 0.01 * (random.float() - 0.5);
    const spread = 0.05 + 0.2 * Math.exp(-round / 8);
    const own = Array.from({ length: clients }, () => Math.min(1, accuracy + spread * (random.float() - 0.6)));
    const sorted = own.toSorted((a, b) => a - b);
    const at = (share: number): number => sorted[Math.round(share * (clients - 1))]!;
    if (round === 7) metrics.push({ round, attempt: 1, result: 'abandoned', reason: '2 of 10 reports', seconds: 30 });
    metrics.push({
      round,
      result: round % 9 === 0 ? 'short' : 'done',
      weights: String(round % 10).repeat(64),
      reports: round % 9 === 0 ? 7 : 10,
      seconds: 8 + 3 * random.float(),
      'train/loss': 2.3 * Math.exp(-round / 7) + 0.08,
      'eval/accuracy': accuracy,
      'eval/loss': round === 12 ? null : 2.2 * Math.exp(-round / 8) + 0.15,
      'fairness/p10': at(0.1),
      'fairness/p90': at(0.9),
      'fairness/worst10': at(0.05),
      'fairness/std': spread / 3.5,
      'bytes/up': 8e6 + 1e5 * random.float(),
      'bytes/down': 9e6,
      'privacy/epsilon': 0.9 * Math.sqrt(round),
      'drift/cosine': 0.9 - 0.01 * round,
    });
    for (const [i, value] of own.entries()) {
      perClient.push({
        round,
        client: `client-${i}`,
        accuracy: value,
        norm: (1 + random.float()) * Math.exp(-round / 20),
      });
    }
  }
  return { metrics, perClient };
}

export const sampleConfig = {
  task: { name: 'mnist-2nn', training: { localEpochs: 1, batchSize: 10, clientLearningRate: 0.1 } },
  strategy: { name: 'fedavg', serverLearningRate: 1 },
  partition: 'dirichlet:0.3',
  clients: 100,
  clientsPerRound: 10,
  rounds: 30,
  targetAccuracy: 0.9,
  privacy: { targetEpsilon: 8, delta: 1e-5 },
  secureAggregation: true,
  seed: 7,
};

const jsonl = (lines: readonly object[]): string => lines.map((line) => `${JSON.stringify(line)}\n`).join('');

/** Writes a run folder. @returns its path */
export async function sampleFolder(parent: string, name: string, options: SampleOptions = {}): Promise<string> {
  const folder = join(parent, name);
  const { metrics, perClient } = sampleLines(options);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'config.json'), JSON.stringify({ ...sampleConfig, ...options.config }));
  await writeFile(
    join(folder, 'env.json'),
    JSON.stringify({ fedloom: '0.1.0', node: 'v20.20.2', cpu: 'a CPU', cores: 2 }),
  );
  await writeFile(join(folder, 'metrics.jsonl'), jsonl(metrics));
  await writeFile(join(folder, 'clients.jsonl'), jsonl(perClient));
  return folder;
}

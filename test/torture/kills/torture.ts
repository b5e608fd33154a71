import type { StepName } from '../../../server/host.ts';
import { seeded, type Random } from '../../../shared/random.ts';
import { atOnce } from '../../helpers/at-once.ts';
import type { Outcome, TortureOptions } from '../figures.ts';
import { Lives, type Disturbances, type ServerKill } from './lives.ts';
import { faultsOf } from './story.ts';

export interface KillOptions extends TortureOptions {
  /** Runs at once. */
  readonly atOnce?: number;
}

const steps: readonly StepName[] = [
  'attempt-saved',
  'train-sent',
  'upload-begun',
  'report-received',
  'aggregated',
  'blob-durable',
  'round-committed',
  'clients-told',
  'evaluated',
];
const secureSteps: readonly StepName[] = [
  'attempt-saved',
  'train-sent',
  'adverts-closed',
  'shares-closed',
  'upload-begun',
  'report-received',
  'sum-masked',
  'consents-closed',
  'unmasked',
  'aggregated',
  'blob-durable',
  'round-committed',
  'clients-told',
  'evaluated',
];
/** Kills in one run, and so many rounds that the last of them still finds it at work. */
const killsPerRun = 8;
const rounds = 12;

const oneOf = <T>(random: Random, list: readonly T[]): T => list[random.below(list.length)]!;

/** What happens to one run: half of the kills at a step, half at any instant; every fourth run kills clients as well. */
function disturbancesOf(seed: number, index: number): Disturbances {
  const random = seeded('kills', seed, index);
  const secureAggregation = index % 2 === 1;
  const clients = index % 4 >= 2 ? killsPerRun / 2 : 0;
  const server = Array.from({ length: killsPerRun - clients }, (): ServerKill =>
    random.float() < 0.5
      ? { step: oneOf(random, secureAggregation ? secureSteps : steps), count: 1 + random.below(3) }
      : { afterMs: random.below(200) },
  );
  const client = Array.from({ length: clients }, () => ({
    client: 1 + random.below(3),
    afterMs: 60 + random.below(400),
  }));
  return { rounds, secureAggregation, server, trainingMs: 8, ...(clients === 0 ? {} : { client }) };
}

/** Kills server and client processes until so many are dead, and checks what their runs have become. */
export async function torture(options: KillOptions): Promise<Outcome> {
  const { count, seed, atOnce: limit = 4, say = () => {}, isOver = () => false } = options;
  const startedAt = performance.now();
  const lives = await Lives.open(limit);
  let killed = 0;
  let secure = 0;
  let commits = 0;
  let failed = 0;
  try {
    const undisturbed = await Promise.all(
      [false, true].map(async (secureAggregation) => {
        const { records } = await lives.run({ rounds, secureAggregation, server: [] });
        return records.map(({ weightsAfter }) => weightsAfter);
      }),
    );
    const tasks = Array.from({ length: Math.ceil(count / killsPerRun) }, (_, index) => async (): Promise<void> => {
      if (isOver()) return;
      const disturbances = disturbancesOf(seed, index);
      let faults: string[];
      try {
        const story = await lives.run(disturbances, 60_000);
        faults = faultsOf(story, undisturbed[disturbances.secureAggregation ? 1 : 0]!);
        commits += story.told.length;
      } catch (error) {
        faults = [(error as Error).message];
      }
      killed += killsPerRun;
      if (disturbances.secureAggregation) secure += killsPerRun;
      if (faults.length === 0) return;
      failed++;
      say(`kills: seed ${seed}, run ${index}: ${faults.join('; ')}\n  ${JSON.stringify(disturbances)}`);
    });
    await Promise.all(atOnce(limit, tasks));
  } finally {
    await lives.close();
  }
  const seconds = (performance.now() - startedAt) / 1000;
  return {
    figures: [
      `${killed} kills${killed < count ? ` of ${count}, then the time was over` : ''} (${secure} under secure aggregation), ${commits} words of a commit kept, ${failed} runs broken, ` +
        `${seconds.toFixed(0)} s`,
    ],
    failed,
  };
}

import { findBreak, type RoundRecord } from '../../../shared/round-log.ts';

/** What came of a run that was disturbed. */
export interface Story {
  readonly rounds: number;
  readonly clients: number;
  readonly records: readonly RoundRecord[];
  /** How often each client trained for each round, by `client/round`. */
  readonly trainings: ReadonlyMap<string, number>;
  /** What clients were told is committed. */
  readonly told: readonly { readonly round: number; readonly weights: string | undefined }[];
  /** The committed round after which each life of the server went on. */
  readonly resumedAt: readonly number[];
  /** How often a server and a client were killed. */
  readonly kills: { readonly server: number; readonly client: number };
}

/**
 * What is wrong with a story, in sentences: rounds lost, doubled or with another model than an undisturbed run's, a broken
 * chain, a client counted twice or trained again.
 * @param undisturbed - weights after each round, from the first; may be of a longer run
 */
export function faultsOf(story: Story, undisturbed: readonly string[]): string[] {
  const faults: string[] = [];
  const { records, rounds, clients, trainings, told, resumedAt, kills } = story;
  const committed = records.filter(({ result }) => result !== 'abandoned');
  const numbers = committed.map(({ round }) => round).join(' ');
  if (numbers !== Array.from({ length: rounds }, (_, i) => i + 1).join(' ')) {
    faults.push(`expected the rounds 1 to ${rounds}, each once; committed are ${numbers}`);
  }
  if (findBreak(records) !== -1) faults.push(`the chain breaks at record ${findBreak(records) + 1}`);
  // A client that dies may take its cohort's attempt with it; a server that dies may not.
  if (kills.client === 0 && committed.length < records.length) faults.push('an attempt was abandoned');
  for (const { round, weightsAfter, reports, cohort } of committed) {
    if (weightsAfter !== undisturbed[round - 1]) faults.push(`round ${round} has another model than undisturbed`);
    const counted = new Set(reports.map(({ client }) => client));
    if (counted.size !== reports.length) faults.push(`round ${round} counts a client twice`);
    if (counted.size !== clients) faults.push(`round ${round} counts ${counted.size} of ${cohort.length} clients`);
  }
  for (const { round, weights } of told) {
    if (committed.find((record) => record.round === round)?.weightsAfter !== weights) {
      faults.push(`clients were told of a round ${round} that the log does not hold`);
    }
  }
  for (let client = 1; client <= clients; client++) {
    for (let round = 1; round <= rounds; round++) {
      const times = trainings.get(`${client}/${round}`) ?? 0;
      if (times < 1) faults.push(`client ${client} did not train for round ${round}`);
      if (kills.client === 0 && times > 1) faults.push(`client ${client} trained ${times} times for round ${round}`);
    }
  }
  if (resumedAt.some((round, i) => round < (resumedAt[i - 1] ?? 0))) {
    faults.push(`the server went back: it resumed after the rounds ${resumedAt.join(', ')}`);
  }
  return faults;
}

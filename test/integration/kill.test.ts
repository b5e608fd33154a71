import { expect } from 'chai';
import type { StepName } from '../../server/host.ts';
import { atOnce } from '../helpers/at-once.ts';
import { Lives, type Disturbances } from '../torture/kills/lives.ts';
import { faultsOf, type Story } from '../torture/kills/story.ts';

const rounds = 5;
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
/** Those of secure aggregation, and two on which it bears. */
const secureSteps: readonly StepName[] = [
  'adverts-closed',
  'shares-closed',
  'report-received',
  'sum-masked',
  'consents-closed',
  'unmasked',
  'round-committed',
];
/** These come once a round and client, the others once a round: each life reaches its step for the first time or soon after. */
const perClient: readonly StepName[] = ['train-sent', 'upload-begun', 'report-received'];
const killsAt = (step: StepName): Disturbances['server'] =>
  (perClient.includes(step) ? [1, 2, 3, 1] : [1, 1, 1, 1]).map((count) => ({ step, count }));

describe('a server killed with SIGKILL', function () {
  this.timeout(60_000);
  const cases: readonly { readonly name: string; readonly run: Disturbances }[] = [
    ...[false, true].map((secureAggregation) => ({ name: '', run: { rounds, secureAggregation, server: [] } })),
    ...steps.map((step) => ({
      name: `four times at the step "${step}" of a plain round`,
      run: { rounds, secureAggregation: false, server: killsAt(step) },
    })),
    ...secureSteps.map((step) => ({
      name: `four times at the step "${step}" of a secure round`,
      run: { rounds, secureAggregation: true, server: killsAt(step) },
    })),
    {
      name: 'after 0, 40, 90 and 160 ms of its lives',
      run: {
        rounds,
        secureAggregation: false,
        trainingMs: 20,
        server: [0, 40, 90, 160].map((afterMs) => ({ afterMs })),
      },
    },
    {
      name: 'while clients are killed as well',
      run: {
        rounds,
        secureAggregation: false,
        trainingMs: 60,
        server: [{ step: 'round-committed', count: 2 }],
        client: [1, 2, 3].map((client) => ({ client, afterMs: 100 + 60 * client })),
      },
    },
  ];
  let lives: Lives;
  let stories: Promise<Story>[] = [];
  before(async () => {
    lives = await Lives.open(4);
    // What a case waits for is mostly a client's back-off, so several go at once.
    stories = atOnce(
      4,
      cases.map(
        ({ run }) =>
          () =>
            lives.run(run),
      ),
    );
    for (const story of stories) story.catch(() => {}); // its test says so
  });
  after(async () => {
    await Promise.allSettled(stories);
    await lives.close();
  });

  const weightsOf = async (secureAggregation: boolean): Promise<string[]> => {
    const story = await stories[secureAggregation ? 1 : 0]!;
    return story.records.map(({ weightsAfter }) => weightsAfter);
  };

  it('is compared with runs that nothing disturbed', async () => {
    for (const secure of [false, true]) {
      const story = await stories[secure ? 1 : 0]!;
      expect(faultsOf(story, await weightsOf(secure))).to.deep.equal([]);
      expect(new Set(await weightsOf(secure)).size).to.equal(rounds); // every round changes the model
    }
  });

  for (const [i, { name, run }] of cases.entries()) {
    if (name === '') continue;
    it(`${name} goes on there and ends with the same weights`, async () => {
      const story = await stories[i]!;
      expect(faultsOf(story, await weightsOf(run.secureAggregation))).to.deep.equal([]);
      // It says at which round it goes on, if it lives long enough to say anything.
      const last = run.server.at(-1)!;
      if ('step' in last) expect(story.resumedAt).to.have.length.within(1, run.server.length);
    });
  }
});

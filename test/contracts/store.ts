import { expect } from 'chai';
import { checkRunConfig } from '../../server/config.ts';
import type { Store, StoredRound, StoredRun } from '../../server/store/store.ts';
import { FederatedError, type ErrorCode } from '../../shared/errors.ts';
import { clientId, runId, sha256Id, type RunId, type Sha256 } from '../../shared/ids.ts';
import { findBreak, firstPrevious, sealRecord, type RoundRecord } from '../../shared/round-log.ts';
import type { RoundResult } from '../../shared/states.ts';

export const anna = clientId('a'.repeat(32));
export const bert = clientId('b'.repeat(32));
/** A hash that is told apart by one hex digit. */
export const hashOf = (digit: string): Sha256 => sha256Id(digit.repeat(64));

export const storedRun = (id: string, over: Partial<StoredRun> = {}): StoredRun => ({
  id: runId(id),
  config: checkRunConfig({
    task: {
      format: 'fedloom-task-1',
      name: 'digits',
      model: { input: [2], layers: [{ type: 'dense', units: 1 }], loss: 'mean-squared-error' },
      data: { features: [2], labels: { targets: 1 } },
      training: { localEpochs: 1, batchSize: 'full', clientLearningRate: 0.1, optimizer: 'sgd' },
    },
    seed: 7,
  }),
  task: hashOf('7'),
  state: 'created',
  round: 0,
  weights: hashOf('0'),
  strategyState: null,
  reason: null,
  createdAt: 1_700_000_000_123,
  ...over,
});

/** The record that follows `before` (or is the first). */
export const recordAfter = (
  run: RunId,
  before: RoundRecord | null,
  round: number,
  result: RoundResult = 'done',
): RoundRecord =>
  sealRecord({
    run,
    sequence: (before?.sequence ?? 0) + 1,
    round,
    attempt: 1,
    result,
    reason: result === 'abandoned' ? 'too few reports' : '',
    task: hashOf('7'),
    secureAggregation: false,
    weightsBefore: hashOf('0'),
    weightsAfter: hashOf(String(round % 10)),
    cohort: [anna, bert],
    reports: result === 'abandoned' ? [] : [{ client: anna, examples: 10 }],
    startedAt: 1_000,
    endedAt: 2_000,
    previous: before?.hash ?? firstPrevious,
  });

export const storedRound = (record: RoundRecord): StoredRound => ({
  record,
  evaluation: null,
  metrics: { seconds: 1.5 },
});

/** Expects a promise to fail with a FederatedError of this code. */
export async function refuses(promise: Promise<unknown>, code: ErrorCode): Promise<void> {
  const error = await promise.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).to.be.instanceOf(FederatedError);
  expect((error as FederatedError).code).to.equal(code);
}

/** What every Store does. `open` gives an empty one; the suite closes it. */
export function describeStore(name: string, open: () => Promise<Store>): void {
  describe(`${name} as a Store`, () => {
    const first = runId('first');
    let store: Store;
    beforeEach(async () => {
      store = await open();
    });
    afterEach(() => store.close());

    it('gives back a run as it was created', async () => {
      const run = storedRun('first', { reason: 'why', strategyState: hashOf('5') });
      await store.createRun(run);
      expect(await store.run(first)).to.deep.equal(run);
      await refuses(store.createRun(run), 'BAD_STATE');
    });

    it('lists runs oldest first, and those of one millisecond in order of creation', async () => {
      await store.createRun(storedRun('late', { createdAt: 3 }));
      await store.createRun(storedRun('twin-b', { createdAt: 2 }));
      await store.createRun(storedRun('twin-a', { createdAt: 2 }));
      await store.createRun(storedRun('early', { createdAt: 1 }));
      expect((await store.runs()).map(({ id }) => id)).to.deep.equal(['early', 'twin-b', 'twin-a', 'late']);
    });

    it('keeps the name of a run that was removed', async () => {
      await store.createRun(storedRun('first-1'));
      await store.createRun(storedRun('second-1'));
      await store.removeRun(runId('first-1'));
      expect([...(await store.takenNames())]).to.have.members(['first-1', 'second-1']);
      await store.createRun(storedRun('first-1'));
      await store.removeRun(runId('first-1'));
      expect([...(await store.takenNames())]).to.have.members(['first-1', 'second-1']);
    });

    it('remembers which models of a run were removed on purpose, until the run is removed', async () => {
      await store.createRun(storedRun('first'));
      await store.createRun(storedRun('second-1'));
      expect([...(await store.pruned(first))]).to.deep.equal([]);
      await store.markPruned(first, [hashOf('1'), hashOf('2')]);
      await store.markPruned(first, [hashOf('2'), hashOf('3')]);
      expect([...(await store.pruned(first))]).to.have.members([hashOf('1'), hashOf('2'), hashOf('3')]);
      expect([...(await store.pruned(runId('second-1')))]).to.deep.equal([]);
      await store.removeRun(first);
      expect([...(await store.pruned(first))]).to.deep.equal([]);
    });

    it('refuses what names a run that is not there', async () => {
      await refuses(store.markPruned(first, [hashOf('1')]), 'NOT_FOUND');
      await refuses(store.run(first), 'NOT_FOUND');
      await refuses(store.setRunState(first, 'running', null), 'NOT_FOUND');
      await refuses(store.removeRun(first), 'NOT_FOUND');
      await refuses(store.setEvaluation(first, 1, { loss: 1 }), 'NOT_FOUND');
      const after = { weights: hashOf('1'), strategyState: null };
      await refuses(store.commitRound(first, storedRound(recordAfter(first, null, 1)), after), 'NOT_FOUND');
      await refuses(store.saveAttempt({ run: first, round: 1, attempt: 1, cohort: [], wanted: 1 }), 'NOT_FOUND');
      expect(await store.attempt(first)).to.equal(null);
      expect(await store.rounds(first)).to.deep.equal([]);
    });

    it('changes the state and the reason of a run, and nothing else', async () => {
      await store.createRun(storedRun('first'));
      await store.setRunState(first, 'failed', 'the loss is not finite');
      expect(await store.run(first)).to.deep.equal(
        storedRun('first', { state: 'failed', reason: 'the loss is not finite' }),
      );
    });

    it('keeps the last attempt that was saved', async () => {
      await store.createRun(storedRun('first'));
      await store.saveAttempt({ run: first, round: 1, attempt: 1, cohort: [anna], wanted: 1 });
      const second = { run: first, round: 1, attempt: 2, cohort: [bert, anna], wanted: 2 };
      await store.saveAttempt(second);
      expect(await store.attempt(first)).to.deep.equal(second);
      const base = { round: 1, attempt: 2, weights: hashOf('3'), since: 5 };
      const third = { ...second, round: 3, bases: [[anna, base] as const] };
      await store.saveAttempt(third);
      expect(await store.attempt(first)).to.deep.equal(third);
    });

    it('keeps who goes on with its training after a round, as attempt 0 of the next, until one is saved', async () => {
      await store.createRun(storedRun(first));
      const bases = [[anna, { round: 1, attempt: 1, weights: hashOf('3'), since: 5 }] as const];
      const round = { record: recordAfter(first, null, 1), evaluation: null, metrics: {} };
      await store.commitRound(first, round, { weights: hashOf('1'), strategyState: null, bases });
      const zero = { run: first, round: 2, attempt: 0, cohort: [], wanted: 0, bases };
      expect(await store.attempt(first)).to.deep.equal(zero);
      expect(await store.run(first)).to.not.have.property('bases');
      const next = { run: first, round: 2, attempt: 1, cohort: [anna], wanted: 1 };
      await store.saveAttempt(next);
      expect(await store.attempt(first)).to.deep.equal(next);
    });

    it('keeps who brings an update once more after an abandoned attempt, for the next at the same round', async () => {
      await store.createRun(storedRun(first));
      const bases = [[anna, { round: 1, attempt: 1, weights: hashOf('3'), since: 5 }] as const];
      const record = recordAfter(first, null, 1, 'abandoned');
      const round = { record, evaluation: null, metrics: {} };
      await store.commitRound(first, round, { weights: hashOf('1'), strategyState: null, bases });
      const zero = { run: first, round: 1, attempt: 0, cohort: [], wanted: 0, bases };
      expect(await store.attempt(first)).to.deep.equal(zero);
    });

    it('commits a round: the log grows, the run moves on, the attempt is over', async () => {
      await store.createRun(storedRun('first'));
      await store.saveAttempt({ run: first, round: 1, attempt: 1, cohort: [anna], wanted: 1 });
      const round = storedRound(recordAfter(first, null, 1));
      await store.commitRound(first, round, { weights: hashOf('1'), strategyState: hashOf('2') });
      expect(await store.run(first)).to.deep.equal(
        storedRun('first', { round: 1, weights: hashOf('1'), strategyState: hashOf('2') }),
      );
      expect(await store.rounds(first)).to.deep.equal([round]);
      expect(await store.attempt(first)).to.equal(null);
    });

    it('leaves round and weights of the run when an attempt is abandoned', async () => {
      await store.createRun(storedRun('first'));
      const record = recordAfter(first, null, 1, 'abandoned');
      await store.commitRound(first, storedRound(record), { weights: hashOf('9'), strategyState: hashOf('9') });
      expect(await store.run(first)).to.deep.equal(storedRun('first'));
      expect(await store.rounds(first)).to.have.length(1);
    });

    it('commits no round twice, out of order, or under another run', async () => {
      await store.createRun(storedRun('first'));
      await store.createRun(storedRun('second'));
      const one = recordAfter(first, null, 1);
      const after = { weights: hashOf('1'), strategyState: null };
      await store.commitRound(first, storedRound(one), after);
      await refuses(store.commitRound(first, storedRound(one), after), 'BAD_STATE');
      const skipped = recordAfter(first, recordAfter(first, one, 2), 3);
      await refuses(store.commitRound(first, storedRound(skipped), after), 'BAD_STATE');
      const fork = sealRecord({ ...recordAfter(first, one, 2), previous: hashOf('f') });
      await refuses(store.commitRound(first, storedRound(fork), after), 'BAD_STATE');
      await refuses(store.commitRound(runId('second'), storedRound(one), after), 'BAD_STATE');
      expect((await store.rounds(first)).map(({ record }) => record)).to.deep.equal([one]);
      expect((await store.run(first)).round).to.equal(1);
    });

    it('gives the rounds after a sequence number, as a chain that holds', async () => {
      await store.createRun(storedRun('first'));
      let last: RoundRecord | null = null;
      for (const [round, result] of [
        [1, 'abandoned'],
        [1, 'done'],
        [2, 'short'],
      ] as const) {
        last = recordAfter(first, last, round, result);
        await store.commitRound(first, storedRound(last), { weights: hashOf('1'), strategyState: null });
      }
      const records = (await store.rounds(first)).map(({ record }) => record);
      expect(findBreak(records)).to.equal(-1);
      expect((await store.rounds(first, 1)).map(({ record }) => record.sequence)).to.deep.equal([2, 3]);
      expect(await store.rounds(first, 3)).to.deep.equal([]);
    });

    it('adds an evaluation to the round that counted, not to an abandoned attempt of it', async () => {
      await store.createRun(storedRun('first'));
      const abandoned = recordAfter(first, null, 1, 'abandoned');
      const done = recordAfter(first, abandoned, 1);
      for (const record of [abandoned, done]) {
        await store.commitRound(first, storedRound(record), { weights: hashOf('1'), strategyState: null });
      }
      await store.setEvaluation(first, 1, { loss: 2 });
      await store.setEvaluation(first, 1, { loss: 0.1, accuracy: 0.9 });
      const evaluations = (await store.rounds(first)).map(({ evaluation }) => evaluation);
      expect(evaluations).to.deep.equal([null, { loss: 0.1, accuracy: 0.9 }]);
      await refuses(store.setEvaluation(first, 2, { loss: 1 }), 'NOT_FOUND');
    });

    it('keeps an evaluation that comes with its round', async () => {
      await store.createRun(storedRun('first'));
      const round = { ...storedRound(recordAfter(first, null, 1)), evaluation: { loss: 0.5 } };
      await store.commitRound(first, round, { weights: hashOf('1'), strategyState: null });
      expect(await store.rounds(first)).to.deep.equal([round]);
    });

    it('gives the newest record, and the newest evaluation with its round', async () => {
      await store.createRun(storedRun('first'));
      expect(await store.newest(first)).to.deep.equal({ record: null, evaluated: null });
      let last: RoundRecord | null = null;
      for (const [round, result] of [
        [1, 'done'],
        [2, 'done'],
        [3, 'abandoned'],
      ] as const) {
        last = recordAfter(first, last, round, result);
        await store.commitRound(first, storedRound(last), { weights: hashOf('1'), strategyState: null });
      }
      expect(await store.newest(first)).to.deep.equal({ record: last, evaluated: null });
      await store.setEvaluation(first, 2, { loss: 0.25 });
      await store.setEvaluation(first, 1, { loss: 0.5 });
      expect(await store.newest(first)).to.deep.equal({
        record: last,
        evaluated: { round: 2, evaluation: { loss: 0.25 } },
      });
    });

    it('removes a run with its rounds and its attempt, and leaves the others', async () => {
      for (const id of ['first', 'second']) {
        const run = runId(id);
        await store.createRun(storedRun(id));
        await store.commitRound(run, storedRound(recordAfter(run, null, 1)), {
          weights: hashOf('1'),
          strategyState: null,
        });
        await store.setEvaluation(run, 1, { loss: 1 });
        await store.saveAttempt({ run, round: 2, attempt: 1, cohort: [anna], wanted: 1 });
      }
      await store.removeRun(first);
      await refuses(store.run(first), 'NOT_FOUND');
      expect(await store.rounds(first)).to.deep.equal([]);
      expect(await store.attempt(first)).to.equal(null);
      expect(await store.rounds(runId('second'))).to.have.length(1);
      await store.createRun(storedRun('first')); // the name is free again
      expect(await store.rounds(first)).to.deep.equal([]);
    });

    it('keeps the roster: adds, replaces, lists by id', async () => {
      const client = { publicKey: Uint8Array.of(1, 2, 3), label: 'bert', state: 'active', admittedAt: 5 } as const;
      expect(await store.client(bert)).to.equal(null);
      await store.saveClient({ id: bert, ...client });
      await store.saveClient({ id: anna, ...client });
      await store.saveClient({ id: bert, ...client, state: 'excluded' });
      expect(await store.client(bert)).to.deep.equal({ id: bert, ...client, state: 'excluded' });
      expect((await store.clients()).map(({ id, state }) => [id, state])).to.deep.equal([
        [anna, 'active'],
        [bert, 'excluded'],
      ]);
    });

    it('keeps what it was given when the caller changes it later', async () => {
      const cohort = [anna];
      await store.createRun(storedRun('first'));
      await store.saveAttempt({ run: first, round: 1, attempt: 1, cohort, wanted: 1 });
      cohort.push(bert);
      expect((await store.attempt(first))?.cohort).to.deep.equal([anna]);
    });
  });
}

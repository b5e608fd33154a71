import { expect } from 'chai';
import { checkRunConfig } from '../../../server/config.ts';
import { LineUp } from '../../../server/run/line-up.ts';
import type { StoredRun } from '../../../server/store/store.ts';
import { strategyOf } from '../../../server/strategies/table.ts';
import { runId, sha256Id, type ClientId } from '../../../shared/ids.ts';
import { tinyConfig } from '../../helpers/federation.ts';

const id = (n: number): ClientId => String(n).padStart(32, '0') as ClientId;
const ids = (...numbers: number[]): ClientId[] => numbers.map(id);
const blob = sha256Id('a'.repeat(64));
const runOf = (changes: Parameters<typeof tinyConfig>[0]): StoredRun => ({
  id: runId('tiny-1'),
  config: checkRunConfig(tinyConfig(changes)),
  task: blob,
  state: 'running',
  round: 0,
  weights: blob,
  strategyState: null,
  reason: null,
  createdAt: 1,
});
const base = (since: number) => ({ round: 1, attempt: 1, weights: blob, since });

describe('who comes into the next attempt', () => {
  const run = runOf({ minClients: 2 });
  const strategy = strategyOf(run.config.strategy);
  const next = (lineUp: LineUp, ready: readonly ClientId[]) => lineUp.next(run, 1, strategy, ready);

  it('counts the attempts at a round, of which one that too few are ready for is none', () => {
    const lineUp = new LineUp(undefined);
    expect(next(lineUp, ids(1))).to.equal(null);
    expect(next(lineUp, ids(1, 2))).to.deep.include({ attempt: 1, cohort: ids(1, 2) });
    expect(next(lineUp, ids(1, 2, 3))).to.deep.include({ attempt: 2, cohort: ids(1, 2, 3) });
    lineUp.roundOver();
    expect(next(lineUp, ids(1, 2))).to.include({ attempt: 1 });
  });

  it('is everyone but those who have spoiled an attempt at this round', () => {
    const lineUp = new LineUp(undefined);
    lineUp.spoiled(id(2));
    expect(next(lineUp, ids(1, 2, 3))!.cohort).to.deep.equal(ids(1, 3));
    lineUp.roundOver();
    expect(next(lineUp, ids(1, 2, 3))!.cohort).to.deep.equal(ids(1, 2, 3));
  });

  it('is the cohort that an earlier process has left, once, under a number of its own where its keys are lost', () => {
    const left = { run: run.id, round: 1, attempt: 4, cohort: ids(5, 6), wanted: 2 };
    for (const [isNew, attempt] of [
      [false, 4],
      [true, 5],
    ] as const) {
      // prettier-ignore
      const lineUp = new LineUp(undefined);
      lineUp.goOnWith(left, isNew);
      // It keeps what it has trained meanwhile, even if the run is paused.
      expect([lineUp.isAwaited(id(5)), lineUp.isAwaited(id(7))]).to.deep.equal([true, false]);
      expect(lineUp.takeLeft()).to.deep.equal({ attempt, cohort: ids(5, 6), wanted: 2, bases: new Map() });
      expect(lineUp.takeLeft()).to.equal(null);
      expect(lineUp.isAwaited(id(5))).to.equal(false);
      expect(next(lineUp, ids(1, 2))).to.include({ attempt: attempt + 1 });
    }
  });

  it('has first in an asynchronous run those who are at work, and not those of them who have left', () => {
    const buffered = runOf({ minClients: 2, strategy: { name: 'fedbuff', bufferSize: 2, concurrency: 3 } });
    const lineUp = new LineUp(undefined);
    lineUp.carry([
      [id(8), base(5)],
      [id(9), base(6)],
    ]);
    lineUp.left(id(9));
    const opening = lineUp.next(buffered, 2, strategyOf(buffered.config.strategy), ids(1, 2, 8))!;
    expect(opening.cohort).to.deep.equal(ids(8, 1, 2));
    expect([...opening.bases]).to.deep.equal([[id(8), base(5)]]);
    expect(lineUp.isAwaited(id(8))).to.equal(false); // it is a member now
  });
});

import { expect } from 'chai';
import { bringAgain, carryOn, joining, openCohort, stalenessOf, type Base } from '../../server/open-cohort.ts';
import { newRound, step, type RoundEvent, type RoundState } from '../../server/round.ts';
import { fedBuff } from '../../server/strategies/fedbuff.ts';
import { runId, sha256Id, type ClientId } from '../../shared/ids.ts';

const id = (n: number): ClientId => String(n).padStart(32, '0') as ClientId;
const ids = (from: number, to: number): ClientId[] => Array.from({ length: to - from + 1 }, (_, i) => id(from + i));
const where = { run: runId('run-1'), round: 4, attempt: 1 };
const base = (round: number): Base => ({ round, attempt: 1, weights: sha256Id('a'.repeat(64)), since: round });
const bufferOf = (bufferSize: number, concurrency?: number) => fedBuff({ bufferSize, concurrency }).buffer!;

describe('an open cohort', () => {
  it('has those who are at work already, and others up to the number that trains at a time', () => {
    const carried = new Map([
      [id(7), base(2)],
      [id(3), base(3)],
    ]);
    const picked = openCohort({ seed: 1, minClients: 3 }, bufferOf(3, 5), where, ids(1, 9), carried)!;
    expect(picked.wanted).to.equal(3);
    expect(picked.cohort).to.have.length(5);
    expect(picked.cohort.slice(0, 2)).to.deep.equal([id(7), id(3)]);
    expect(new Set(picked.cohort).size).to.equal(5);
    const shuffled = openCohort({ seed: 1, minClients: 3 }, bufferOf(3, 5), where, ids(1, 9).toReversed(), carried);
    expect(shuffled).to.deep.equal(picked); // whoever was ready first
  });

  it('has everyone who is ready when nothing bounds it, and waits for as many as the run does', () => {
    const all = openCohort({ seed: 1, minClients: 3 }, bufferOf(2), where, ids(1, 9), new Map());
    expect(all!.cohort).to.deep.equal(ids(1, 9));
    expect(openCohort({ seed: 1, minClients: 3 }, bufferOf(2), where, ids(1, 2), new Map())).to.equal(null);
    // One that is at work is there, though it may be away for a moment.
    const carried = new Map([[id(5), base(3)]]);
    expect(openCohort({ seed: 1, minClients: 3 }, bufferOf(2), where, ids(1, 2), carried)!.cohort).to.have.length(3);
  });

  /** Five of a cohort, told to train. */
  const begun = (): RoundState => {
    const selected = { type: 'selected', cohort: ids(1, 5), wanted: 3, minReports: 2, secure: false } as const;
    const [state] = step(newRound, { ...selected, isOpenCohort: true });
    return step(state, { type: 'saved', present: new Set(ids(1, 5)) })[0];
  };
  const after = (...events: RoundEvent[]): RoundState =>
    events.reduce((state, event) => step(state, event)[0], begun());
  const report = (n: number): RoundEvent => ({ type: 'answered', kind: 'report', from: id(n) });

  it('fills the places of those who have reported, or are gone', () => {
    const state = after(report(1), { type: 'failed', from: id(2) });
    const others = ids(6, 9);
    expect(joining({ seed: 1 }, bufferOf(3, 5), where, state, others)).to.have.length(2);
    expect(joining({ seed: 1 }, bufferOf(3, 3), where, state, others)).to.have.length(0);
    expect(joining({ seed: 1 }, bufferOf(3), where, state, others)).to.deep.equal(others);
  });

  it('lets those go on who are at work when it ends, unless they are too far behind', () => {
    const state = after(report(1), { type: 'away', from: id(4) }, { type: 'left', from: id(5) });
    const bases = new Map([
      [id(2), base(2)],
      [id(4), base(3)],
    ]);
    const left = carryOn(state, bases, () => base(4), { next: 5, maxStaleness: 2 });
    expect([...left.carried]).to.deep.equal([
      [id(3), base(4)],
      [id(4), base(3)],
    ]);
    expect(left.stale).to.deep.equal([id(2)]); // of round 2: three rounds old in round 5
  });

  it('has those bring it again, when it comes to nothing, who are at work or have given a report and are there', () => {
    const bases = new Map([
      [id(2), base(2)],
      [id(3), base(3)],
    ]);
    const lost: RoundEvent[] = [{ type: 'left', from: id(5) }, { type: 'deserted' }];
    const own = (): Base => base(4);
    const selecting = bringAgain(newRound, bases, own, () => true, 99);
    expect(selecting).to.deep.equal(bases); // the others were not told yet

    // 1 and 2 have reported; of them 1 is gone. 3 and 4 are at work.
    const again = bringAgain(after(report(1), report(2), ...lost), bases, own, (each) => each !== id(1), 99);
    expect([...again]).to.deep.equal([
      [id(2), { ...base(2), since: 99 }],
      [id(3), base(3)],
      [id(4), base(4)],
    ]);
  });

  it('counts staleness in rounds', () => {
    expect(stalenessOf(4, undefined)).to.equal(0);
    expect(stalenessOf(4, base(1))).to.equal(3);
  });
});

import { expect } from 'chai';
import fc from 'fast-check';
import type { ClientId } from '../../shared/ids.ts';
import {
  hasGiven,
  isOpen,
  newRound,
  reportedOf,
  step,
  type RoundEffect,
  type RoundEvent,
  type RoundState,
} from '../../server/round.ts';

const id = (n: number): ClientId => String(n).padStart(32, '0') as ClientId;
const ids = (n: number): ClientId[] => Array.from({ length: n }, (_, i) => id(i));

/** A round of n clients, all present and told to train. */
function begun(n: number, { wanted = n, minReports = 1 } = {}): RoundState {
  const [selected] = step(newRound, { type: 'selected', cohort: ids(n), wanted, minReports, secure: false });
  return step(selected, { type: 'saved', present: new Set(ids(n)) })[0];
}

function run(state: RoundState, ...events: RoundEvent[]): [RoundState, RoundEffect[]] {
  const all: RoundEffect[] = [];
  let now = state;
  for (const event of events) {
    const [next, effects] = step(now, event);
    now = next;
    all.push(...effects);
  }
  return [now, all];
}
const reports = (...from: number[]): RoundEvent[] =>
  from.map((n) => ({ type: 'answered', kind: 'report', from: id(n) }));
const kinds = (effects: RoundEffect[]): string[] => effects.map((effect) => effect.do);

describe('a round', () => {
  it('makes the cohort durable before any client hears of it', () => {
    const [selected, first] = step(newRound, {
      type: 'selected',
      cohort: ids(2),
      wanted: 2,
      minReports: 1,
      secure: false,
    });
    expect(kinds(first)).to.deep.equal(['save']);
    const [, second] = step(selected, { type: 'saved', present: new Set(ids(2)) });
    expect(kinds(second)).to.deep.equal(['arm', 'train', 'train']);
  });

  it('goes from sending to training when everyone has the model', () => {
    const [state, effects] = run(begun(2), { type: 'downloaded', from: id(0) }, { type: 'downloaded', from: id(1) });
    expect(state.phase).to.equal('training');
    expect(effects).to.deep.equal([{ do: 'arm', deadline: 'report' }]);
  });

  it('is done when the wanted number has reported', () => {
    const [state, effects] = run(begun(3), ...reports(0, 1, 2));
    expect(state).to.include({ phase: 'aggregating', result: 'done' });
    expect(kinds(effects)).to.deep.equal(['aggregate']);
  });

  it('closes at the wanted number although more were picked', () => {
    const [state] = run(begun(5, { wanted: 3 }), ...reports(4, 2, 0));
    expect(state).to.include({ phase: 'aggregating', result: 'done' });
  });

  it('counts a report once, however often it comes', () => {
    const [state] = run(begun(3), ...reports(0, 0, 0));
    expect(reportedOf(state)).to.equal(1);
    expect(state.phase).to.equal('sending');
  });

  it('closes without a client whose socket closed, once its time to come back is over', () => {
    const [waiting, effects] = run(begun(3), ...reports(0, 1), { type: 'away', from: id(2) });
    expect(waiting.phase).to.equal('sending');
    expect(effects.at(-1)).to.deep.equal({ do: 'grace', of: id(2) });
    const [state] = run(waiting, { type: 'grace-over', from: id(2) });
    expect(state).to.include({ phase: 'aggregating', result: 'short' });
  });

  it('tests again whether it can close when the last one it waits for leaves', () => {
    const [state] = run(begun(3), ...reports(0, 1), { type: 'left', from: id(2) });
    expect(state).to.include({ phase: 'aggregating', result: 'short' });
  });

  it('counts the report of a client that leaves afterwards, and waits for the others', () => {
    const [state] = run(begun(3), ...reports(0), { type: 'left', from: id(0) }, ...reports(1));
    expect(reportedOf(state)).to.equal(2);
    expect(isOpen(state)).to.equal(true);
  });

  it('gives its work again to a client that comes back', () => {
    const [state, effects] = run(begun(2), { type: 'away', from: id(0) }, { type: 'back', from: id(0) });
    expect(state.members.get(id(0))!.state).to.equal('sent');
    expect(effects.at(-1)).to.deep.equal({ do: 'train', to: id(0) });
  });

  it('takes a client back even after its grace time, while others are still at work', () => {
    const away: RoundEvent[] = [
      { type: 'away', from: id(0) },
      { type: 'grace-over', from: id(0) },
    ];
    const [state] = run(begun(3), ...away, { type: 'back', from: id(0) }, ...reports(0, 1, 2));
    expect(state).to.include({ phase: 'aggregating', result: 'done' });
  });

  it('confirms a report to its client when that comes back', () => {
    const [, effects] = run(begun(2), ...reports(0), { type: 'back', from: id(0) });
    expect(effects.at(-1)).to.deep.equal({ do: 'confirm', to: id(0) });
  });

  it('is short at the deadline with at least minReports', () => {
    const [state] = run(begun(4, { minReports: 2 }), ...reports(0, 1), { type: 'deadline', of: 'report' });
    expect(state).to.include({ phase: 'aggregating', result: 'short' });
  });

  it('is abandoned at the deadline with fewer, and says why', () => {
    const [state, effects] = run(begun(4, { minReports: 2 }), ...reports(0), { type: 'deadline', of: 'report' });
    expect(state).to.include({ phase: 'over', result: 'abandoned' });
    expect(state.reason).to.equal('1 of 4 reports, at least 2 needed (3 late)');
    expect(kinds(effects)).to.deep.equal(['abandon', 'end']);
  });

  it('is abandoned as soon as minReports is out of reach, without waiting for the deadline', () => {
    const [state] = run(begun(3, { minReports: 3 }), { type: 'failed', from: id(1) });
    expect(state).to.include({ phase: 'over', result: 'abandoned' });
  });

  it('goes on without those who do not have the model at the end of sending', () => {
    const [state] = run(begun(3), { type: 'downloaded', from: id(0) }, { type: 'deadline', of: 'sending' });
    expect(state.phase).to.equal('training');
    expect([...state.members.values()].map((member) => member.state)).to.deep.equal(['training', 'lost', 'lost']);
  });

  it('ignores reports after it has closed', () => {
    const [closed] = run(begun(2, { wanted: 1 }), ...reports(0));
    expect(run(closed, ...reports(1))).to.deep.equal([closed, []]);
  });

  it('after a restart waits for its cohort to come back', () => {
    const [selected] = step(newRound, { type: 'selected', cohort: ids(2), wanted: 2, minReports: 1, secure: false });
    const [resumed, effects] = step(selected, { type: 'saved', present: new Set() });
    expect(kinds(effects)).to.deep.equal(['arm']);
    const [state] = run(resumed, { type: 'back', from: id(1) }, { type: 'back', from: id(0) }, ...reports(1, 0));
    expect(state).to.include({ phase: 'aggregating', result: 'done' });
  });

  it('commits, evaluates and ends in this order', () => {
    const [closed] = run(begun(1), ...reports(0));
    const [state, effects] = run(closed, { type: 'aggregated' }, { type: 'evaluated' });
    expect(state.phase).to.equal('over');
    expect(kinds(effects)).to.deep.equal(['evaluate', 'end']);
  });

  it('can be stopped by the operator while open, but not once the reports are in', () => {
    expect(run(begun(2), { type: 'abort', reason: 'stopped' })[0]).to.include({ phase: 'over', result: 'abandoned' });
    const [closed] = run(begun(1), ...reports(0));
    expect(run(closed, { type: 'abort', reason: 'stopped' })[0]).to.equal(closed);
  });

  describe('with an open cohort', () => {
    /** Three clients, present and told to train. */
    const open = ({ wanted = 2, minReports = 2 } = {}): RoundState => {
      const selected = { type: 'selected', cohort: ids(3), wanted, minReports, secure: false } as const;
      const [state] = step(newRound, { ...selected, isOpenCohort: true });
      return step(state, { type: 'saved', present: new Set(ids(3)) })[0];
    };
    const joined = (...who: number[]): RoundEvent => ({ type: 'joined', cohort: who.map(id) });

    it('asks for others whenever a place may be free, and tells those who come to train', () => {
      const [one, first] = run(open(), ...reports(0));
      expect(kinds(first)).to.deep.equal(['invite']);
      const [two, second] = run(one, joined(7, 0));
      expect(second).to.deep.equal([{ do: 'train', to: id(7) }, { do: 'invite' }]);
      expect(two.members.get(id(0))!.answered).to.equal(1); // a member joins nothing
      expect(two.members.get(id(7))).to.deep.equal({ state: 'sent', answered: 0 });
    });

    it('is done at the wanted number, whoever is at work still being at work', () => {
      const [state, effects] = run(open(), joined(7), ...reports(7, 1));
      expect(state).to.include({ phase: 'aggregating', result: 'done' });
      expect(kinds(effects).at(-1)).to.equal('aggregate');
      expect([0, 2].map((n) => state.members.get(id(n))!.state)).to.deep.equal(['sent', 'sent']);
    });

    it('waits for others as long as there are any, and is abandoned or short when there are none', () => {
      const gone: RoundEvent[] = [0, 1, 2].map((n) => ({ type: 'failed', from: id(n) }));
      const [waiting] = run(open(), ...gone);
      expect(waiting.phase).to.not.equal('over');
      expect(run(waiting, { type: 'deserted' })[0]).to.include({ phase: 'over', result: 'abandoned' });
      const [few] = run(open({ wanted: 3, minReports: 1 }), ...reports(1), ...gone);
      expect(run(few, { type: 'deserted' })[0]).to.include({ phase: 'aggregating', result: 'short' });
      const [atWork] = run(open({ wanted: 3, minReports: 1 }), ...reports(1), gone[0]!, { type: 'deserted' });
      expect(isOpen(atWork)).to.equal(true); // one is at work, and enough if it reports
    });

    it('loses who takes longer than its own time, and nobody else', () => {
      const [state] = run(open(), { type: 'overdue', from: id(1) });
      expect([...state.members.values()].map((member) => member.state)).to.deep.equal(['sent', 'late', 'sent']);
    });

    it('loses at the end of sending only those who never came', () => {
      const [away] = run(open(), { type: 'away', from: id(2) }, joined(7), { type: 'deadline', of: 'sending' });
      expect([...away.members.values()].map((member) => member.state)).to.deep.equal(['sent', 'sent', 'lost', 'sent']);
    });
  });

  it('lets nobody join a cohort that is closed', () => {
    const state = begun(2);
    const events: RoundEvent[] = [
      { type: 'joined', cohort: [id(5)] },
      { type: 'deserted' },
      { type: 'overdue', from: id(0) },
    ];
    expect(run(state, ...events)).to.deep.equal([state, []]);
  });

  const clientEvent = (type: 'downloaded' | 'refused' | 'failed' | 'away' | 'grace-over' | 'back' | 'left') =>
    fc.integer({ min: 0, max: 5 }).map((n): RoundEvent => ({ type, from: id(n) }));
  const anyEvent = fc.oneof(
    clientEvent('downloaded'),
    fc.integer({ min: 0, max: 5 }).map((n) => reports(n)[0]!),
    clientEvent('refused'),
    clientEvent('failed'),
    clientEvent('away'),
    clientEvent('grace-over'),
    clientEvent('back'),
    clientEvent('left'),
    fc.constantFrom<RoundEvent>({ type: 'deadline', of: 'sending' }, { type: 'aggregated' }, { type: 'evaluated' }),
  );

  it('whatever happens: closes once, never below minReports, and a report that counts stays counted', () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 60 }), fc.integer({ min: 1, max: 5 }), (events, minReports) => {
        let state = begun(5, { minReports });
        let closings = 0;
        const counted = new Set<ClientId>();
        for (const event of [...events, { type: 'deadline', of: 'report' } as const]) {
          const [next, effects] = step(state, event);
          closings += effects.filter(({ do: kind }) => kind === 'aggregate' || kind === 'abandon').length;
          if (effects.some(({ do: kind }) => kind === 'aggregate')) expect(reportedOf(next)).to.be.at.least(minReports);
          for (const each of counted) expect(hasGiven(next, next.members.get(each)!, 'report')).to.equal(true);
          for (const [id_, member] of next.members) if (hasGiven(next, member, 'report')) counted.add(id_);
          state = next;
        }
        expect(closings).to.equal(1); // the last deadline has closed it at the latest
        expect(isOpen(state)).to.equal(false);
      }),
      { numRuns: 2_000 },
    );
  });
});

import { expect } from 'chai';
import { runId } from '../../../shared/ids.ts';
import { AttemptLedger, type LedgerEntry } from '../../../shared/secagg/ledger.ts';
import { codeFrom } from '../../helpers/secagg.ts';

const at = (run: string, round: number, attempt: number) => ({ run: runId(run), round, attempt });

describe('the ledger of attempts', () => {
  it('lets rounds, and attempts of a round, only go up', async () => {
    const ledger = new AttemptLedger();
    const verdicts: [number, number, string | undefined][] = [
      [3, 2, undefined],
      [3, 2, 'SECAGG_REPLAY'],
      [3, 1, 'SECAGG_REPLAY'],
      [2, 9, 'SECAGG_REPLAY'],
      [3, 3, undefined],
      [9, 1, undefined], // rounds may be left out
      [4, 1, 'SECAGG_REPLAY'],
    ];
    for (const [round, attempt, code] of verdicts) {
      expect(await codeFrom(ledger.begin(at('run-a', round, attempt))), `${round}/${attempt}`).to.equal(code);
    }
  });

  it('keeps runs apart', async () => {
    const ledger = new AttemptLedger([['run-a', { round: 5, attempt: 1 }]]);
    expect(await codeFrom(ledger.begin(at('run-b', 1, 1)))).to.equal(undefined);
    expect(await codeFrom(ledger.begin(at('run-a', 5, 1)))).to.equal('SECAGG_REPLAY');
  });

  it('waits until an entry is kept', async () => {
    const kept: [string, LedgerEntry][] = [];
    let release = (): void => {};
    const written = new Promise<void>((resolve) => (release = resolve));
    const ledger = new AttemptLedger([], async (run, entry) => {
      await written;
      kept.push([run, entry]);
    });
    let hasBegun = false;
    const begun = ledger.begin(at('run-a', 1, 1)).then(() => (hasBegun = true));
    await Promise.resolve();
    expect(hasBegun).to.equal(false);
    expect(await codeFrom(ledger.begin(at('run-a', 1, 1)))).to.equal('SECAGG_REPLAY'); // also while it is being kept
    release();
    await begun;
    expect(kept).to.deep.equal([['run-a', { round: 1, attempt: 1 }]]);
  });

  it('stops an attempt that it cannot keep, and does not let it be tried again', async () => {
    const ledger = new AttemptLedger([], () => Promise.reject(new Error('disk full')));
    let message = '';
    await ledger.begin(at('run-a', 1, 1)).catch((error: Error) => (message = error.message));
    expect(message).to.equal('disk full');
    expect(await codeFrom(ledger.begin(at('run-a', 1, 1)))).to.equal('SECAGG_REPLAY');
  });

  it('does not change the entries that it was made of', async () => {
    const entries = new Map([['run-a', { round: 1, attempt: 1 }]]);
    await new AttemptLedger(entries).begin(at('run-a', 2, 1));
    expect([...entries]).to.deep.equal([['run-a', { round: 1, attempt: 1 }]]);
  });

  describe('of sums that the client has helped to unmask in a round', () => {
    const a = ['1', '2', '3', '4', '5', '6'];
    const setUp = async (): Promise<AttemptLedger> => {
      const ledger = new AttemptLedger();
      await ledger.begin(at('run-a', 1, 1));
      await ledger.addSum('run-a', a, 3);
      await ledger.begin(at('run-a', 1, 2));
      return ledger;
    };
    const code = (ledger: AttemptLedger, survivors: string[]): Promise<string | undefined> =>
      codeFrom(ledger.addSum('run-a', survivors, 3));

    it('allows the same clients again: their sum is no news', async () => {
      const ledger = await setUp();
      for (let i = 0; i < 3; i++) expect(await code(ledger, a)).to.equal(undefined);
    });

    it('refuses one that differs by one or two clients: the difference would be theirs', async () => {
      for (const survivors of [
        ['1', '2', '3', '4', '5'],
        [...a, '7'],
        ['1', '2', '3', '4', '5', '7'],
      ]) {
        expect(await code(await setUp(), survivors)).to.equal('SECAGG_DIFFERENCE');
      }
    });

    it('allows one that differs by three, and no third', async () => {
      const ledger = await setUp();
      expect(await code(ledger, ['1', '2', '3'])).to.equal(undefined);
      expect(await code(ledger, ['4', '5', '6', '7', '8', '9'])).to.equal('SECAGG_DIFFERENCE');
      expect(await code(ledger, ['1', '2', '3'])).to.equal(undefined);
    });

    it('begins anew with the next round', async () => {
      const ledger = await setUp();
      await ledger.begin(at('run-a', 2, 1));
      expect(await code(ledger, ['1', '2', '3', '4', '5'])).to.equal(undefined);
    });

    it('forgets them when the update is given up for one that is trained anew, and counts how often', async () => {
      const ledger = await setUp();
      expect(ledger.renewals(at('run-a', 1, 2))).to.equal(0);
      await ledger.renew('run-a');
      await ledger.begin(at('run-a', 1, 3));
      expect(ledger.renewals(at('run-a', 1, 3))).to.equal(1);
      expect(await code(ledger, ['1', '2', '3', '4', '5'])).to.equal(undefined);
      await ledger.begin(at('run-a', 2, 1));
      expect(ledger.renewals(at('run-a', 2, 1))).to.equal(0);
      await ledger.renew('run-b'); // never begun: nothing to give up
      expect(ledger.renewals(at('run-b', 1, 1))).to.equal(0);
    });

    it('keeps them with the entry, so that a restart does not forget them', async () => {
      const kept = new Map<string, LedgerEntry>();
      const first = new AttemptLedger([], (run, entry) => void kept.set(run, entry));
      await first.begin(at('run-a', 1, 1));
      await first.addSum('run-a', a, 3);
      const second = new AttemptLedger(kept);
      await second.begin(at('run-a', 1, 2));
      expect(await code(second, ['1', '2', '3', '4', '5'])).to.equal('SECAGG_DIFFERENCE');
    });
  });
});

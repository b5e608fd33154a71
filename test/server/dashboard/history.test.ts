import { expect } from 'chai';
import {
  bars,
  bestOf,
  divergedAt,
  histogram,
  secondsLeft,
  smooth,
  tally,
} from '../../../server/dashboard/store/history.ts';
import { clientRows, countLooks, suspects } from '../../../server/dashboard/store/client-rows.ts';
import { about, bytes, duration, figure, percent, signed } from '../../../server/dashboard/format.ts';
import type { RoundSummary } from '../../../server/operations.ts';
import { makeWorld } from '../../helpers/dashboard-world.ts';

/** A round of `seconds`, ten seconds after the one before. */
const round = (
  sequence: number,
  over: Partial<RoundSummary> & { seconds?: number; loss?: number; accuracy?: number } = {},
): RoundSummary => {
  const { seconds = 5, loss, accuracy, ...rest } = over;
  const evaluation =
    loss === undefined && accuracy === undefined
      ? null
      : { ...(loss === undefined ? {} : { loss }), ...(accuracy === undefined ? {} : { accuracy }) };
  return {
    ...makeWorld({ rounds: 1, clients: 4, perRound: 4 }).rounds[0]!,
    sequence,
    round: sequence,
    startedAt: 10_000 * sequence,
    endedAt: 10_000 * sequence + 1_000 * seconds,
    metrics: {},
    evaluation,
    ...rest,
  };
};

describe('what the page says of the rounds', () => {
  it('counts how they ended, and takes the median of those that changed the model', () => {
    const rounds = [
      round(1, { seconds: 1 }),
      round(2, { seconds: 3, result: 'short' }),
      round(3, { seconds: 90, result: 'abandoned' }),
      round(4, { seconds: 8 }),
    ];
    expect(tally(rounds)).to.deep.equal({ done: 2, short: 1, abandoned: 1, median: 3 });
  });

  it('guesses the time left from the pace of the last ten, with what lies between and came to nothing', () => {
    const { run } = makeWorld();
    // Rounds 1 and 3 ended, 2 was abandoned: from second 10 to second 35 two rounds, 12.5 s each; 4 are left.
    const rounds = [round(1), round(2, { result: 'abandoned' }), round(3)];
    expect(secondsLeft({ ...run!, round: 2, rounds: 6 }, rounds)).to.equal(50);
    expect(secondsLeft({ ...run!, round: 1, rounds: 6 }, [round(1)])).to.equal(null);
    expect(secondsLeft({ ...run!, round: 6, rounds: 6 }, rounds)).to.equal(null);
  });

  it('puts many rounds into few bars, and shows the worst of each', () => {
    const rounds = Array.from({ length: 450 }, (_, index) =>
      round(index + 1, index === 4 ? { result: 'abandoned' } : {}),
    );
    const found = bars(rounds, 200);
    expect([found.length, found[1]!.result, found[0]!.result]).to.deep.equal([150, 'abandoned', 'done']);
    expect(found.flatMap(({ first, last }) => [first.round, last.round]).slice(0, 4)).to.deep.equal([1, 3, 4, 6]);
    expect(bars(rounds.slice(0, 3), 200)).to.have.length(3);
  });

  it('finds the best model by accuracy, else by loss, never one that is no number', () => {
    expect(
      bestOf([round(1, { accuracy: 0.5 }), round(2, { accuracy: 0.9 }), round(3, { accuracy: 0.8 })])?.round,
    ).to.equal(2);
    expect(bestOf([round(1, { loss: 2 }), round(2, { loss: NaN }), round(3, { loss: 1 })])?.round).to.equal(3);
    expect(bestOf([round(1)])).to.equal(null);
  });

  it('sees where a model goes astray: no number, or ten times the best loss; and that it came back', () => {
    const losses = (...all: (number | null)[]): number | undefined =>
      divergedAt(all.map((loss, index) => round(index + 1, { evaluation: { loss: loss as number } })))?.round;
    expect(losses(2, 1, 0.5, 4.9)).to.equal(undefined);
    expect(losses(2, 1, 0.5, 5.1, 9)).to.equal(4);
    expect(losses(2, null)).to.equal(2); // JSON's NaN
    expect(losses(2, 1, 30, 0.9)).to.equal(undefined);
  });

  it('keeps every value in a histogram, the highest too', () => {
    const found = histogram([0, 0.1, 0.5, 1], 2, 0, 1);
    expect(found.map(({ count }) => count)).to.deep.equal([2, 2]);
    expect(found.at(-1)!.to).to.equal(1);
  });

  it('smooths over gaps', () => expect(smooth([1, null, 3], 0.5)).to.deep.equal([1, null, 2]));
});

describe('what the page says of the clients', () => {
  it('shows what they do now, and for a past round what they did in it', () => {
    const { clients, details } = makeWorld({ rounds: 2, clients: 12, perRound: 4 });
    const live = clientRows(clients, details.at(-1)!, true);
    expect(live).to.have.length(12);
    const then = clientRows(clients, details[0]!, false);
    expect(Object.fromEntries(countLooks(then))).to.deep.equal({ done: 4, absent: 8 });
    const stranger = {
      ...details[0]!.clients[0]!,
      id: clients[0]!.id.replaceAll(/./g, 'e') as (typeof clients)[0]['id'],
    };
    expect(clientRows([], { ...details[0]!, clients: [stranger] }, false)[0]).to.include({
      name: 'eeeeeeee',
      look: 'done',
    });
  });

  it('suspects whose updates stand out by far', () => {
    const { details } = makeWorld({ rounds: 1, clients: 12, perRound: 5 });
    const norms = [1, 1.2, 0.9, 14, 1.1];
    const clients = details[0]!.clients.map((client, index) => ({ ...client, norm: norms[index]! }));
    expect(suspects({ ...details[0]!, clients }).map(({ norm }) => norm)).to.deep.equal([14]);
    expect(suspects({ ...details[0]!, clients: clients.map((client) => ({ ...client, norm: null })) })).to.deep.equal(
      [],
    );
  });
});

describe('figures on the page', () => {
  it('are never rounded up to 100 %, and never zero where there is none', () => {
    expect([percent(0.9764), percent(0.99999), percent(1), percent(null)]).to.deep.equal([
      '97.6 %',
      '99.9 %',
      '100.0 %',
      '–',
    ]);
    expect([figure(0.25584), figure(12.345), figure(3.1e-5), figure(NaN), figure(null)]).to.deep.equal([
      '0.2558',
      '12.35',
      '3.1e-5',
      'NaN',
      '–',
    ]);
    expect([signed(-0.0132, 3), signed(0.2, 1), signed(0.0001, 3)]).to.deep.equal(['−0.013', '+0.2', '0.000']);
  });

  it('have units that people read', () => {
    expect([bytes(999), bytes(1_500), bytes(574e6)]).to.deep.equal(['999 B', '1.5 kB', '574 MB']);
    expect([duration(9.84), duration(372), duration(11_100)]).to.deep.equal(['9.8 s', '6 min 12 s', '3 h 05 min']);
    expect([about(12), about(600), about(7_300)]).to.deep.equal(['about 10 s', 'about 10 min', 'about 2 h']);
  });
});

import { expect } from 'chai';
import fc from 'fast-check';
import { hyperband, successiveHalving } from '../../../simulations/search/brackets.ts';
import { search, type Evaluate } from '../../../simulations/search/search.ts';
import { parseSpace, settingsOf } from '../../../simulations/search/space.ts';

const cells = (bracket: readonly { readonly trials: number; readonly rounds: number }[]): string =>
  bracket.map(({ trials, rounds }) => `${trials}x${rounds}`).join(' ');

describe('the brackets of a search', () => {
  it('halve 27 trials by three on 81 rounds', () => {
    // s = log_3 27 = 3; rounds 81/27, 81/9, 81/3, 81
    expect(cells(successiveHalving(27, 81, 3))).to.equal('27x3 9x9 3x27 1x81');
    expect(cells(successiveHalving(8, 8, 2))).to.equal('8x1 4x2 2x4 1x8');
  });

  it('have as many rungs as the rounds allow, and end with several trials then', () => {
    expect(cells(successiveHalving(27, 5, 3))).to.equal('27x2 9x5'); // floor(log_3 5) = 1; 5/3 = 1.67
    expect(cells(successiveHalving(10, 100, 3))).to.equal('10x11 3x33 1x100'); // 10, 10/3, 10/9; 100/9, 100/3
    expect(cells(successiveHalving(2, 1, 3))).to.equal('2x1');
  });

  it("are Hyperband's for R = 81 and eta = 3", () => {
    // n = ceil(5/(s+1) 3^s): 81, ceil(135/4) = 34, 15, ceil(15/2) = 8, 5; r = 81 3^-s; then floor(n 3^-i)
    expect(hyperband(81, 3).map(cells)).to.deep.equal([
      '81x1 27x3 9x9 3x27 1x81',
      '34x3 11x9 3x27 1x81',
      '15x9 5x27 1x81',
      '8x27 2x81',
      '5x81',
    ]);
    expect(hyperband(1, 3).map(cells)).to.deep.equal(['1x1']);
    expect(hyperband(243, 3)).to.have.length(6); // ln 243 / ln 3 is 4.999... in float64
  });

  it('never grow, give every rung more rounds, and end at all of them', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 500 }),
        fc.integer({ min: 1, max: 1_000 }),
        fc.integer({ min: 2, max: 9 }),
        (trials, rounds, eta) => {
          for (const bracket of [successiveHalving(trials, rounds, eta), ...hyperband(rounds, eta)]) {
            expect(bracket.at(-1)!.rounds).to.equal(rounds);
            for (const [i, rung] of bracket.entries()) {
              expect(rung.trials).to.be.above(0);
              expect(rung.rounds).to.be.above(bracket[i - 1]?.rounds ?? 0);
              if (i > 0) expect(rung.trials).to.equal(Math.floor(bracket[0]!.trials / eta ** i));
            }
          }
        },
      ),
    );
  });

  it('refuse what they cannot be made of', () => {
    expect(() => successiveHalving(1, 10, 3)).to.throw(/search: trials: expected a whole number from 2/);
    expect(() => successiveHalving(9, 0, 3)).to.throw(/search: rounds: expected/);
    expect(() => hyperband(9, 1)).to.throw(/search: eta: expected a whole number from 2/);
  });
});

describe('what a search draws from', () => {
  const space = parseSpace(
    'lr=log(0.001,1) local-epochs=int(1,3) mu=uniform(-1,1) partition=dirichlet:0.1,min=5|iid batch-size=10,20',
  );
  const drawn = Array.from({ length: 2_000 }, (_, trial) => settingsOf(space, 1, trial));
  const part = (is: (settings: Readonly<Record<string, string>>) => boolean): number => drawn.filter(is).length / 2_000;

  it('is uniform in the logarithm, the number or the list', () => {
    // Each share has a standard deviation of at most sqrt(0.25 / 2000) = 0.011.
    for (const [low, high] of [
      [0.001, 0.01],
      [0.01, 0.1],
      [0.1, 1.01],
    ] as const) {
      // prettier-ignore
      expect(part(({ lr }) => Number(lr) >= low && Number(lr) < high), `${low}`).to.be.closeTo(1 / 3, 0.045);
    }
    for (const epochs of ['1', '2', '3']) {
      expect(part((each) => each['local-epochs'] === epochs)).to.be.closeTo(1 / 3, 0.045);
    }
    expect(part(({ mu }) => Number(mu) < -0.5)).to.be.closeTo(1 / 4, 0.045);
    expect(part(({ partition }) => partition === 'dirichlet:0.1,min=5')).to.be.closeTo(1 / 2, 0.045);
    expect(part((each) => each['batch-size'] === '10')).to.be.closeTo(1 / 2, 0.045);
    for (const { lr, mu } of drawn) {
      expect(Number(lr)).to.be.within(0.001, 1);
      expect(Number(mu)).to.be.within(-1, 1);
    }
  });

  it('depends on the seed and the trial; another dimension leaves the others as they are', () => {
    expect(settingsOf(space, 1, 7)).to.deep.equal(drawn[7]);
    expect(settingsOf(space, 2, 7)).not.to.deep.equal(drawn[7]);
    expect(settingsOf(parseSpace('lr=log(0.001,1)'), 1, 7)['lr']).to.equal(drawn[7]!['lr']);
  });

  it('is refused in a sentence that names the setting', () => {
    const cases: [string, RegExp][] = [
      ['', /search: expected settings such as "lr=log\(0.001,1\) batch-size=10,20", got ""/],
      ['lr', /got "lr"/],
      ['lr=log(0,1)', /lr: log needs numbers above 0, got \(0,1\)/],
      ['lr=log(1,0.1)', /lr: log needs two numbers, the smaller first/],
      ['lr=uniform(1)', /lr: uniform needs two numbers/],
      ['lr=int(1,2.5)', /lr: int needs whole numbers/],
      ['lr=normal(0,1)', /lr: no range "normal"; known are log\(a,b\), uniform\(a,b\), int\(a,b\)/],
      ['lr=1,,2', /lr has an empty value/],
      ['lr=1,2 lr=3', /lr is there twice/],
    ];
    for (const [text, message] of cases) expect(() => parseSpace(text), text).to.throw(message);
  });
});

describe('a search', () => {
  const space = parseSpace('x=uniform(-2,2) y=uniform(-2,2)');
  const brackets = [successiveHalving(81, 27, 3)];
  /** A bowl with its bottom at (1, -0.5), seen the better the more rounds there were: of a known shape and with a known best. */
  const bowl: Evaluate = async ({ settings }, rounds) =>
    (Number(settings['x']) - 1) ** 2 + (Number(settings['y']) + 0.5) ** 2 + 1 / rounds;

  it('finds the best of a known bowl: the one that a look at every trial finds', async () => {
    const { best, trials } = await search({ space, brackets, seed: 1, isLoss: true }, bowl);
    const all = await Promise.all(trials.map((trial) => bowl(trial, 27)));
    expect(best!.value).to.equal(Math.min(...(all as number[])));
    // 81 points in a square of 16: the nearest is within sqrt(16 / (81 pi)) = 0.25 about half of the time.
    expect(best!.value - 1 / 27).to.be.below(0.25);
    const { best: highest } = await search({ space, brackets, seed: 1, isLoss: false }, async (...args) => -(await bowl(...args))!); // prettier-ignore
    expect(highest!.settings).to.deep.equal(best!.settings);
  });

  it('gives each trial the rounds of its rungs and no more, and is the same again', async () => {
    const asked: string[] = [];
    const counted: Evaluate = async (trial, rounds) => {
      asked.push(`${trial.trial}@${rounds}`);
      return bowl(trial, rounds);
    };
    const first = await search({ space, brackets, seed: 3, isLoss: true }, counted);
    // 81 at 1, 27 at 3, 9 at 9, 3 at 27: successiveHalving(81, 27, 3) has log_3 27 = 3 steps.
    for (const [rounds, trials] of [
      [1, 81],
      [3, 27],
      [9, 9],
      [27, 3],
    ] as const) {
      // prettier-ignore
      expect(asked.filter((each) => each.endsWith(`@${rounds}`))).to.have.length(trials);
    }
    expect(new Set(asked).size).to.equal(asked.length);
    expect(await search({ space, brackets, seed: 3, isLoss: true }, bowl)).to.deep.equal(first);
  });

  it('counts a trial without a value as the worst, and has no best where all are', async () => {
    const few = { space, brackets: [successiveHalving(3, 3, 3)], seed: 1 };
    const { best } = await search({ ...few, isLoss: true }, async ({ trial }) => (trial === 2 ? 5 : null));
    expect(best).to.include({ trial: 2, value: 5 });
    expect((await search({ ...few, isLoss: false }, async () => Number.NaN)).best).to.equal(null);
  });
});

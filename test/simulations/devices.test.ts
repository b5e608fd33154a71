import { expect } from 'chai';
import { deviceTurn, type DeviceModel } from '../../simulations/devices.ts';

const turns = (model: DeviceModel, count = 2_000) =>
  Array.from({ length: count }, (_, client) => deviceTurn(model, 7, { client, round: 1, attempt: 1 }, 600));

describe('the devices of a simulation', () => {
  it('take no time and never die unless it is said', () => {
    expect(new Set(turns({}).map(({ takes, diesAfter }) => `${takes} ${diesAfter}`))).to.deep.equal(
      new Set(['0 null']),
    );
  });

  it('take as long as their examples at their speed', () => {
    expect(turns({ speed: 100 }, 3).map(({ takes }) => takes)).to.deep.equal([6_000, 6_000, 6_000]); // 600 / 100 s
  });

  it('are as often stragglers, and die as often, as it is said', () => {
    // 2,000 trainings at a probability of 0.3: 600, with a standard deviation of sqrt(2000 x 0.3 x 0.7) = 20.5.
    const slow = turns({ speed: 100, stragglers: 0.3, slowdown: 4 }).filter(({ takes }) => takes === 24_000);
    expect(slow.length).to.be.within(600 - 82, 600 + 82);
    const dead = turns({ speed: 100, dropout: 0.3 }).filter(({ diesAfter }) => diesAfter !== null);
    expect(dead.length).to.be.within(600 - 82, 600 + 82);
    for (const { takes, diesAfter } of dead) expect(diesAfter).to.be.within(0, takes);
  });

  it('do from 1 to all of their epochs, uniformly, as stragglers with partial work, in the time of the others', () => {
    const model = { speed: 100, stragglers: 0.5 };
    const whole = turns(model);
    const part = turns({ ...model, partialWork: true });
    expect(new Set(part.map(({ takes }) => takes))).to.deep.equal(new Set([6_000]));
    const counts = [0, 0, 0, 0];
    for (const [i, { work }] of part.entries()) {
      const isLate = whole[i]!.takes === 60_000;
      if (isLate) counts[Math.ceil(4 * work) - 1]!++;
      else expect(work).to.equal(1);
    }
    // Of 2,000 trainings an eighth each: 250, with a standard deviation of sqrt(2000 x 1/8 x 7/8) = 14.8.
    for (const count of counts) expect(count).to.be.within(250 - 59, 250 + 59);
  });

  it('have log-normal speeds, each its own in every round', () => {
    const logs = turns({ speed: 100, spread: 0.5 }).map(({ takes }) => Math.log(takes / 6_000));
    const mean = logs.reduce((a, b) => a + b) / logs.length;
    const deviation = Math.sqrt(logs.reduce((sum, x) => sum + (x - mean) ** 2, 0) / logs.length);
    expect(mean).to.be.closeTo(0, 0.05); // 4 x 0.5 / sqrt(2000)
    expect(deviation).to.be.closeTo(0.5, 0.04);
    const again = deviceTurn({ speed: 100, spread: 0.5 }, 7, { client: 5, round: 9, attempt: 2 }, 600);
    expect(again.takes).to.equal(turns({ speed: 100, spread: 0.5 }, 6)[5]!.takes);
  });

  it('do the same for the same seed, and something else in another round', () => {
    const model = { speed: 100, dropout: 0.5 };
    expect(turns(model, 50)).to.deep.equal(turns(model, 50));
    const other = Array.from({ length: 50 }, (_, client) =>
      deviceTurn(model, 7, { client, round: 2, attempt: 1 }, 600),
    );
    expect(other).not.to.deep.equal(turns(model, 50));
  });
});

import { expect } from 'chai';
import fc from 'fast-check';
import { spaced } from '../../../simulations/reports/charts/axes.ts';
import { bytesAxis, percentAxis, scale, secondsAxis } from '../../../simulations/reports/charts/scale.ts';
import { fitted, textWidth } from '../../../simulations/reports/charts/text-width.ts';
import { coveringTicks, innerTicks, logTicks, tickLabel } from '../../../simulations/reports/charts/ticks.ts';

describe('ticks', () => {
  it('are round and cover the data', () => {
    // 0.82 to 0.951 spans 0.131; a fifth is 0.0262, and the next round step is 0.05.
    expect(coveringTicks(0.82, 0.951)).to.deep.equal({ values: [0.8, 0.85, 0.9, 0.95, 1], step: 0.05 });
    expect(coveringTicks(-3, 7).values).to.deep.equal([-4, -2, 0, 2, 4, 6, 8]); // 10 / 5 = 2
    expect(coveringTicks(0, 1).values).to.deep.equal([0, 0.2, 0.4, 0.6, 0.8, 1]); // 0.6, not 0.6000000000000001
  });

  it('of rounds are whole numbers', () => {
    expect(coveringTicks(1, 3, 5, true).values).to.deep.equal([1, 2, 3]);
    expect(innerTicks(1, 60, 6, true).values).to.deep.equal([10, 20, 30, 40, 50, 60]);
    expect(innerTicks(1, 1, 6, true).values).to.deep.equal([1]);
  });

  it('surround a single value', () => {
    expect(coveringTicks(5, 5).values).to.include(5).and.have.length.within(3, 7);
    expect(coveringTicks(1e6 - 1e-10, 1e6).values)
      .to.include(1e6)
      .and.have.length.within(3, 7);
    expect(coveringTicks(0, 0).values).to.deep.equal([-1, -0.5, 0, 0.5, 1]);
  });

  it('on a log axis are powers of ten, with 2 and 5 where there are few', () => {
    expect(logTicks(0.11, 0.9).values).to.deep.equal([0.1, 0.2, 0.5, 1]);
    expect(logTicks(1, 1e5).values).to.deep.equal([1, 10, 100, 1000, 10_000, 100_000]);
  });

  it('always cover, by steps of 1, 2 or 5 times a power of ten', () => {
    const number = fc.double({ min: -1e12, max: 1e12, noNaN: true }).filter((x) => x === 0 || Math.abs(x) > 1e-6);
    fc.assert(
      fc.property(number, number, (a, b) => {
        const [low, high] = [Math.min(a, b), Math.max(a, b)];
        fc.pre(high - low > 1e-9 * Math.max(Math.abs(low), Math.abs(high)) || low === high);
        const { values, step } = coveringTicks(low, high);
        const slack = 1e-6 * step!;
        expect(values[0]).to.be.at.most(low + slack);
        expect(values.at(-1)).to.be.at.least(high - slack);
        expect(values).to.have.length.within(2, 9);
        expect(step!.toExponential()).to.match(/^[125]e/);
      }),
    );
  });

  it('have labels with the decimals of their step, a true minus, and k, M, G', () => {
    expect(tickLabel(0.8, 0.05)).to.equal('0.80');
    expect(tickLabel(-2, 2)).to.equal('\u22122');
    expect(tickLabel(5000, 1000)).to.equal('5000');
    expect(tickLabel(20_000, 10_000)).to.equal('20\u2009k');
    expect(tickLabel(1.5e6, 5e5)).to.equal('1.5\u2009M');
    expect(tickLabel(0, 0.5)).to.equal('0');
    expect(tickLabel(1e-6, null)).to.equal('1e\u22126');
  });

  it('leave out labels that would touch, and then keep multiples', () => {
    const marks = Array.from({ length: 60 }, (_, i) => ({ x: 9 * i, name: String(i + 1) }));
    // "55" and "60" are about 15 px wide each: neighbours at 9 and 18 px touch, those at 45 px do not.
    expect(spaced(marks).map(({ name }) => Number(name))).to.deep.equal([
      5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60,
    ]);
    expect(spaced([{ x: 0, name: 'anna' }, { x: 5, name: 'bert' }, { x: 100, name: 'carl' }]).map(({ name }) => name)).to.deep.equal(['anna', 'carl']); // prettier-ignore
  });
});

describe('a scale', () => {
  it('puts values where a hand puts them', () => {
    const y = scale(percentAxis('Accuracy'), [0.82, 0.951], 300, 100); // 80 % to 100 % over 200 px
    expect(y.ticks.values).to.deep.equal([80, 85, 90, 95, 100]);
    expect(y.at(0.8)).to.be.closeTo(300, 1e-9);
    expect(y.at(0.95)).to.be.closeTo(150, 1e-9); // 300 - 200 * 15/20
    const log = scale({ label: 'Loss', log: true }, [0.01, 1], 0, 100);
    expect(log.at(0.1)).to.be.closeTo(50, 1e-9);
  });

  it('has no place for what is missing, not finite, or not positive on a log axis', () => {
    const y = scale({ label: 'Loss' }, [1, NaN, Infinity, null, undefined, 2], 0, 100);
    expect([y.low, y.high]).to.deep.equal([1, 2]);
    for (const value of [NaN, Infinity, -Infinity, null, undefined]) expect(y.at(value)).to.equal(null);
    expect(scale({ label: 'Loss', log: true }, [0, 1], 0, 100).at(0)).to.equal(null);
  });

  it('is there without any data', () => {
    expect(scale(percentAxis('Accuracy'), [], 0, 100).ticks.values).to.deep.equal([0, 20, 40, 60, 80, 100]);
    expect(scale({ label: 'Loss', log: true }, [NaN], 0, 100).ticks.values.length).to.be.above(1);
  });

  it('shows bytes and seconds in the unit that fits', () => {
    expect(bytesAxis('Sent', 8e6)).to.include({ unit: 'MB', factor: 1e-6 });
    expect(bytesAxis('Sent', 999)).to.include({ unit: 'bytes', factor: 1 });
    expect(secondsAxis('Time', 0.02)).to.include({ unit: 'ms', factor: 1e3 });
    expect(secondsAxis('Time', 600)).to.include({ unit: 'min' });
  });
});

describe('text', () => {
  it('is cut where it has no room', () => {
    expect(fitted('client', 12, 100)).to.equal('client');
    const cut = fitted('a very long name of a client', 12, 60);
    expect(cut).to.match(/^a ver.*…$/);
    expect(textWidth(cut, 12)).to.be.at.most(60);
  });
});

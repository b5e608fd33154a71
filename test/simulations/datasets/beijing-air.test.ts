import { expect } from 'chai';
import { FederatedError } from '../../../shared/errors.ts';
import {
  carryForward,
  parseStation,
  stationWindows,
  windowHours,
  type Station,
} from '../../../simulations/datasets/beijing-air.ts';
import { select } from '../../../simulations/datasets/loaded.ts';

const header =
  '"No","year","month","day","hour","PM2.5","PM10","SO2","NO2","CO","O3","TEMP","PRES","DEWP","RAIN","wd","WSPM","station"';

describe('parseStation', () => {
  it('reads numbers, wind and hour, with NaN for NA', () => {
    const lines = '1,2013,3,1,7,4,NA,3,NA,200,82,-2.3,1020.8,-19.7,0,"E",0.5,"Dingling"\r\n';
    const { name, values, wind, hourOfDay } = parseStation(`${header}\r\n${lines}`, 'x');
    expect(name).to.equal('Dingling');
    expect(values.map(([value]) => value)).to.deep.equal(
      [4, Number.NaN, 3, Number.NaN, 200, 82, -2.3, 1020.8, -19.7, 0, 0.5], // rain: ln(1 + 0)
    );
    expect([wind[0], hourOfDay[0]]).to.deep.equal([4, 7]); // east is a quarter of sixteen
  });

  it('refuses other tables', () => {
    expect(() => parseStation('a,b\n1,2\n', 'x')).to.throw(FederatedError, /no column "PM2.5"/);
    expect(() => parseStation(`${header}\n1,2\n`, 'x')).to.throw(FederatedError, /lines of 18 cells/);
    expect(() => parseStation('', 'x')).to.throw(FederatedError, /below the header/);
  });
});

describe('carryForward', () => {
  it('repeats the last value and never looks ahead', () => {
    const { NaN: missing } = Number;
    expect([...carryForward(Float64Array.of(missing, 2, missing, missing, 5))]).to.deep.equal([missing, 2, 2, 2, 5]);
  });
});

describe('stationWindows', () => {
  const trainingHours = 1_096 * 24;
  const hours = trainingHours + 60;
  /** PM2.5 is 0 and 2 in turn, so that mean and deviation are 1; in the test year it is the hour's number. */
  const station = (name: string): Station => ({
    name,
    values: Array.from({ length: 11 }, (_, channel) =>
      Float64Array.from({ length: hours }, (__, hour) =>
        channel > 0 ? 5 : hour < trainingHours ? (hour % 2) * 2 : hour,
      ),
    ),
    wind: new Float64Array(hours).fill(4),
    hourOfDay: Float64Array.from({ length: hours }, (_, hour) => hour % 24),
  });
  const stations = [station('A'), station('B')];

  it('predicts from the day before, in standard deviations of the training hours', () => {
    const { xs, ys, features, classes } = stationWindows('air', stations, 'train').take(Uint32Array.of(0, 1));
    expect(features).to.deep.equal([windowHours, 15]);
    expect(classes).to.equal(null);
    expect([...ys]).to.deep.equal([-1, 1]); // hours 24 and 29: PM2.5 of 0 and 2
    expect(Array.from({ length: 4 }, (_, hour) => xs[hour * 15])).to.deep.equal([-1, 1, -1, 1]);
    expect([...xs.subarray(1, 11)]).to.deep.equal(Array.from({ length: 10 }, () => 0)); // they never change
    const [x, y, sin, cos] = xs.subarray(6 * 15 + 11, 7 * 15);
    expect(x).to.equal(1); // wind from the east
    expect(y).to.be.closeTo(0, 1e-7);
    expect([sin, Math.abs(cos!) < 1e-7]).to.deep.equal([1, true]); // six o'clock: a quarter of the day
  });

  it('keeps the last year apart, its first day being input only', () => {
    const test = select(stationWindows('air', stations, 'test'), null);
    expect(test.count).to.equal(2 * 8); // of each station the hours 24, 29 .. 59 of 60
    expect(test.ys[0]).to.equal(trainingHours + 24 - 1); // the value less the mean of 1
    expect(test.xs[0]).to.equal(trainingHours - 1);
    expect(test.clients!.names).to.deep.equal(['A', 'B']);
    expect(select(stationWindows('air', stations, 'train'), null).count).to.equal(2 * 5_256); // (26,304 - 24) / 5
  });

  it('has no example where the target is missing', () => {
    const broken = station('A');
    broken.values[0]![24] = Number.NaN;
    const { count, ys } = select(stationWindows('air', [broken], 'train'), null);
    expect(count).to.equal(5_255);
    expect(ys.every(Number.isFinite)).to.equal(true);
  });
});

import { missingCells, standardise, statisticsOf, toNumber, type Statistics } from './columns.ts';
import { badFile } from './file.ts';
import { groupBy } from './groups.ts';
import type { Source } from './loaded.ts';
import { linesOf, setFiles, type DataSet, type Split } from './set-files.ts';

/**
 * The air of Beijing: PM2.5 of the next hour from the 24 hours before it, each of twelve stations a client.
 *
 * - An example is [24, 15]: six pollutants, temperature, pressure, dew point, rain (as ln(1 + mm), since most hours are dry)
 *   and wind speed, each standardised by the training hours of all stations; the direction of the wind and the hour of the
 *   day as points on a circle.
 * - The target is the next PM2.5, standardised in the same way; hours where it was not measured are no example.
 * - A missing value of an input is the last one measured before it (never one that comes later), or the mean where there is
 *   none yet.
 * - An example starts every five hours: five and 24 share no factor, so that each hour of the day is predicted.
 * - Training: targets from March 2013 to February 2016. Test: the year after, the first day being input only.
 */
export const windowHours = 24;
const stride = 5;
/** Hours of the first three years, of which one has a 29 February: 1,096 days. */
const trainingHours = 1_096 * 24;

const measured = ['PM2.5', 'PM10', 'SO2', 'NO2', 'CO', 'O3', 'TEMP', 'PRES', 'DEWP', 'RAIN', 'WSPM'];
const channels = measured.length + 4;
const winds = ['N', 'NNE', 'NE', 'ENE', 'E', 'ESE', 'SE', 'SSE', 'S', 'SSW', 'SW', 'WSW', 'W', 'WNW', 'NW', 'NNW'];

/** The hours of one station; NaN is a missing value. */
export interface Station {
  readonly name: string;
  /** One array for each of the measured values. */
  readonly values: readonly Float64Array[];
  /** Number of the wind's direction, clockwise from north in sixteenths. */
  readonly wind: Float64Array;
  readonly hourOfDay: Float64Array;
}

/** @throws FederatedError BAD_FILE */
export function parseStation(text: string, name: string): Station {
  // No quoted cell holds a comma.
  const [header = '', ...lines] = linesOf(text.replaceAll('"', ''));
  const columns = header.split(',');
  const cells = lines.map((line) => line.split(','));
  if (cells.length === 0 || cells.some((row) => row.length !== columns.length)) {
    throw badFile(name, `expected lines of ${columns.length} cells below the header`);
  }
  const column = (wanted: string, read: (cell: string) => number): Float64Array => {
    const place = columns.indexOf(wanted);
    if (place < 0) throw badFile(name, `has no column "${wanted}"`);
    return Float64Array.from(cells, (row) => read(row[place]!));
  };
  return {
    name: cells[0]![columns.indexOf('station')] ?? name,
    values: measured.map((each) => column(each, each === 'RAIN' ? (cell) => Math.log1p(toNumber(cell)) : toNumber)),
    wind: column('wd', (cell) => (missingCells.has(cell) ? Number.NaN : winds.indexOf(cell))),
    hourOfDay: column('hour', toNumber),
  };
}

/** Mean and deviation of each measured value over the training hours of all stations. */
function trainingStatistics(stations: readonly Station[]): Statistics[] {
  return measured.map((_, channel) => {
    const values = stations.map((station) => station.values[channel]!.subarray(0, trainingHours));
    const all = new Float64Array(values.reduce((sum, { length }) => sum + length, 0));
    let next = 0;
    for (const each of values) {
      all.set(each, next);
      next += each.length;
    }
    return statisticsOf(all, all.keys());
  });
}

/** A copy in which a missing value is the last one before it; those at the start stay missing. */
export function carryForward(values: Float64Array): Float64Array {
  const filled = values.slice();
  for (let i = 1; i < filled.length; i++) if (Number.isNaN(filled[i]!)) filled[i] = filled[i - 1]!;
  return filled;
}

/** The inputs of all hours of a station: [hours, channels]. */
function inputsOf({ values, wind, hourOfDay }: Station, statistics: readonly Statistics[]): Float32Array {
  const hours = hourOfDay.length;
  const inputs = new Float32Array(hours * channels);
  for (const [channel, series] of values.entries()) {
    const filled = carryForward(series);
    for (let hour = 0; hour < hours; hour++) {
      inputs[hour * channels + channel] = standardise(filled[hour]!, statistics[channel]!);
    }
  }
  const direction = carryForward(wind);
  for (let hour = 0; hour < hours; hour++) {
    const at = hour * channels + measured.length;
    const angle = (direction[hour]! / winds.length) * 2 * Math.PI;
    const time = (hourOfDay[hour]! / 24) * 2 * Math.PI;
    inputs[at] = Number.isNaN(angle) ? 0 : Math.sin(angle);
    inputs[at + 1] = Number.isNaN(angle) ? 0 : Math.cos(angle);
    inputs[at + 2] = Math.sin(time);
    inputs[at + 3] = Math.cos(time);
  }
  return inputs;
}

/** The examples of one split of all stations. */
export function stationWindows(name: string, stations: readonly Station[], split: Split): Source {
  const statistics = trainingStatistics(stations);
  const inputs = stations.map((station) => inputsOf(station, statistics));
  const owners: number[] = [];
  const hours: number[] = []; // of the target
  for (const [owner, { values }] of stations.entries()) {
    const pm25 = values[0]!;
    const [from, to] = split === 'train' ? [0, Math.min(trainingHours, pm25.length)] : [trainingHours, pm25.length];
    for (let hour = from + windowHours; hour < to; hour += stride) {
      if (Number.isNaN(pm25[hour]!)) continue;
      owners.push(owner);
      hours.push(hour);
    }
  }
  const width = windowHours * channels;
  return {
    name,
    count: hours.length,
    clients: groupBy(owners.map((owner) => stations[owner]!.name)),
    take(indices) {
      const xs = new Float32Array(indices.length * width);
      const ys = new Float32Array(indices.length);
      for (const [i, index] of indices.entries()) {
        const owner = owners[index]!;
        const hour = hours[index]!;
        xs.set(inputs[owner]!.subarray((hour - windowHours) * channels, hour * channels), i * width);
        ys[i] = standardise(stations[owner]!.values[0]![hour]!, statistics[0]!);
      }
      return { name, xs, ys, count: indices.length, features: [windowHours, channels], classes: null };
    },
  };
}

const hashes: Readonly<Record<string, string>> = {
  Aotizhongxin: '7b7a81e0f50496f56b736105b6ab01186fa641bc09209ec5ba19bcf31ed49ea8',
  Changping: 'fe69058420e92022cad3e92d2a4d8e0cd61f6a1227ef0d4cb7dcc2d9156bc8fb',
  Dingling: 'af0da050a70e445e9ee3fe629bf54547b8fe020996b3669177dba62c4d2045d2',
  Dongsi: 'bd927948734ce4ae556a6c2ebc53e80465251a668ccfe421e9fa9de9cda2b93c',
  Guanyuan: 'd941a4fc7453c7cacaa36c8aaf069d08bea6306fa8e830f2ff530d9c7fea8eac',
  Gucheng: 'd752293d2279dc39c4a064c326a835bd6944a8adb22054145b6dc896f2e4f279',
  Huairou: 'fafd62384d27a51c754b336f187575e3080ff0a46a635d7b6dfa14be2a44b91d',
  Nongzhanguan: '231c58975ba4806d4e77accc30158724095ae31c65c12d87e7216b12782f8c78',
  Shunyi: 'e36f0ae81b203a9c5ecc67cc96d4a9b545b810b4250a927ca22ea97df003ae3a',
  Tiantan: '08fc494129242062c392ee1fc682b1e45fcf21da4a3748ab79091080797e8d63',
  Wanliu: '3b67d89493f22d7fcdb74e72e1ba0eaec1d3957675d5bbb209b7872fa519567e',
  Wanshouxigong: '19eb8b9443dfcee48da90865359de5241ca4f8ef01e539ddbafc928b74893a76',
};
const fileOf = (station: string): string => `PRSA_Data_${station}_20130301-20170228.csv.gz`;
const { text, ...found } = setFiles(
  'beijing-air',
  'beijing-air',
  Object.fromEntries(Object.entries(hashes).map(([station, hash]) => [fileOf(station), hash])),
);

export const beijingAir: DataSet = {
  name: 'beijing-air',
  title: 'PM2.5 of the next hour from a day of twelve air-quality stations',
  examples: { train: 61_783, test: 20_478 },
  clients: { what: 'stations', train: 12, test: 12 },
  groups: [],
  licence: 'CC BY 4.0',
  source:
    'S. Zhang et al., Cautionary Tales on Air-Quality Improvement in Beijing, Proc. Royal Society A 473, 2017; ' +
    'UCI Machine Learning Repository, doi 10.24432/C5RK5G',
  files: found.files,
  locate: found.locate,
  advice: found.advice,
  async read(split) {
    const stations: Station[] = []; // one after the other: each text is large
    for (const station of Object.keys(hashes))
      stations.push(parseStation(await text(fileOf(station)), fileOf(station)));
    return stationWindows('beijing-air', stations, split);
  },
};

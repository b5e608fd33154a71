// A device that measures all the time and trains now and then: node sensor.mjs LINK [--every MS] [--state DIR] [--simulate SEED]
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { FederatedClient } from 'fedloom/client';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    every: { type: 'string', default: '10000' },
    state: { type: 'string' },
    /** Makes the readings up: for a try where no sensor is. */
    simulate: { type: 'string' },
    /** Where Linux has a temperature, in thousandths of a degree. */
    file: { type: 'string', default: '/sys/class/thermal/thermal_zone0/temp' },
  },
});
const [link] = positionals;
if (link === undefined) {
  console.error('usage: node sensor.mjs LINK [--every MS] [--state DIR] [--file PATH] [--simulate SEED]');
  process.exit(2);
}

const window = 32; // as the task has it
const kept = 5_000;
const readings = [];
const simulated = (seed, i) => 21 + (seed % 3) + 2 * Math.sin((i + 40 * seed) / 20) + 0.2 * Math.sin(i / 3);
const measure = async () => Number(await readFile(values.file, 'utf8')) / 1000;

if (values.simulate === undefined) {
  const add = async () => {
    readings.push(await measure());
    if (readings.length > kept) readings.shift();
  };
  await add(); // fails here, and not in an hour, where there is no sensor
  setInterval(() => void add().catch((error) => console.error(error.message)), Number(values.every)).unref();
} else {
  for (let i = 0; i < 400; i++) readings.push(simulated(Number(values.simulate), i));
}

/** Each window of readings with the one that follows it, in units of ten degrees about twenty. */
function examples() {
  const scaled = Float32Array.from(readings, (degrees) => (degrees - 20) / 10);
  const count = Math.max(0, scaled.length - window);
  const xs = new Float32Array(count * window);
  for (let i = 0; i < count; i++) xs.set(scaled.subarray(i, i + window), i * window);
  return { xs, ys: scaled.slice(scaled.length - count) };
}

const client = new FederatedClient({
  url: link,
  consent: 'given', // whoever installs this service agrees to it
  data: examples,
  liveData: true, // asked for before each round: the newest readings are among them
  when: values.simulate === undefined ? { idle: true, unknown: 'allow' } : {},
  secureAggregation: { required: true },
  label: 'sensor',
  ...(values.state === undefined ? {} : { stateDir: values.state }),
});
client.addEventListener('state', ({ detail }) => console.error(detail.message));
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stop.abort());
for await (const { round, result } of client.join({ signal: stop.signal })) console.log(`round ${round}: ${result}`);
process.exit(0); // the next reading would keep the process alive

import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { maxSlope, soak, textOf } from './soak.ts';

/** `npm run soak -- --minutes N [--clients N] [--seed N]`. Exit 1: memory grows, or something is left in the end. */

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    clients: { type: 'string', default: '8' },
    seed: { type: 'string', default: '1' },
  },
});
const number = (name: keyof typeof values, least: number): number => {
  const value = Number(values[name]);
  if (Number.isFinite(value) && value >= least) return value;
  console.error(`--${name}: expected a number from ${least}, got ${values[name]}`);
  process.exit(2);
};

const minutes = number('minutes', 0.1);
const result = await soak({
  minutes,
  clients: number('clients', 4),
  seed: number('seed', 0),
  onLine: (line) => console.log(line),
});
const { rounds, parts, faults, held, rss, verdict, left, problems } = result;
console.log(`load of the machine ${loadavg()[0]!.toFixed(1)}`);
console.log(`${rounds} rounds, ${parts} times a client had its part; ${JSON.stringify(faults)}`);
console.log(`what the server holds: ${textOf(held)}: ${verdict} (bound ${maxSlope} MB/h)`);
console.log(`resident memory:       ${textOf(rss)}`);
if (verdict === 'undecided') console.log('The error bar reaches over the bound: a longer run decides it.');
console.log(left.length === 0 ? 'left in the end: nothing' : `left in the end:\n  ${left.join('\n  ')}`);
for (const problem of problems) console.log(`a client has seen: ${problem}`);
process.exit(verdict === 'failed' || left.length > 0 ? 1 : 0);

import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { isErrorCode } from '../../../shared/errors.ts';
import { shapeOf } from '../../../shared/secagg/graph.ts';
import { makeSecAggPlan } from '../../../shared/secagg/plan.ts';
import { packedLength } from '../../../shared/updates/pack.ts';
import { native } from '../../helpers/primitives.ts';
import { Aggregation, remembering } from '../../helpers/secagg.ts';

const folder = new URL('../../../shared/secagg/', import.meta.url);
const readme = readFileSync(new URL('README.md', folder), 'utf8');
const sources = readdirSync(folder)
  .filter((name) => name.endsWith('.ts'))
  .map((name) => readFileSync(new URL(name, folder), 'utf8'))
  .join('\n');

/** The rows of the table with this head, as cells without code marks. */
function table(head: string): string[][] {
  const start = readme.indexOf(`| ${head} |\n`);
  expect(start, head).to.be.greaterThan(0);
  const [text] = readme.slice(start).split('\n\n');
  const rows = text!.split('\n').slice(2);
  return rows.map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('`', '')),
  );
}

const plan = makeSecAggPlan({ maxCohort: 10_000, words: 10, modulusBits: 32, update: '0'.repeat(64) });

describe("secure aggregation's README", () => {
  it('has the thresholds of the complete graph', () => {
    const rows = table('n | t | may drop out').map((cells) => cells.map(Number));
    expect(rows.length).to.be.greaterThan(10);
    for (const [n, t, lost] of rows) {
      expect(shapeOf(plan, n!)).to.deep.equal({ clients: n, complete: true, degree: n! - 1, threshold: t });
      expect(lost).to.equal(n! - t!);
    }
  });

  it('has degrees and thresholds of the k-regular graph', () => {
    const rows = table('n | k | t').map((cells) => cells.map(Number));
    expect(rows.map(([n]) => n)).to.deep.equal([101, 150, 200, 300, 500, 1000]);
    for (const [n, k, t] of rows) {
      expect(shapeOf(plan, n!)).to.deep.equal({ clients: n, complete: false, degree: k, threshold: t });
    }
    expect([plan.corrupt, plan.dropped, plan.sigma, plan.eta]).to.deep.equal([0.1, 0.1, 60, 20]);
    expect(readme).to.include('(corrupt 0.1, dropped 0.1, sigma 60, eta 20)');
  });

  it('has the lengths of all messages', async () => {
    for (const options of [
      { clients: 9 },
      { clients: 40, plan: { completeUpTo: 0, corrupt: 0.05, dropped: 0.05, sigma: 20, eta: 4 } },
    ]) {
      const sizes: Record<string, number> = {};
      const attempt = new Aggregation({ ...options, primitives: remembering(native) });
      const measure =
        (name: string) =>
        <T extends object>(message: T): T => {
          const lists = Object.values(message).filter((value) => value instanceof Uint8Array);
          sizes[name] = lists.reduce((sum, { length }) => sum + length, 0);
          return message;
        };
      const up = {
        advert: measure('advert'),
        shares: measure('shares'),
        consent: measure('consent'),
        reveal: measure('reveal'),
      };
      const down = {
        roster: measure('roster'),
        delivery: measure('delivery'),
        survivors: measure('survivors'),
        unmask: measure('unmask'),
      };
      expect((await attempt.run({ up, down })).givenUp).to.equal(null);
      const { clients: n } = options;
      const { degree: k, threshold } = attempt.roster!;
      const [h, s] = k === n - 1 ? [n, threshold - 1] : [k, threshold];
      const values: Record<string, number> = { n, k, h, s, set: Math.ceil(n / 8), sets: Math.ceil(n / 8) };
      const valueOf = (formula: string): number =>
        formula
          .split(' + ')
          .map((term) => term.split(' ').reduce((product, factor) => product * (values[factor] ?? Number(factor)), 1))
          .reduce((sum, term) => sum + term, 0);
      const rows = table('message | bytes | what is in it').filter(([name]) => name !== 'vector');
      expect(Object.fromEntries(rows.map(([name, bytes]) => [name, valueOf(bytes!)]))).to.deep.equal(sizes);
    }
    expect(readme).to.include('| 4 ceil(words M / 32)');
    expect(packedLength(10, 17)).to.equal(4 * Math.ceil((10 * 17) / 32));
  });

  it('names every code that is raised, and no other', () => {
    const inCode = new Set([...sources.matchAll(/'((?:SECAGG|BAD|MODULUS|WRONG)_[A-Z_]+)'/g)].map(([, code]) => code!));
    const inReadme = new Set([...readme.matchAll(/`([A-Z]+_[A-Z_]+)`/g)].map(([, code]) => code!));
    expect(inCode.size).to.be.greaterThan(15);
    for (const code of inReadme) expect(isErrorCode(code), code).to.equal(true);
    inCode.delete('BAD_ARGUMENT'); // a fault of the caller
    inReadme.delete('MODULUS_OVERFLOW'); // raised by ../updates
    expect([...inReadme].sort()).to.deep.equal([...inCode].sort());
  });

  it('names every label of a hash, signature or key, and no other', () => {
    const labels = /['"](fedloom\/1 secagg [a-z ]+)['"]/g;
    const inCode = new Set([...sources.matchAll(labels)].map(([, label]) => label!));
    expect(inCode.size).to.be.greaterThan(8);
    expect([...new Set([...readme.matchAll(labels)].map(([, label]) => label!))].sort()).to.deep.equal(
      [...inCode].sort(),
    );
  });
});

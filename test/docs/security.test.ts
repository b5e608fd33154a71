import { expect } from 'chai';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { shapeOf } from '../../shared/secagg/graph.ts';
import { makeSecAggPlan } from '../../shared/secagg/plan.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const text = readFileSync(join(root, 'SECURITY.md'), 'utf8');

describe('SECURITY.md', () => {
  it('has the numbers of clients that the code gives', () => {
    const plan = makeSecAggPlan({ maxCohort: 100, modulusBits: 32, words: 10, update: 'ab'.repeat(32) });
    const rows = [...text.matchAll(/^\| (\d+) \| (\d+) \| (\d+) \| (\d+)[^|]*\| (\d+)[^|]*\|$/gm)];
    expect(rows.length).to.be.above(7);
    for (const row of rows) {
      const [clients, ...figures] = row.slice(1).map(Number) as [number, ...number[]];
      const { threshold, complete } = shapeOf(plan, clients);
      expect(complete).to.equal(true);
      // t shares of a key that the server should not have; or two lists of survivors, each signed by t: 2t <= n + c.
      const curious = Math.min(threshold, clients - 1);
      const lying = Math.min(2 * threshold - clients, clients - 1);
      expect(figures, `n = ${clients}`).to.deep.equal([threshold, clients - threshold, curious, lying]);
    }
  });

  it('links to files, and names tests, that are there', () => {
    const links = [...text.matchAll(/\]\(([^)#]+)\)/g)].map(([, path]) => path!);
    const tests = [...text.matchAll(/`(test\/[\w/.-]+)`/g)].map(([, path]) => path!);
    expect([links.length, tests.length].every((count) => count > 0)).to.equal(true);
    for (const path of [...links, ...tests]) expect(existsSync(join(root, path)), path).to.equal(true);
  });
});

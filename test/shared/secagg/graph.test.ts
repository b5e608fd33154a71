import { expect } from 'chai';
import { native } from '../../helpers/primitives.ts';
import fc from 'fast-check';
import { Graph, shapeOf, type Shape } from '../../../shared/secagg/graph.ts';
import { logFactorial } from '../../../shared/secagg/hypergeometric.ts';
import { makeSecAggPlan, type SecAggPlan } from '../../../shared/secagg/plan.ts';
import { codeOf } from '../../helpers/primitives.ts';
import { seededBytes } from '../../helpers/secagg.ts';

const plan = (changes: Partial<SecAggPlan> = {}): SecAggPlan =>
  makeSecAggPlan({ maxCohort: 10_000, words: 10, modulusBits: 32, update: '0'.repeat(64), ...changes });

const hash = seededBytes('graph')(32);
const everyone = ({ clients }: Shape): number[] => Array.from({ length: clients }, (_, i) => i);
const edges = (graph: Graph): string[] =>
  everyone(graph.shape).flatMap((a) => graph.neighbours(a).map((b) => `${a}-${b}`));

/** Any k-regular shape: k even and below n - 1. */
const shapes = fc
  .integer({ min: 4, max: 80 })
  .chain((clients) =>
    fc
      .integer({ min: 1, max: Math.floor((clients - 2) / 2) })
      .map((half): Shape => ({ clients, complete: false, degree: 2 * half, threshold: half + 1 })),
  );
const hashes = fc.uint8Array({ minLength: 32, maxLength: 32 });

describe('the graph of who shares with whom', () => {
  it('gives each client k neighbours, never itself, and is the same from both ends', () => {
    fc.assert(
      fc.property(shapes, hashes, (shape, rosterHash) => {
        const graph = new Graph(native, shape, rosterHash);
        for (const a of everyone(shape)) {
          const near = graph.neighbours(a);
          expect(near).to.deep.equal([...new Set(near)].sort((x, y) => x - y));
          expect(near.length).to.equal(shape.degree);
          expect(near).not.to.include(a);
          for (const b of everyone(shape)) {
            expect(graph.areNeighbours(a, b)).to.equal(near.includes(b));
            expect(graph.areNeighbours(b, a)).to.equal(near.includes(b));
          }
          expect(graph.holders(a)).to.deep.equal(near);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('is in one piece', () => {
    fc.assert(
      fc.property(shapes, hashes, (shape, rosterHash) => {
        const graph = new Graph(native, shape, rosterHash);
        const reached = new Set([0]);
        for (const client of reached) for (const peer of graph.neighbours(client)) reached.add(peer);
        expect(reached.size).to.equal(shape.clients);
      }),
      { numRuns: 30 },
    );
  });

  it('is the same for everyone who has the same roster, and another for any other bit of its hash', () => {
    const shape = { clients: 60, complete: false, degree: 10, threshold: 7 };
    const graph = edges(new Graph(native, shape, hash));
    expect(edges(new Graph(native, shape, hash.slice()))).to.deep.equal(graph);
    const seen = new Set([graph.join()]);
    for (let bit = 0; bit < 256; bit++) {
      const changed = hash.slice();
      changed[bit >> 3]! ^= 1 << (bit & 7);
      seen.add(edges(new Graph(native, shape, changed)).join());
    }
    expect(seen.size).to.equal(257);
  });

  it('draws every pair equally often', () => {
    const shape = { clients: 12, complete: false, degree: 4, threshold: 3 };
    const counts = new Map<string, number>();
    const draws = 2000;
    for (let i = 0; i < draws; i++) {
      const graph = new Graph(native, shape, seededBytes('draw', i)(32));
      for (const edge of edges(graph)) counts.set(edge, (counts.get(edge) ?? 0) + 1);
    }
    // Each of the 132 ordered pairs with chance 4 / 11; five standard deviations of sqrt(2000 * 4/11 * 7/11) = 21.5.
    expect(counts.size).to.equal(132);
    for (const count of counts.values()) expect(count).to.be.closeTo((draws * 4) / 11, 5 * 21.5);
  });

  it('has everyone as everyone’s neighbour when it is complete, and as a holder of its own shares', () => {
    const shape = shapeOf(plan(), 7);
    expect(shape).to.deep.equal({ clients: 7, complete: true, degree: 6, threshold: 5 });
    const graph = new Graph(native, shape, hash);
    expect(graph.neighbours(3)).to.deep.equal([0, 1, 2, 4, 5, 6]);
    expect(graph.holders(3)).to.deep.equal([0, 1, 2, 3, 4, 5, 6]);
    expect([graph.areNeighbours(3, 3), graph.areNeighbours(3, 0), graph.areNeighbours(3, 7)]).to.deep.equal([
      false,
      true,
      false,
    ]);
  });

  it('gives holders x from 1 in ascending order, and others none', () => {
    for (const shape of [shapeOf(plan(), 7), { clients: 20, complete: false, degree: 6, threshold: 4 }]) {
      const graph = new Graph(native, shape, hash);
      for (const dealer of everyone(shape)) {
        const holders = graph.holders(dealer);
        const expected = everyone(shape).map((each) =>
          holders.includes(each) ? holders.indexOf(each) + 1 : undefined,
        );
        expect(everyone(shape).map((each) => graph.xOf(dealer, each))).to.deep.equal(expected);
        expect([graph.xOf(dealer, shape.clients), graph.xOf(shape.clients, dealer)]).to.deep.equal([
          undefined,
          undefined,
        ]);
      }
    }
  });
});

describe('the shape of the graph', () => {
  it('is complete up to the limit and regular beyond', () => {
    for (const clients of [3, 4, 50, 99, 100]) expect(shapeOf(plan(), clients).complete, `${clients}`).to.equal(true);
    for (const clients of [101, 150, 1000]) expect(shapeOf(plan(), clients).complete, `${clients}`).to.equal(false);
    for (const clients of [255, 256])
      expect(shapeOf(plan({ completeUpTo: 255 }), clients).complete).to.equal(clients === 255);
  });

  it('is complete where no regular graph is safe, as long as shares do not run out', () => {
    const impossible = plan({ completeUpTo: 0, corrupt: 0.5, dropped: 0.45 });
    expect(shapeOf(impossible, 20)).to.deep.equal({ clients: 20, complete: true, degree: 19, threshold: 14 });
    expect(shapeOf(impossible, 255).threshold).to.equal(171);
    expect(codeOf(() => shapeOf(impossible, 256))).to.equal('SECAGG_WEAK_GRAPH');
  });

  it('has a threshold above the plan’s share of the clients, but never more than there are clients', () => {
    for (let clients = 3; clients <= 100; clients++) {
      const { threshold } = shapeOf(plan(), clients);
      expect(3 * threshold).to.be.greaterThan(2 * clients); // t > 2n / 3 ...
      expect(3 * (threshold - 1)).to.be.at.most(2 * clients); // ... and no larger than that takes
      expect(threshold).to.be.at.most(clients);
    }
    expect(shapeOf(plan({ completeThreshold: [99, 100] }), 3).threshold).to.equal(3);
    expect(shapeOf(plan({ completeThreshold: [1, 2] }), 4).threshold).to.equal(3);
  });

  it('leaves no room for two lists of survivors: 2t > n + c with fewer than n / 3 corrupt', () => {
    for (let clients = 3; clients <= 100; clients++) {
      const corrupt = Math.ceil(clients / 3) - 1;
      expect(2 * shapeOf(plan(), clients).threshold).to.be.greaterThan(clients + corrupt);
    }
  });

  it('is cut by a server that drops whom it likes with chance at most 2^-51', () => {
    // To cut the ring in two places, k / 2 in a row must be corrupt or dropped in each; but whoever stands beside them sees only the
    // k / 2 on its other side and the corrupt ones, and does not go on with fewer than t. So at least t - k / 2 of each row are corrupt.
    const logChoose = (n: number, k: number): number => logFactorial(n) - logFactorial(k) - logFactorial(n - k);
    for (const clients of [101, 150, 200, 300, 500, 1000, 2000, 5000, 10_000]) {
      const { degree, threshold } = shapeOf(plan(), clients);
      const row = degree / 2;
      const corrupt = Math.floor(clients / 10);
      let chance = 0;
      for (let x = threshold - row; x <= Math.min(row, corrupt); x++) {
        for (let y = threshold - row; y <= Math.min(row, corrupt - x); y++) {
          const log = logChoose(row, x) + logChoose(row, y) + logChoose(clients - 2 * row, corrupt - x - y);
          chance += Math.exp(log - logChoose(clients, corrupt));
        }
      }
      const pairs = (clients * (clients - degree - 1)) / 2;
      expect(Math.log2(chance * pairs), `${clients}`).to.be.lessThan(-51);
    }
  });
});

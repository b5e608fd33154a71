import { expect } from 'chai';
import { MaskPool } from '../../../server/masking/mask-pool.ts';
import { fromHex } from '../../../shared/bytes.ts';
import { shapeOf } from '../../../shared/secagg/graph.ts';
import { nodeTimes } from '../../../simulations/bench/secagg-browser.ts';
import { hasThinGraph, runAttempt, setupOf, type AttemptSample } from '../../../simulations/bench/secagg-attempt.ts';
import { fromText, toText } from '../../../simulations/bench/secagg-client.ts';
import { benchSecAgg } from '../../../simulations/bench/secagg.ts';
import { refuses } from '../../contracts/store.ts';

describe('the benchmark of secure aggregation', function () {
  this.timeout(60_000);
  let pool: MaskPool;
  before(() => (pool = new MaskPool({ threads: 0 })));
  after(() => pool.close());

  it('runs a whole attempt, whose sum it has checked, and counts what one client sends', async () => {
    const sample = await runAttempt(
      { clients: 10, parameters: 500, graph: 'complete', dropout: 0.2, generator: 'aes-256-ctr' },
      pool,
    );
    const { degree, threshold, dropped, clients, vector, upload } = sample;
    expect({ degree, threshold, dropped, timed: clients.length }).to.deep.equal({
      degree: 9,
      threshold: 7, // floor(2 * 10 / 3) + 1
      dropped: 2,
      timed: 7,
    });
    // An advert; a signature and 9 parcels; the vector; a signature; two lists of positions and 8 + 2 shares.
    expect(upload - vector).to.equal(224 + (64 + 9 * 82) + 64 + (2 * 2 + 10 * 33));
    for (const times of clients) expect(Math.min(...Object.values(times))).to.be.at.least(0);
  });

  it('has a k-regular graph as the finder gives it, of 32 neighbours and a threshold of 22 for 100 clients', () => {
    const { plan } = setupOf({ clients: 100, parameters: 10, graph: 'thin', dropout: 0.1, generator: 'chacha20' });
    expect(shapeOf(plan, 100)).to.deep.equal({ clients: 100, complete: false, degree: 32, threshold: 22 });
    expect(hasThinGraph(40)).to.equal(true);
  });

  it('can do the part of one client again, and sees when another vector comes out', async () => {
    const task = { clients: 5, parameters: 300, graph: 'complete', dropout: 0, generator: 'aes-256-ctr' } as const;
    const { transcript } = fromText(toText(await runAttempt(task, pool))) as AttemptSample;
    expect(await nodeTimes(transcript)).to.have.length(5);
    const drawn = transcript.drawn.map((bytes, i) =>
      i === transcript.drawn.length - 1 ? fromHex('00'.repeat(32)) : bytes,
    );
    await refuses(nodeTimes({ ...transcript, drawn }), 'INTERNAL'); // the last that it draws is the key of the rounding
  });

  it('gives a row for each measure, with ratios to the plain sum and to the packed vector', async () => {
    const options = {
      clients: [4],
      params: [1000],
      dropout: 0.25,
      runs: 2,
      browser: false,
      generator: 'chacha20',
    } as const;
    const { bench, rows } = await benchSecAgg(options);
    expect(bench).to.equal('secagg');
    expect(rows.map(({ metric }) => metric)).to.deep.equal([
      'client-cpu',
      'client-masks',
      'client-encode',
      'client-keys',
      'server-cpu',
      'server-masks',
      'server-keys',
      'server-messages',
      'server-wall',
      'server-add',
      'server-total',
      'upload-bytes',
      'download-bytes',
      'server-memory',
    ]);
    const find = (name: string) => rows.find(({ metric }) => metric === name)!;
    const shape = { graph: 'complete', degree: 3, threshold: 3, dropped: 1 };
    const at = { clients: 4, parameters: 1000, ...shape, generator: 'chacha20' };
    for (const { params } of rows) expect(params).to.deep.equal(at);
    expect(find('server-total').baseline?.name).to.equal('plain aggregation');
    expect(find('upload-bytes').baseline?.name).to.equal('packed vector');
    expect([find('client-cpu').runs, find('server-cpu').runs]).to.deep.equal([6, 2]); // 3 clients stay in each of 2 runs
  });

  it('refuses drop-outs that no threshold bears, and too many clients for a complete graph', async () => {
    const options = { clients: [4], params: [10], dropout: 0.1, runs: 1, browser: false };
    for (const dropout of [-0.1, 1 / 3, Number.NaN])
      await refuses(benchSecAgg({ ...options, dropout }), 'BAD_ARGUMENT');
    for (const clients of [3, 256]) await refuses(benchSecAgg({ ...options, clients: [clients] }), 'BAD_ARGUMENT');
  });
});

import { expect } from 'chai';
import { benchLoad } from '../../../simulations/bench/load.ts';
import { patternExamples, patternMean, patternUpdate } from '../../../simulations/bench/load-pattern.ts';
import { refuses } from '../../contracts/store.ts';

describe('the updates of the load benchmark', () => {
  it('have the weighted mean that adding them one by one gives, exactly', () => {
    const [clients, params] = [17, 40];
    const sum = new Float64Array(params);
    let weight = 0;
    for (let client = 0; client < clients; client++) {
      weight += patternExamples(client);
      for (const [i, value] of patternUpdate(client, params).entries()) sum[i]! += patternExamples(client) * value;
    }
    expect([...patternMean(clients, params)]).to.deep.equal(Array.from(sum, (value) => value / weight));
    expect(new Set(patternUpdate(3, params)).size).to.be.greaterThan(5);
  });
});

describe('the server under load', function () {
  this.timeout(120_000);

  it('holds 200 idle connections, and adds 50 updates of 1 MB once each, to the model of the reference', async () => {
    const { rows } = await benchLoad({
      idle: 200,
      watch: 1,
      clients: 50,
      params: 250_000,
      besieged: 0,
      secure: 0,
      baseline: 2,
    });
    const value = (metric: string): number => rows.find((row) => row.metric === metric)!.value;
    // The round's model is compared with the reference by the benchmark itself, which throws when they differ.
    expect(value('round')).to.be.greaterThan(0);
    // 50 MB came in, through at most ten updates of 1 MB at once.
    expect(value('memory at peak, without the accumulators')).to.be.lessThan(256);
    expect(rows.filter(({ metric }) => metric.startsWith('memory per idle connection'))).to.have.length(1);
  });

  it('cuts off liars again and again, and the honest clients beside them all count', async () => {
    const { rows } = await benchLoad({
      idle: 0,
      watch: 1,
      clients: 0,
      params: 100_000,
      besieged: 4,
      secure: 0,
      baseline: 2,
    });
    const find = (metric: string): number => rows.find((row) => row.metric === metric)!.value;
    expect(find('memory at peak, without the accumulators')).to.be.lessThan(256);
    expect(find('round beside liars and slow readers')).to.be.greaterThan(0);
  });

  it('refuses more clients than updates are made for', async () => {
    const none = { idle: 0, watch: 1, clients: 0, params: 10, besieged: 0, secure: 0, baseline: 2 };
    await refuses(benchLoad({ ...none, clients: 5_000 }), 'BAD_ARGUMENT');
    await refuses(benchLoad({ ...none, idle: 100_000_000 }), 'BAD_ARGUMENT');
  });
});

import { expect } from 'chai';
import { createEngine } from '../../../shared/engine/create-engine.ts';
import { taskByName } from '../../../shared/tasks/catalog.ts';
import { find, loadData } from '../../../simulations/datasets/registry.ts';
import { modelFairness } from '../../../simulations/measures/groups.ts';

describe('modelFairness', function () {
  this.timeout(60_000);

  it('of a model that says yes to everybody is the difference of the base rates', async function () {
    if ((await (await find('adult')).locate()) === null) this.skip(); // the files of adult are not on this machine
    const { model } = taskByName('adult-logistic');
    const engine = await createEngine({ model, backend: 'wasm' }); // all weights zero: one half for everyone, which is a yes
    const found = await modelFairness(engine, await loadData('adult'));
    engine.dispose();
    // adult.data: 1,179 of 10,771 women and 6,662 of 21,790 men earn more than 50,000 dollars.
    expect(found['group/sex/accuracy-gap']).to.be.closeTo(6_662 / 21_790 - 1_179 / 10_771, 1e-12);
    expect(found['group/sex/tpr-gap']).to.equal(0);
    expect(found['group/race/parity-gap']).to.equal(0);
  });

  it('is nothing for examples without groups or classes', async () => {
    const predict = (): Promise<Float32Array> => expect.fail('there is nothing to predict for');
    const base = { name: 'x', xs: new Float32Array(2), count: 2, features: [1] };
    expect(await modelFairness({ predict }, { ...base, ys: Int32Array.of(0, 1), classes: 2 })).to.deep.equal({});
    const groups = { sex: { names: ['f'], index: new Uint32Array(2) } };
    expect(await modelFairness({ predict }, { ...base, ys: new Float32Array(2), classes: null, groups })).to.deep.equal(
      {},
    );
  });
});

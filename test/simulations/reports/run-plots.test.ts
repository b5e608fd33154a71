import { expect } from 'chai';
import { readFolder } from '../../../simulations/reports/read-folder.ts';
import { runPlots } from '../../../simulations/reports/run-plots.ts';
import { simulate } from '../../../simulations/simulate.ts';
import { useFolder } from '../../contracts/folder.ts';
import { clouds, cloudSimulation } from '../../helpers/small-federation.ts';

describe('the plots of a run', () => {
  const folder = useFolder();

  it('name what was measured in words, with a unit, and show each thing once', async () => {
    const groups = { side: { names: ['left', 'right'], index: Uint32Array.from({ length: 60 }, (_, i) => i % 2) } };
    const out = folder();
    await simulate(cloudSimulation({ rounds: 2, drift: true, test: { ...clouds(60, 2), groups }, out })).result;
    const plots = new Map(runPlots(await readFolder(out)).map((plot) => [plot.name, plot.svg()]));
    expect(plots.get('drift-cosine')).to.contain('>Cosine with the mean update<');
    expect(plots.get('group-side-accuracy-gap')).to.contain('>Gap in accuracy by side (%)<');
    expect(plots.get('time-wall')).to.match(/>Real time of the round \((ms|s)\)</);
    // The norms of single clients are in one figure; their quartiles need no others.
    expect([...plots.keys()].filter((name) => name.startsWith('norm'))).to.deep.equal(['norms']);
  });
});

import { expect } from 'chai';
import { parse } from 'yaml';
import { readRunFlags } from '../../helpers/run-flags.ts';
import { runConfigFrom } from '../../../commands/run-options.ts';
import { checkRunConfig, type RunConfigInput } from '../../../server/config.ts';
import { commandOf, settingsOf, yaml } from '../../../server/dashboard/store/settings.ts';
import { taskByName, tasks } from '../../../shared/tasks/catalog.ts';
import { tinyTask } from '../../helpers/federation.ts';

const noSeed = (): number => {
  throw new Error('the seed is missing');
};

describe("a run's settings on the page", () => {
  const changed = taskByName('mnist-2nn');
  const inputs: Record<string, RunConfigInput> = {
    plain: { task: changed, seed: 7 },
    training: { task: { ...changed, training: { ...changed.training, batchSize: 'full', localEpochs: 5 } }, seed: 1 },
    secure: {
      task: changed,
      seed: 7,
      clientsPerRound: 5,
      secureAggregation: true,
      minReports: 4,
      targetAccuracy: 0.97,
    },
    momentum: { task: changed, seed: 7, strategy: { name: 'fedavgm', serverMomentum: 0.8 } },
    proximal: { task: changed, seed: 7, strategy: { name: 'fedprox', proximalMu: 0.1 } },
    own: { task: tinyTask(), seed: 7, weighting: 'uniform' },
  };

  for (const [name, input] of Object.entries(inputs)) {
    it(`make the same run again from the file: ${name}`, async () => {
      const config = checkRunConfig(input);
      const settings = settingsOf(config, tasks[config.task.name]);
      const read = parse(yaml(settings)) as Record<string, unknown>;
      expect(checkRunConfig(await runConfigFrom(read, noSeed))).to.deep.equal(config);
    });

    it(`make the same run again from the command, or say that there is none: ${name}`, async () => {
      const config = checkRunConfig(input);
      const command = commandOf(settingsOf(config, tasks[config.task.name]));
      if (name === 'own') return void expect(command).to.equal(null);
      expect(command).to.match(/^npx fedloom serve /);
      expect(checkRunConfig(await runConfigFrom(readRunFlags(command!), noSeed))).to.deep.equal(config);
    });
  }

  it('are YAML in the plainest form', () => {
    const text = yaml({ task: 'mnist-2nn', on: true, list: [1, 2], deep: { a: [{ b: 'yes' }] } });
    expect(text).to.equal('\ntask: mnist-2nn\non: true\nlist: [1, 2]\ndeep:\n  a:\n    - b: "yes"\n');
  });
});

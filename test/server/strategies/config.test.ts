import { expect } from 'chai';
import { checkRunConfig, type RunConfigInput } from '../../../server/config.ts';
import { optionsOf, strategyNames } from '../../../server/strategies/options.ts';
import { parseStrategy } from '../../../server/strategies/spec.ts';
import { strategyOf } from '../../../server/strategies/table.ts';
import { tinyConfig } from '../../helpers/federation.ts';

const withStrategy = (strategy: unknown, changes: Partial<RunConfigInput> = {}): RunConfigInput =>
  tinyConfig({ ...changes, strategy: strategy as NonNullable<RunConfigInput['strategy']> });
const messageOf = (action: () => unknown): string => {
  try {
    action();
  } catch (thrown) {
    return (thrown as Error).message;
  }
  return 'nothing was refused';
};

describe('a strategy in one word', () => {
  it('is a name, and options after a colon', () => {
    expect(parseStrategy('fedavg')).to.deep.equal({ name: 'fedavg' });
    const adam = { name: 'fedadam', serverLearningRate: 0.1, tau: 0.001 };
    expect(parseStrategy('fedadam:lr=0.1,tau=0.001')).to.deep.equal(adam);
    expect(parseStrategy('fedadam:server-learning-rate=0.1, tau=1e-3')).to.deep.equal(adam);
    expect(parseStrategy('fedavgm:momentum=0.5')).to.deep.equal({ name: 'fedavgm', serverMomentum: 0.5 });
  });

  it('names the known strategies, or the options that one has, for a word that is neither', () => {
    const unknown = messageOf(() => parseStrategy('fedsomething'));
    for (const name of strategyNames) expect(unknown).to.include(name);
    expect(messageOf(() => parseStrategy('fedavgm:beta=1'))).to.match(/"beta=1" is no option.*serverMomentum=/);
    expect(messageOf(() => parseStrategy('fedavgm:'))).to.match(/is no option/);
    expect(messageOf(() => parseStrategy('fedavgm:momentum=0.1=2'))).to.match(/is no option/);
    expect(messageOf(() => parseStrategy('fedavgm:lr=1,lr=2'))).to.match(/given twice/);
  });
});

describe("a run's strategy", () => {
  it('may be any that is known, with its defaults filled in, and comes out of the check as it went in', () => {
    for (const name of strategyNames) {
      const needs = Object.fromEntries(
        optionsOf(name)
          .filter((option) => option === 'clippingNorm')
          .map((option) => [option, 1]),
      );
      const input = withStrategy({ name, ...needs }, { minClients: 30 });
      const config = checkRunConfig(input);
      expect(strategyOf(config.strategy).name).to.be.a('string');
      expect(checkRunConfig(config)).to.deep.equal(config);
    }
  });

  it('is refused with the name of the field, or the known names', () => {
    expect(messageOf(() => checkRunConfig(withStrategy({ name: 'fedsomething' })))).to.match(
      /strategy.name.*"fedadam"/,
    );
    expect(messageOf(() => checkRunConfig(withStrategy({ name: 'fedadam', beta1: 1 })))).to.match(/strategy.beta1/);
    expect(messageOf(() => checkRunConfig(withStrategy({ name: 'fedavg', beta1: 0.5 })))).to.match(/strategy.beta1/);
    expect(messageOf(() => checkRunConfig(withStrategy({ name: 'norm-bounding' })))).to.match(/strategy.clippingNorm/);
  });

  it('fedsgd has its clients take one step of plain gradient descent with all examples', () => {
    const { training } = checkRunConfig(withStrategy({ name: 'fedsgd' })).task;
    expect(training).to.include({ localEpochs: 1, batchSize: 'full' });
    expect(training.optimizer).to.deep.equal({ name: 'sgd' });
  });
});

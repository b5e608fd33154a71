import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { checkRunConfig, type RunConfigInput } from '../../../server/config.ts';
import { optionsOf, strategyNames } from '../../../server/strategies/options.ts';
import { parseStrategy } from '../../../server/strategies/spec.ts';
import { strategyOf } from '../../../server/strategies/table.ts';
import { checkTask, type Task } from '../../../shared/tasks/task.ts';
import { tinyConfig, tinyTask } from '../../helpers/federation.ts';

const withStrategy = (strategy: unknown, changes: Partial<RunConfigInput> = {}): RunConfigInput =>
  tinyConfig({ ...changes, strategy: strategy as NonNullable<RunConfigInput['strategy']> });
const twoLayers = checkTask({
  ...tinyTask(),
  model: {
    input: [8],
    layers: [{ type: 'dense', units: 3 }, { type: 'batchNormalization' }, { type: 'dense', units: 1 }],
    loss: 'mean-squared-error',
  },
});
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
      const needs = optionsOf(name).includes('clippingNorm') ? { clippingNorm: 1 } : {};
      const task = name === 'fedbuff' ? tinyTask() : twoLayers; // it takes no batch normalisation
      const config = checkRunConfig(withStrategy({ name, ...needs }, { task, minClients: 30 }));
      expect(strategyOf(config.strategy).name).to.be.a('string');
      expect(checkRunConfig(config)).to.deep.equal(config);
    }
  });

  it("names the client's part in the task, so that its hash covers it", () => {
    const algorithmOf = (strategy: object) =>
      checkRunConfig(withStrategy(strategy, { task: twoLayers })).task.training.algorithm;
    expect(algorithmOf({ name: 'fedprox', proximalMu: 0.1 })).to.deep.equal({ name: 'proximal', mu: 0.1 });
    expect(algorithmOf({ name: 'fedrep' })).to.deep.equal({ name: 'personal-head', layers: 1, headEpochs: 1 });
    expect(algorithmOf({ name: 'fedavg' })).to.equal(undefined);
  });

  it('is refused where it does not go with the task', () => {
    const refused = (strategy: object, training: Partial<Task['training']>, task = twoLayers): string =>
      messageOf(() =>
        checkRunConfig(withStrategy(strategy, { task: { ...task, training: { ...task.training, ...training } } })),
      );
    const adam = { name: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-8 } as const;
    expect(refused({ name: 'scaffold' }, { optimizer: adam })).to.match(/scaffold: .*optimizer is adam; use sgd/);
    expect(refused({ name: 'fednova' }, { optimizer: adam })).to.match(/fednova: .*optimizer is adam/);
    expect(refused({ name: 'fedbn' }, {}, tinyTask())).to.match(/fedbn: .*the model has none/);
    expect(refused({ name: 'fedper', personalLayers: 3 }, {})).to.match(/fedper: .*nothing of the model is shared/);
    const algorithm = { name: 'proximal', mu: 1 } as const;
    expect(refused({ name: 'fedavg' }, { algorithm })).to.match(/fedavg: its clients' algorithm is none/);
    expect(refused({ name: 'fedprox', proximalMu: 1 }, { algorithm })).to.equal('nothing was refused');
  });

  it('counts the clients that the run waits for as its population, unless told', () => {
    const populationOf = (strategy: object) => checkRunConfig(withStrategy(strategy, { minClients: 7 })).strategy;
    expect(populationOf({ name: 'scaffold' })).to.include({ population: 7 });
    expect(populationOf({ name: 'feddyn', population: 100 })).to.include({ population: 100 });
  });

  it('is refused with the name of the field, or the known names', () => {
    expect(messageOf(() => checkRunConfig(withStrategy({ name: 'fedsomething' })))).to.match(
      /strategy.name.*"fedadam"/,
    );
    expect(messageOf(() => checkRunConfig(withStrategy({ name: 'fedadam', beta1: 1 })))).to.match(/strategy.beta1/);
    expect(messageOf(() => checkRunConfig(withStrategy({ name: 'fedavg', beta1: 0.5 })))).to.match(/strategy.beta1/);
    expect(messageOf(() => checkRunConfig(withStrategy({ name: 'norm-bounding' })))).to.match(
      /strategy.clippingNorm: it is missing/,
    );
    expect(messageOf(() => checkRunConfig(withStrategy({ name: 'feddyn', serverLearningRate: 1 })))).to.match(
      /serverLearningRate: there is no such setting/,
    );
    expect(messageOf(() => checkRunConfig(withStrategy({ name: 'fedavg' }, { maxUpdateNorm: 1e13 })))).to.match(
      /maxUpdateNorm/,
    );
  });

  it('fedbuff is refused with what means nothing to it, and with secure aggregation, and says why', () => {
    const refused = (changes: Partial<RunConfigInput>, more: object = {}): string =>
      messageOf(() =>
        checkRunConfig(withStrategy({ name: 'fedbuff', bufferSize: 3, ...more }, { minClients: 5, ...changes })),
      );
    expect(refused({})).to.equal('nothing was refused');
    expect(refused({ secureAggregation: true })).to.match(
      /^config: strategy fedbuff: .*masks of different rounds do not cancel; set secureAggregation to false/,
    );
    expect(refused({ clientsPerRound: 3 })).to.match(/clientsPerRound means nothing; give bufferSize and concurrency/);
    expect(refused({ clientFraction: 0.5 })).to.match(/clientFraction means nothing/);
    expect(refused({ overselect: 2 })).to.match(/overselect means nothing/);
    expect(refused({}, { bufferSize: 6 })).to.match(/bufferSize may be at most minClients, 5, and is 6/);
    expect(refused({ minReports: 4 })).to.match(/minReports is larger than bufferSize, 3/);
    expect(refused({ task: twoLayers })).to.match(/fedbuff: the model has batch normalisation/);
    expect(refused({}, { staleness: 'linear' })).to.match(/strategy.staleness/);
    expect(refused({}, { maxStaleness: -1 })).to.match(/strategy.maxStaleness/);
    const { secureAggregation } = checkRunConfig(
      tinyConfig({ minClients: 5, strategy: { name: 'fedbuff', bufferSize: 3 }, secureAggregation: undefined }),
    );
    expect(secureAggregation).to.equal(false); // not by default either
  });

  it('fedsgd has its clients take one step of plain gradient descent with all examples', () => {
    const { training } = checkRunConfig(withStrategy({ name: 'fedsgd' })).task;
    expect(training).to.include({ localEpochs: 1, batchSize: 'full' });
    expect(training.optimizer).to.deep.equal({ name: 'sgd' });
  });
});

describe('the page on strategies', () => {
  it('names every strategy and every option', () => {
    const page = readFileSync(new URL('../../../server/strategies/README.md', import.meta.url), 'utf8');
    expect(strategyNames.length).to.be.above(20);
    for (const name of strategyNames) {
      for (const word of [name, ...optionsOf(name)]) expect(page, word).to.include(`\`${word}\``);
    }
  });
});

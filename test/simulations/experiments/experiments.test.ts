import { expect } from 'chai';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { taskByName } from '../../../shared/tasks/catalog.ts';
import { sizeOf } from '../../../shared/weights.ts';
import type { Grouping } from '../../../simulations/datasets/groups.ts';
import type { LoadedData } from '../../../simulations/datasets/loaded.ts';
import { find, parseSpec } from '../../../simulations/datasets/registry.ts';
import { experimentByName, experiments } from '../../../simulations/experiments/catalog.ts';
import { armsOf, settingsOf, type Experiment, type Form } from '../../../simulations/experiments/experiment.ts';
import { experimentTables } from '../../helpers/experiment-tables.ts';
import { outcomeOf } from '../../../simulations/experiments/outcome.ts';
import { folderOf, pickArms, runExperiment } from '../../../simulations/experiments/run-experiment.ts';
import { writeExperiment } from '../../../simulations/experiments/write.ts';
import { prepare } from '../../../simulations/prepare.ts';
import { useFolder } from '../../contracts/folder.ts';

const forms: readonly Form[] = ['full', 'quick'];

/**
 * The published figures, typed from the papers' tables. McMahan et al. 2017, Table 1: 2NN (E = 1, target 97 %) and CNN (E = 5,
 * target 99 %), row C = 0.1, column B = 10; Table 2, CNN, row E = 1, B = 10, and Shakespeare LSTM (54 %), row E = 5, B = 10. FLUTE: about 80 % for LR on MNIST.
 */
const published: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  'mcmahan-2nn': { IID: 87, 'two shards': 664 },
  'mcmahan-cnn': { IID: 18, 'two shards': 206, 'IID, one epoch': 34, 'two shards, one epoch': 350 },
  'mcmahan-shakespeare': { 'by role': 41, IID: 192 },
  'flute-logistic': { FedAvg: 0.8 },
};

/** Examples of the right shape, all zero, for what is checked before anything is trained. */
const blank =
  (task: string, clients: number) =>
  async (spec: string): Promise<LoadedData> => {
    const { features, labels, vocabulary } = taskByName(task).data;
    const count = Math.min(60 * clients, 12_000);
    const classes = 'classes' in labels ? labels.classes : null;
    const places = 'positions' in labels ? (labels.positions ?? 1) : 'targets' in labels ? labels.targets : 1;
    const length = count * places;
    const ys = classes === null ? new Float32Array(length) : Int32Array.from({ length }, (_, i) => i % classes);
    const groups = (size: number): Grouping => ({
      names: Array.from({ length: size }, (_, i) => `g${i}`),
      index: Uint32Array.from({ length: count }, (_, i) => i % size),
    });
    return {
      name: spec,
      xs: new Float32Array(count * sizeOf(features)),
      ys,
      count,
      features: [...features],
      classes,
      ...(vocabulary === undefined ? {} : { vocabulary }),
      clients: groups(100),
      groups: { workclass: groups(9), sex: groups(2) },
    };
  };

describe('the experiments', function () {
  this.timeout(60_000);

  it('have names of their own, a claim, and a source with a year', () => {
    const names = experiments.map(({ name }) => name);
    expect(new Set(names).size).to.equal(names.length);
    for (const { name, title, claim, source, seeds, takes } of experiments) {
      expect(name).to.match(/^[a-z][a-z0-9-]+$/);
      for (const text of [title, claim, takes]) expect(text, name).to.not.equal('');
      expect(source, name).to.match(/\b(19|20)\d\d\b/);
      expect(new Set(seeds).size, name).to.be.above(0);
    }
    expect(() => experimentByName('mcmahan')).to.throw(/experiment: no "mcmahan"; known are mcmahan-2nn, /);
  });

  it('quote the figures that were published', () => {
    for (const { name, expected } of experiments) expect(expected, name).to.deep.equal(published[name] ?? {});
  });

  it('set what the papers set: 10 of 100 clients, E, B and the target', () => {
    const at = (name: string, arm: string) => settingsOf(experimentByName(name), arm, 'full');
    const table1 = { clients: 100, clientsPerRound: 10, batchSize: 10 };
    expect(at('mcmahan-2nn', 'IID')).to.include({ ...table1, localEpochs: 1, targetAccuracy: 0.97, partition: 'iid' });
    expect(at('mcmahan-2nn', 'two shards')).to.include({ ...table1, localEpochs: 1, partition: 'shards:2' });
    expect(at('mcmahan-cnn', 'IID')).to.include({ ...table1, localEpochs: 5, targetAccuracy: 0.99 });
    const shakespeare = { clientFraction: 0.1, localEpochs: 5, batchSize: 10, targetAccuracy: 0.54 };
    expect(at('mcmahan-shakespeare', 'by role')).to.include(shakespeare);
    // github.com/litian96/FedProx: lr 0.01, 200 rounds, 10 clients, batch 10, 20 epochs, mu 1, stragglers 0, 50, 90 %
    const prox = { clientLearningRate: 0.01, rounds: 200, clientsPerRound: 10, batchSize: 10, localEpochs: 20 };
    expect(at('fedprox-stragglers', 'FedProx, 90 %')).to.include(prox);
    expect(at('fedprox-stragglers', 'FedProx, 90 %').strategy).to.deep.equal({ name: 'fedprox', proximalMu: 1 });
    // FLUTE: 1,000 clients, 10 a round, 100 rounds, one epoch
    const flute = { clients: 1_000, clientsPerRound: 10, rounds: 100, localEpochs: 1 };
    expect(at('flute-logistic', 'FedAvg')).to.include(flute);
  });

  for (const experiment of experiments) {
    it(`${experiment.name} passes the checks of a simulation in every arm and form`, async () => {
      for (const form of forms) {
        for (const arm of armsOf(experiment, form)) {
          const settings = settingsOf(experiment, arm, form);
          const prepared = await prepare({ ...settings, seed: 1 }, blank(settings.task, settings.clients ?? 100));
          expect(prepared.config.rounds, `${arm}, ${form}`).to.be.within(1, form === 'quick' ? 10 : 1_000);
          const { data = '' } = settings;
          expect(parseSpec(data).name, 'a known set').to.equal((await find(parseSpec(data).name)).name);
        }
      }
      const arms = Object.keys(experiment.arms);
      expect(new Set(arms.map(folderOf)).size, 'a folder for each arm').to.equal(arms.length);
      expect(armsOf(experiment, 'quick').every((arm) => arms.includes(arm))).to.equal(true);
      for (const { arm, than, measure } of experiment.holds) {
        expect(arms).to.include(arm);
        if (typeof than === 'object') expect(arms).to.include(than.arm);
        expect(experiment.measures).to.include(measure);
      }
    });
  }

  it('can be run in part, in their own order', () => {
    const experiment = experimentByName('fedprox-stragglers');
    const some = ['FedProx, 90 %', 'FedAvg, 0 %'];
    expect(pickArms(experiment, 'full', some)).to.deep.equal(['FedAvg, 0 %', 'FedProx, 90 %']);
    expect(pickArms(experiment, 'quick')).to.deep.equal(['FedAvg, 90 %', 'FedProx, 90 %']);
    expect(() => pickArms(experiment, 'quick', some)).to.throw(/arm: no "FedAvg, 0 %"; known are "FedAvg, 90 %", /);
  });

  it('have numbers for arms and seeds that there are, and say where a claim does not hold here', () => {
    for (const experiment of experiments) {
      const { name, arms, measures, numbers, notes } = experiment;
      for (const form of forms) {
        const given = numbers[form];
        if (given === null) continue;
        expect(given.machine, name).to.not.equal('');
        expect(given.seeds.length, name).to.be.above(0);
        for (const [arm, medians] of Object.entries(given.medians)) {
          expect(Object.keys(arms), name).to.include(arm);
          expect(medians, `${name}, ${arm}`).to.have.length(measures.length);
        }
      }
      const full = numbers.full?.medians ?? {};
      const runs = Object.entries(full).map(([arm, values]) => ({ arm, seed: 1, values }));
      const broken = outcomeOf(experiment, 'full', runs).verdicts.filter(({ holds }) => !holds);
      const said = notes.some((note) => note.includes('does not hold'));
      expect(said, `${name}: ${broken.map(({ text }) => text).join('; ')}`).to.equal(broken.length > 0);
    }
  });
});

describe('the page about experiments', () => {
  it('has the numbers of the files', async () => {
    const page = await readFile(new URL('../../../simulations/experiments/README.md', import.meta.url), 'utf8');
    const lines = (text: string): string[] => text.split('\n').filter((line) => line.startsWith('|'));
    expect(lines(page)).to.deep.equal(lines(experimentTables(experiments)));
  });
});

describe('the quick form of an experiment', function () {
  this.timeout(60_000);
  const folder = useFolder();
  const { signal } = new AbortController();

  for (const name of ['fedprox-stragglers', 'heart-by-hospital', 'income-fairness']) {
    it(`${name} runs, and writes a report and a figure`, async function () {
      const experiment: Experiment = experimentByName(name);
      const arms = armsOf(experiment, 'quick');
      const { data = '' } = settingsOf(experiment, arms[0]!, 'quick');
      if ((await (await find(parseSpec(data).name)).locate()) === null) this.skip(); // its files are not on this machine
      const out = folder();
      const options = { form: 'quick', seeds: [1], out, workers: 1, signal } as const;
      const { outcome, arms: records } = await runExperiment(experiment, options);
      expect(Object.keys(outcome.medians)).to.deep.equal(arms);
      for (const values of Object.values(outcome.medians)) {
        expect(values).to.have.length(experiment.measures.length);
        for (const value of values) expect(value).to.be.a('number');
      }
      expect(outcome.verdicts).to.deep.equal([]);
      const files = await writeExperiment(out, experiment, outcome, records);
      for (const file of files) expect((await stat(file)).size).to.be.above(100);
      const svg = await readFile(join(out, 'figure.svg'), 'utf8');
      for (const arm of arms) expect(svg).to.contain(arm);
      const page = await readFile(join(out, 'report.html'), 'utf8');
      expect(page).to.contain(`fedloom experiment run ${name} --quick --seeds 1`);
    });
  }
});

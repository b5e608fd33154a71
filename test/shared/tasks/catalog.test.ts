import { expect } from 'chai';
import { checkTaskFits } from '../../../shared/tasks/fit.ts';
import { FederatedError } from '../../../shared/errors.ts';
import { taskByName, tasks } from '../../../shared/tasks/catalog.ts';
import { modelLayout, outputShape, weightSpecs } from '../../../shared/tasks/model.ts';
import { checkTask, decodeTask, encodeTask } from '../../../shared/tasks/task.ts';
import { layoutSize, sizeOf } from '../../../shared/weights.ts';

const lstm = (inputs: number, units: number): number => 4 * units * (inputs + units + 1);
const norm = (channels: number): number => 4 * channels; // gamma, beta, moving mean and variance
const separable = (from: number, to: number): number => 9 * from + norm(from) + from * to + norm(to);
const attentionBlock = (width: number): number =>
  2 * 2 * width + 4 * width * (width + 1) + (width + 1) * 4 * width + (4 * width + 1) * width;

/** Weights and output of each task, counted by hand. */
const expected: Record<string, [weights: number, output: number[]]> = {
  'mnist-2nn': [199_210, [10]], // McMahan et al. 2017, section 3: 785*200 + 201*200 + 201*10
  'mnist-cnn': [1_663_370, [10]], // the same place: 26*32 + (25*32+1)*64 + (7*7*64+1)*512 + 513*10
  'fashion-mnist-cnn': [1_663_370, [10]],
  'mnist-logistic': [785 * 10, [10]],
  'mnist-small-cnn': [10 * 8 + (9 * 8 + 1) * 8 + (7 * 7 * 8 + 1) * 10, [10]],
  'mnist-mobilenet': [9 * 16 + norm(16) + separable(16, 32) + separable(32, 64) + separable(64, 64) + 65 * 10, [10]],
  'mnist-autoencoder': [785 * 128 + 129 * 32 + 33 * 128 + 129 * 784, [784]],
  'mnist-conv-autoencoder': [
    (9 + 1) * 16 + (9 * 16 + 1) * 8 + (9 * 8 + 1) * 8 + (9 * 8 + 1) * 16 + (9 * 16 + 1),
    [28, 28, 1],
  ],
  'char-lstm': [90 * 8 + lstm(8, 256) + lstm(256, 256) + 257 * 90, [80, 90]],
  'char-gru': [90 * 16 + 3 * 128 * (16 + 128 + 1) + 129 * 90, [80, 90]],
  'char-transformer': [90 * 64 + 80 * 64 + 2 * attentionBlock(64) + 2 * 64 + 65 * 90, [80, 90]],
  'adult-logistic': [89, [1]],
  'adult-mlp': [88 * 64 + norm(64) + 65 * 32 + 33, [1]],
  'heart-logistic': [23, [1]],
  'wisdm-mlp': [44 * 64 + 65 * 32 + 33 * 6, [6]],
  'sentiment-logistic': [2_049, [1]],
  'synthetic-logistic': [61 * 10, [10]], // FedProx, section 5.1
  'beijing-air-conv1d': [(3 * 15 + 1) * 32 + (3 * 32 + 1) * 32 + (20 * 32 + 1) * 32 + 33, [1]],
};

describe('the catalog', () => {
  it('has the tasks that are counted here', () => expect(tasks).to.have.all.keys(Object.keys(expected)));

  for (const [name, [weights, output]] of Object.entries(expected)) {
    it(`has ${name} with ${weights} weights`, () => {
      const task = taskByName(name);
      expect(layoutSize(modelLayout(task.model))).to.equal(weights);
      expect(outputShape(task.model)).to.deep.equal(output);
      checkTaskFits(task);
    });
  }

  it('says the same after a way through bytes', () => {
    for (const task of Object.values(tasks)) expect(decodeTask(encodeTask(task))).to.deep.equal(task);
    for (const task of Object.values(tasks)) expect(checkTask(task)).to.deep.equal(task);
  });

  it('names each task after its data', () => {
    const short: Record<string, string> = {
      'heart-disease': 'heart',
      shakespeare: 'char',
      'synthetic:1,1': 'synthetic',
    };
    for (const { name, data } of Object.values(tasks)) {
      const source = data.source!.split('?')[0]!;
      expect(name.startsWith(`${short[source] ?? source}-`), name).to.equal(true);
    }
  });

  it('marks the moving statistics of batch normalization, and nothing else, as no gradient’s business', () => {
    for (const { name, model } of Object.values(tasks)) {
      const statistics = weightSpecs(model).filter(({ role }) => role === 'statistic');
      const hasThem = name === 'mnist-mobilenet' || name === 'adult-mlp';
      expect(statistics.length > 0, name).to.equal(hasThem);
      for (const each of statistics) expect(each.name).to.match(/\/moving-(mean|variance)$/);
    }
    const ofMobilenet = weightSpecs(tasks['mnist-mobilenet']!.model).filter(({ role }) => role === 'statistic');
    const channels = 16 + (16 + 32) + (32 + 64) + (64 + 64);
    expect(ofMobilenet.reduce((sum, { shape }) => sum + sizeOf(shape), 0)).to.equal(2 * channels);
  });

  it('finds a task by its name, and refuses another name with those that are known', () => {
    expect(taskByName('mnist-2nn').training).to.include({ localEpochs: 1, batchSize: 10, clientLearningRate: 0.1 });
    expect(() => taskByName('nothing')).to.throw(FederatedError, /"nothing"; known are mnist-2nn/);
    expect(() => taskByName('toString')).to.throw(FederatedError, /known are/);
  });
});

import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { loadLayersModel } from '@tensorflow/tfjs-layers';
import { expect } from 'chai';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadData } from '../../simulations/datasets/registry.ts';
import { useFolder } from '../contracts/folder.ts';
import { endCommandsAfterEach, fedloom, jsonOf } from '../helpers/command.ts';

interface DemoResult {
  readonly accuracy: number;
  readonly bytesUp: number;
  readonly bytesDown: number;
  readonly parameters: number;
  readonly reports: number;
  readonly rounds: number;
  readonly roundsToTarget: number | null;
  readonly seconds: number;
  readonly weightsSha256: string;
  readonly model: string;
}

/** Accuracy of an exported model on the digits that no client holds, by TensorFlow.js alone. */
async function accuracyOf(folder: string): Promise<number> {
  await tf.setBackend('cpu');
  const json = JSON.parse(await readFile(join(folder, 'model.json'), 'utf8')) as {
    modelTopology: object;
    weightsManifest: { weights: tf.io.WeightsManifestEntry[] }[];
  };
  const bytes = await readFile(join(folder, 'weights.bin'));
  const weightData = new Uint8Array(bytes).buffer;
  const weightSpecs = json.weightsManifest[0]!.weights;
  const model = await loadLayersModel(tf.io.fromMemory({ modelTopology: json.modelTopology, weightSpecs, weightData }));
  const { xs, ys, count } = await loadData('mnist-10k@test');
  const guesses = tf.tidy(() => tf.argMax(model.predict(tf.tensor2d(xs, [count, 784])) as tf.Tensor, 1).dataSync());
  model.dispose();
  return guesses.filter((guess, i) => guess === ys[i]).length / count;
}

describe('fedloom demo', function () {
  this.timeout(120_000);
  endCommandsAfterEach();
  const folder = useFolder();

  it('trains over real sockets, says what it cost, and gives the same model again', async () => {
    const demo = ['demo', '--clients', '4', '--rounds', '2', '--seed', '3', '--json', '--out'];
    const outcome = await fedloom([...demo, join(folder(), 'one')]);
    expect(outcome, outcome.err).to.include({ code: 0 });
    const result = jsonOf<DemoResult>(outcome);
    expect(result).to.include({
      run: 'mnist-2nn-1',
      task: 'mnist-2nn',
      strategy: 'fedavg',
      seed: 3,
      clients: 4,
      rounds: 2,
      backend: 'wasm',
      out: join(folder(), 'one'),
      epsilon: null,
      secureAggregation: true,
      parameters: 199_210, // 784*200+200 + 200*200+200 + 200*10+10
      reports: 8,
    });
    const design =
      'run task strategy seed clients rounds roundsToTarget accuracy loss bytesUp bytesDown seconds backend weightsSha256 out epsilon secureAggregation';
    expect(result).to.have.all.keys(`${design} targetAccuracy heldOut reports parameters model report`.split(' '));
    expect(result.accuracy).to.be.above(0.85); // chance is 0.1
    // Every weight of every report goes up once, as four bytes; all else is at most 5 % of that.
    const bare = 4 * result.parameters * result.reports;
    expect(result.bytesUp).to.be.within(bare, 1.05 * bare);
    expect(result.bytesDown).to.be.above(bare);
    expect(outcome.err).to.match(/^round 1\/2 .*acc 0\.\d{4}/m).and.include(`Accuracy ${(100 * result.accuracy).toFixed(2)} %`); // prettier-ignore

    expect(await accuracyOf(result.model)).to.equal(result.accuracy);

    const again = jsonOf<DemoResult>(await fedloom([...demo, join(folder(), 'two')]));
    expect(again).to.include({ weightsSha256: result.weightsSha256, accuracy: result.accuracy });

    const third = await fedloom([...demo, join(folder(), 'one')]);
    expect(third).to.include({ code: 2 });
    expect(third.err).to.include('holds an earlier demo; choose another folder with --out');
  });
});

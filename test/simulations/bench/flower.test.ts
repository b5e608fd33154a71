import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { runPeer, writeProblem } from '../../../simulations/bench/peers/flower.ts';
import { prepare } from '../../../simulations/prepare.ts';
import { simulate } from '../../../simulations/simulate.ts';
import { useFolder } from '../../contracts/folder.ts';
import { endCommandsAfterEach, fedloom, jsonOf } from '../../helpers/command.ts';
import { cloudSimulation } from '../../helpers/small-federation.ts';

const has = (packages: string): boolean => spawnSync('python3', ['-c', `import ${packages}`]).status === 0;

describe("the comparison with Flower's simulation", function () {
  this.timeout(60_000);
  endCommandsAfterEach();
  const folder = useFolder();

  it('says in one sentence that Flower is not installed, and what to do', async function () {
    if (has('flwr, ray, numpy')) this.skip(); // Flower is installed here, so it cannot be missing
    const outcome = await fedloom(['bench', 'flower', '--json']);
    expect(outcome.code).to.equal(1);
    const { error } = jsonOf<{ error: { code: string; message: string } }>(outcome);
    expect(error.code).to.equal('NOT_FOUND');
    expect(error.message).to.match(
      /^bench: Flower with its simulation is not installed for python3; install it with: /,
    );
  });

  it('has the same model and data there as here: all clients, whole batches, no drawing give the same accuracy', async function () {
    if (!has('numpy')) this.skip(); // no numpy for the other side of the comparison
    // Every client in every round, one step on all of its examples: nothing is left to either side's random numbers.
    const options = cloudSimulation({ clientsPerRound: 12, batchSize: 'full', localEpochs: 3, clientLearningRate: 0.5, rounds: 8 }); // prettier-ignore
    await writeProblem(folder(), await prepare(options), 1);
    const there = await runPeer(folder(), { plain: true });
    const { accuracy } = await simulate(options).result;
    expect(accuracy).to.be.above(0.5); // chance is a third
    expect(there.accuracy).to.be.closeTo(accuracy!, 1.5 / 60); // one of 60 test examples may be on the edge
  });

  it('refuses models that the other side has not', async () => {
    const options = { task: 'mnist-cnn', data: 'mnist:0/1000', clients: 1, rounds: 1, test: 'none' } as const;
    const blank = async (name: string) => ({
      name,
      xs: new Float32Array(784),
      ys: new Int32Array(1),
      count: 1,
      features: [784],
      classes: 10,
    });
    const thrown = await writeProblem(folder(), await prepare(options, blank), 1).catch(
      (error: Error) => error.message,
    );
    expect(thrown).to.match(/^bench: mnist-cnn: Flower's side has dense layers/);
  });
});

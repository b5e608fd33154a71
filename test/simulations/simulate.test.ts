import { expect } from 'chai';
import { fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createEngine } from '../../shared/engine/create-engine.ts';
import { trainLocally } from '../../shared/engine/training.ts';
import { FederatedError } from '../../shared/errors.ts';
import { initialWeights } from '../../shared/tasks/initial.ts';
import type { Partitioner } from '../../simulations/partitions/partitioner.ts';
import { labelledOf } from '../../simulations/partitions/labelled.ts';
import { parsePartition } from '../../simulations/partitions/parse.ts';
import { seeded } from '../../shared/random.ts';
import { deviceTurn, type DeviceModel } from '../../simulations/devices.ts';
import {
  simulate,
  type Simulation,
  type SimulationOptions,
  type SimulationResult,
} from '../../simulations/simulate.ts';
import { useFolder } from '../contracts/folder.ts';
import { clouds, cloudSimulation, cloudTask } from '../helpers/small-federation.ts';

describe('simulate', () => {
  it('gives its rounds one after the other, and learns', async () => {
    const rounds = [];
    const simulation = simulate(cloudSimulation({ rounds: 8 }));
    for await (const round of simulation) rounds.push(round);
    expect(rounds.map(({ round }) => round)).to.deep.equal([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(rounds.every(({ result }) => result === 'done')).to.equal(true);
    const { accuracy, reports, bytesUp } = await simulation.result;
    expect(accuracy).to.equal(rounds.at(-1)!.accuracy).and.to.be.above(0.9);
    expect(reports).to.equal(32); // 8 rounds of 4 clients
    // 8 x 16 + 16 + 16 x 3 + 3 weights of 4 bytes in each report
    expect(bytesUp).to.equal(32 * 4 * 195);
  });

  it('gives the same bytes with one worker and with two, and others with another seed', async () => {
    const changes = [{}, { workers: 2 }, { seed: 4 }];
    const [one, two, other] = await Promise.all(changes.map((each) => simulate(cloudSimulation(each)).result));
    expect(two!.weightsSha256).to.equal(one!.weightsSha256);
    expect(two!.loss).to.equal(one!.loss);
    expect(other!.weightsSha256).not.to.equal(one!.weightsSha256);
  });

  it('ends at the target accuracy, and says in which round', async () => {
    const { rounds, roundsToTarget, accuracy } = await simulate(cloudSimulation({ rounds: 50, targetAccuracy: 0.9 }))
      .result;
    expect(roundsToTarget).to.equal(rounds).and.to.be.below(50);
    expect(accuracy).to.be.at.least(0.9);
  });

  it('ends when its rounds are no longer asked for', async () => {
    const simulation = simulate(cloudSimulation({ rounds: 1_000 }));
    for await (const { round } of simulation) if (round === 2) break;
    expect(await refusal(simulation)).to.have.property('code', 'ABORTED');
  });

  it('gives the same bytes over sockets as in memory, with and without secure aggregation', async () => {
    const both = [false, true].map(async (secureAggregation) => {
      const options = { secureAggregation, clients: 5, rounds: 2 };
      const [memory, ws] = await Promise.all([
        simulate(cloudSimulation(options)).result,
        simulate(cloudSimulation({ ...options, transport: 'ws' })).result,
      ]);
      expect(memory.secureAggregation).to.equal(secureAggregation);
      expect(ws.weightsSha256).to.equal(memory.weightsSha256);
      expect(ws.loss).to.equal(memory.loss);
    });
    await Promise.all(both);
  });

  it('trains each client on its own examples, in the order in which it would alone', async () => {
    // One round of one client is plain training on its part: the reference has a copy of its examples and no federation.
    const data = clouds(40, 1);
    const own = [3, 8, 13, 18, 23, 28, 33, 38];
    const partition: Partitioner = { name: 'own', assign: () => [Uint32Array.from(own), Uint32Array.of(0, 1)] };
    const options = cloudSimulation({ data, partition, clients: 2, clientsPerRound: 1, rounds: 1, localEpochs: 2 });
    const simulation = simulate({
      ...options,
      task: { ...cloudTask, training: { ...cloudTask.training, minExamples: 3 } },
    });
    expect((await simulation.result).leftOut).to.equal(1); // two examples are too few
    const weights = initialWeights(cloudTask.model, 3);
    const engine = await createEngine({ model: cloudTask.model, backend: 'wasm' });
    engine.setWeights(weights);
    const copy = {
      xs: Float32Array.from(own.flatMap((i) => [...data.xs.subarray(8 * i, 8 * i + 8)])),
      ys: Int32Array.from(own, (i) => data.ys[i]!),
      count: own.length,
    };
    const plan = { ...cloudTask.training, localEpochs: 2 };
    const { delta } = await trainLocally(engine, copy, plan, { seed: 'clouds-1/3-0', round: 1 });
    engine.dispose();
    const expected = weights.map((w, i) => w + delta[i]!);
    for (const [i, w] of (await simulation.weights)!.entries()) expect(w).to.be.closeTo(expected[i]!, 1e-7);
  });

  it('gives each client a model of its own where the algorithm does, on which it is measured', async () => {
    const options = { partition: 'pathological:1', clients: 6, clientTest: 0.25, evaluateClients: 5 };
    const last = async (name: 'fedavg' | 'ditto'): Promise<Record<string, unknown>> => {
      let line: Record<string, unknown> = {};
      for await (const { metrics } of simulate(cloudSimulation({ ...options, strategy: { name } }))) line = metrics;
      return line;
    };
    const [global, personal] = await Promise.all([last('fedavg'), last('ditto')]);
    // Ditto's global model is FedAvg's; a client that has seen one class alone is right about it.
    expect(personal['weights']).to.equal(global['weights']);
    expect(personal['fairness/mean']).to.be.above(global['fairness/mean'] as number);
  });

  describe('with a folder', () => {
    const folder = useFolder();

    it('writes the files of a run, the same for the same seed', async () => {
      const run = async (name: string): Promise<SimulationResult> => {
        const out = join(folder(), name);
        const { result } = simulate(cloudSimulation({ out, evaluateClients: 2, clientTest: 0.2 }));
        await result;
        expect(await readdir(out)).to.have.members([
          'checkpoints',
          'clients.jsonl',
          'config.json',
          'env.json',
          'events.jsonl',
          'metrics.jsonl',
          'plots',
          'report.html',
          'result.json',
          'store',
          'time.jsonl',
        ]);
        return result;
      };
      const results = await Promise.all(['a', 'b'].map(run));
      const read = (name: string, file: string): Promise<string> => readFile(join(folder(), name, file), 'utf8');
      for (const file of ['metrics.jsonl', 'clients.jsonl', 'config.json', 'events.jsonl']) {
        expect(await read('a', file), file).to.equal(await read('b', file));
      }
      const lines = jsonLines(await read('a', 'metrics.jsonl'));
      expect(lines.map(({ round }) => round)).to.deep.equal([1, 2, 3, 4, 5]);
      expect(lines[1]).to.include.keys('eval/accuracy', 'eval/loss', 'train/loss', 'fairness/p10', 'fairness/jain');
      expect(lines[0]).not.to.include.keys('fairness/p10');
      const clients = jsonLines(await read('a', 'clients.jsonl'));
      // Four reports in each of five rounds; all twelve clients are measured after rounds 2 and 4, and after the last.
      expect(clients.filter((line) => 'norm' in line)).to.have.lengthOf(20);
      expect(clients.filter((line) => 'accuracy' in line)).to.have.lengthOf(36);
      const weights = await readFile(join(folder(), 'a', 'checkpoints', 'round-00005', 'weights.bin'));
      expect(createHash('sha256').update(weights).digest('hex')).to.equal(results[0]!.weightsSha256);
      expect(
        jsonLines(await read('a', 'result.json').then((text) => JSON.stringify(JSON.parse(text))))[0],
      ).to.deep.equal(results[0]);
    });

    it('gives the result again for a run that has ended, and refuses other settings', async () => {
      const out = join(folder(), 'run');
      const first = await simulate(cloudSimulation({ out })).result;
      expect(await simulate(cloudSimulation({ out, workers: 2, transport: 'ws' })).result).to.deep.equal(first);
      const error = await refusal(simulate(cloudSimulation({ out, rounds: 6 })));
      expect(error.message).to.match(/holds a run with another "rounds": 5 there, 6 here/);
      // Other examples under the same name are another run.
      const others = await refusal(simulate(cloudSimulation({ out, data: clouds(240, 9) })));
      expect(others.message).to.match(/holds a run with another "dataSha256"/);
      const tested = await refusal(simulate(cloudSimulation({ out, test: clouds(60, 9) })));
      expect(tested.message).to.match(/holds a run with another "testSha256"/);
    });

    it('counts on after an interruption, tells each event once, and keeps the best model and every n-th', async () => {
      const whole = join(folder(), 'whole');
      const broken = join(folder(), 'broken');
      const options = { rounds: 6, checkpointEvery: 2 };
      const expected = await simulate(cloudSimulation({ ...options, out: whole })).result;
      const interrupted = simulate(cloudSimulation({ ...options, out: broken }));
      for await (const { round } of interrupted) if (round === 3) break;
      const result = await simulate(cloudSimulation({ ...options, out: broken })).result;
      for (const key of ['bytesUp', 'bytesDown', 'weightsSha256', 'reports'] as const) {
        expect(result[key], key).to.equal(expected[key]);
      }
      const lines = async (out: string, file: string) => jsonLines(await readFile(join(out, file), 'utf8'));
      const ends = async (out: string): Promise<unknown[]> =>
        (await lines(out, 'events.jsonl'))
          .filter(
            ({ type, data }) => type === 'evaluation' || (type === 'round' && Object.hasOwn(data as object, 'result')),
          )
          .map(({ message }) => message);
      expect(await ends(broken))
        .to.deep.equal(await ends(whole))
        .and.to.have.length(12); // six rounds, each measured
      const wall = (await lines(broken, 'time.jsonl')).map(({ round }) => round);
      expect(wall).to.deep.equal([1, 2, 3, 4, 5, 6]);
      expect(result.seconds).to.be.above(0);
      const metrics = await lines(whole, 'metrics.jsonl');
      const best = metrics.reduce((a, b) => ((b['eval/accuracy'] as number) > (a['eval/accuracy'] as number) ? b : a));
      const hash = async (out: string, name: string): Promise<string> =>
        createHash('sha256')
          .update(await readFile(join(out, 'checkpoints', name, 'weights.bin')))
          .digest('hex');
      for (const out of [whole, broken]) {
        const names = ['best', 'round-00002', 'round-00004', 'round-00006'];
        expect(await readdir(join(out, 'checkpoints'))).to.have.members(names);
        expect(await hash(out, 'best')).to.equal(best['weights']);
        expect(await hash(out, 'round-00004')).to.equal(metrics[3]!['weights']);
      }
      expect(await readFile(join(broken, 'report.html'), 'utf8')).to.contain('<svg');
    });

    it('goes on after an interruption as if nothing had happened, under secure aggregation and with devices that die', async () => {
      const devices = { speed: 20, dropout: 0.2 };
      const options = { seed: 1, rounds: 6, clientsPerRound: 6, secureAggregation: true, devices } as const;
      const out = join(folder(), 'broken');
      for await (const { round } of simulate(cloudSimulation({ ...options, out }))) if (round === 2) break;
      const [whole, taken] = await Promise.all([
        simulate(cloudSimulation(options)).result,
        simulate(cloudSimulation({ ...options, out })).result,
      ]);
      expect(taken.reports).to.be.below(36); // some did die
      expect([taken.weightsSha256, taken.reports]).to.deep.equal([whole.weightsSha256, whole.reports]);
    });

    for (const transport of ['memory', 'ws'] as const) {
      it(`goes on after a kill -9 as if nothing had happened (${transport})`, async function () {
        this.timeout(60_000);
        const whole = join(folder(), 'whole');
        const killed = join(folder(), 'killed');
        // SCAFFOLD keeps control variates on the devices, which must come through as well.
        const strategy = { name: 'scaffold' } as const;
        const devices = { devices: { speed: 10, dropout: 0.2, stragglers: 0.3 }, strategy };
        const measured = { evaluateClients: 1, clientTest: 0.2 };
        const own = transport === 'memory' ? { ...devices, ...measured } : {};
        const options = { rounds: 1_000, transport, clientsPerRound: 5, ...own };
        const death = killIn(3, killed, options);
        // As many rounds as the killed one has; a target would stop both at once.
        const stop = async (out: string): Promise<string> => {
          let weights = '';
          for await (const each of simulate(cloudSimulation({ ...options, out }))) {
            weights = each.metrics['weights'] as string;
            if (each.round === 6) break;
          }
          return weights;
        };
        const [expected] = await Promise.all([stop(whole), death]);
        expect(await stop(killed)).to.equal(expected);
        const lines = async (out: string): Promise<object[]> =>
          jsonLines(await readFile(join(out, 'metrics.jsonl'), 'utf8')).filter(({ round }) => Number(round) <= 6);
        const real = transport === 'ws' ? { seconds: 0, bytesUp: 0, bytesDown: 0 } : {};
        const told = (await lines(killed)).map((line) => ({ ...line, ...real }));
        expect(told).to.deep.equal((await lines(whole)).map((line) => ({ ...line, ...real })));
        if (transport === 'ws') return;
        const measuredIn = async (out: string): Promise<number[]> => {
          const all = jsonLines(await readFile(join(out, 'clients.jsonl'), 'utf8'));
          return all
            .filter((line) => 'accuracy' in line && Number(line['round']) <= 5)
            .map(({ round }) => Number(round));
        };
        expect(await measuredIn(killed)).to.deep.equal(await measuredIn(whole));
      });
    }
  });

  describe('on virtual time', () => {
    const slow = { speed: 1, slowdown: 100 }; // 20 examples: 20 s, a straggler 2,000 s

    it('waits for nothing: an hour of devices at work is over at once, the same with any number of workers', async () => {
      const devices = { speed: 0.1, spread: 1 };
      const options = { devices, overselect: 2, roundTimeout: 3_600_000 };
      const [one, two] = await Promise.all([
        simulate(cloudSimulation(options)).result,
        simulate(cloudSimulation({ ...options, workers: 2 })).result,
      ]);
      expect(one.virtualSeconds).to.be.above(300);
      expect(two).to.deep.equal({ ...one, workers: 2, seconds: two.seconds });
    });

    it('closes a round at its deadline without the stragglers', async () => {
      const rounds = [];
      const options = { devices: { ...slow, stragglers: 0.2 }, roundTimeout: 100_000, minReports: 1, rounds: 10 };
      for await (const round of simulate(cloudSimulation(options))) rounds.push(round);
      const short = rounds.filter(({ result }) => result === 'short');
      expect(short).not.to.deep.equal([]);
      // Twenty seconds when all are in time, a hundred when it had to wait for the deadline.
      expect(new Set(rounds.map(({ metrics }) => metrics['seconds']))).to.deep.equal(new Set([20, 100]));
      for (const { metrics } of short) expect(metrics['reports']).to.be.within(1, 3).and.to.satisfy(Number.isInteger);
    });

    it('closes a round as soon as enough of those picked beyond it have reported', async () => {
      const options = { devices: { ...slow, stragglers: 0.3 }, clientsPerRound: 4, overselect: 3, rounds: 6 };
      const { virtualSeconds, reports } = await simulate(cloudSimulation(options)).result;
      expect(reports).to.equal(24);
      expect(virtualSeconds).to.equal(120); // no round waits for one of its stragglers
    });

    it('takes the partial work of stragglers, or drops them at the deadline: the same ones', async () => {
      const roundOf = async (devices: DeviceModel) => {
        const options = { clients: 4, rounds: 1, localEpochs: 5, roundTimeout: 200_000, minReports: 1, devices };
        const simulation = simulate(cloudSimulation(options));
        const { reports } = await simulation.result;
        return { reports, weights: (await simulation.weights)! };
      };
      const devices = { speed: 3, stragglers: 0.5, slowdown: 100 }; // 60 examples, 5 epochs: 100 s
      const [dropped, partial] = await Promise.all([roundOf(devices), roundOf({ ...devices, partialWork: true })]);
      const turns = [0, 1, 2, 3].map((client) =>
        deviceTurn({ ...devices, partialWork: true }, 3, { client, round: 1, attempt: 1 }, 300),
      );
      const late = turns.filter(({ work }) => work < 1);
      expect(late.length).to.be.within(1, 3);
      expect([dropped.reports, partial.reports]).to.deep.equal([4 - late.length, 4]);
      // What each client would do alone, with as many epochs as it has time for.
      const engine = await createEngine({ model: cloudTask.model, backend: 'wasm' });
      const weights = initialWeights(cloudTask.model, 3);
      const expected = Float64Array.from(weights);
      const data = clouds(240, 1);
      const lists = parsePartition('iid').assign(labelledOf(data), 4, seeded(3, 'partition'));
      for (const [client, { work }] of turns.entries()) {
        const plan = { ...cloudTask.training, localEpochs: Math.ceil(5 * work) };
        engine.setWeights(weights);
        const { delta } = await trainLocally(engine, data, plan, {
          seed: `clouds-1/3-${client}`,
          round: 1,
          indices: lists[client]!,
        });
        for (const [i, value] of delta.entries()) expected[i]! += value / 4;
      }
      engine.dispose();
      for (const [i, value] of partial.weights.entries()) expect(value).to.be.closeTo(expected[i]!, 1e-6);
    });

    it('goes on where a device dies between two attempts, while it still trains for the first', async () => {
      for (const seed of [4, 6]) {
        const options = { seed, clientsPerRound: 5, devices: { speed: 10, dropout: 0.6 } };
        expect((await simulate(cloudSimulation(options)).result).rounds).to.equal(5);
      }
    });

    it('picks from the devices that are at hand, and waits for more where they are too few', async () => {
      // 20 examples at one in two minutes: 40 minutes a round.
      const devices = { speed: 1 / 120, availability: 0.3 };
      const options = { devices, clientsPerRound: 5, minReports: 2, rounds: 10, roundTimeout: 7_200_000 };
      const [one, two] = await Promise.all([
        simulate(cloudSimulation(options)).result,
        simulate(cloudSimulation({ ...options, workers: 2 })).result,
      ]);
      expect(one.rounds).to.equal(10);
      expect(one.virtualSeconds).to.be.above(12 * 3_600); // alone they take 6.7 hours: it had to wait for the next evening
      expect(one.reports).to.be.within(20, 49); // some go away in the middle of their training
      expect(two).to.deep.equal({ ...one, workers: 2, seconds: two.seconds });
    });

    it('tries a round again when too few report, and gives up with the reason', async () => {
      const rounds: string[] = [];
      const simulation = simulate(cloudSimulation({ devices: { speed: 1, dropout: 1 }, maxAttempts: 3 }));
      const ended = (async () => {
        for await (const { result } of simulation) rounds.push(result);
      })();
      const error = await ended.then(
        () => null,
        (thrown: unknown) => thrown,
      );
      expect(rounds).to.deep.equal(['abandoned', 'abandoned', 'abandoned']);
      expect(error)
        .to.have.property('message')
        .that.matches(/round 1 was abandoned 3 times, last: 0 of 4 reports/);
    });

    it('survives drop-outs under secure aggregation', async () => {
      const options = { devices: { speed: 1, dropout: 0.2 }, secureAggregation: true, clientsPerRound: 6 };
      const { rounds, reports } = await simulate(cloudSimulation(options)).result;
      expect(rounds).to.equal(5);
      expect(reports).to.be.within(15, 29); // of 30
    });
  });

  describe('refuses, before anything runs,', () => {
    const cases: [string, Partial<SimulationOptions>, RegExp][] = [
      ['a task that is not known', { task: 'mnist-3nn' }, /task: no "mnist-3nn"; known are mnist-2nn, /],
      ['data that are not known', { task: 'mnist-2nn', data: 'mnost' }, /no set "mnost"; known are mnist, /],
      ['a partition that is not known', { partition: 'iid2' }, /partition: no kind "iid2"; known are iid, shards:2, /],
      ['a partition that cannot be', { partition: 'pathological:9' }, /partition pathological:9: .*class/],
      ['more clients than examples', { clients: 1_000 }, /1000 clients cannot share 240 examples/],
      [
        'more clients in a round than there are',
        { clientsPerRound: 13 },
        /clientsPerRound: 13 clients cannot be .* 12/,
      ],
      ['no workers', { workers: 0 }, /workers: expected a whole number from 1 to 1024, got 0/],
      ['a learning rate of 0', { clientLearningRate: 0 }, /clientLearningRate/],
      ['a strategy that is not known', { strategy: { name: 'fedsum' } as never }, /strategy/],
      ['a transport that is not known', { transport: 'tcp' as never }, /transport: expected memory or ws, got "tcp"/],
      ['devices on sockets', { transport: 'ws', devices: { dropout: 0.1 } }, /devices: .* take the transport memory/],
      [
        'partial work of one epoch',
        { devices: { partialWork: true } },
        /devices: partialWork: of one local epoch there is no part; set localEpochs/,
      ],
      [
        'stragglers without time',
        { devices: { stragglers: 0.5 } },
        /devices: stragglers: .* set speed, or partialWork/,
      ],
      [
        'too few devices at hand at once',
        { devices: { speed: 1, availability: 0.01 }, clientsPerRound: 12 },
        /availability: at most \d of the 12 devices are at hand at once, a round needs 12/,
      ],
      ['a drop-out above 1', { devices: { dropout: 2 } }, /devices: dropout: expected a number from 0 to 1, got 2/],
      ['clients without tests', { evaluateClients: 1 }, /evaluateClients: .* set clientTest/],
      ['a target that nothing measures', { targetAccuracy: 0.9, test: 'none' }, /targetAccuracy: .* no test examples/],
      ['an attack by nobody', { attack: 'sign-flip:0.01' }, /attack: sign-flip:0.01 of 12 clients is none/],
      ['a partition that is a number', { partition: 3 as unknown as string }, /partition: expected a name .*, got 3/],
      ['a folder that is a number', { out: 3 as unknown as string }, /out: expected a folder, got 3/],
      [
        'data of another shape',
        { test: { ...clouds(4, 1), xs: new Float32Array(4) } },
        /test: clouds does not fit task/,
      ],
      [
        'a folder that cannot be made',
        { out: join(fileURLToPath(import.meta.url), 'here') },
        /out: .*simulate.test.ts\/here cannot be written/,
      ],
    ];
    for (const [what, options, message] of cases) {
      it(what, async () => {
        const error = await refusal(simulate(cloudSimulation(options)));
        expect(error).to.be.instanceOf(FederatedError);
        expect(error.message).to.match(message);
      });
    }
  });
});

const jsonLines = (text: string): Record<string, unknown>[] =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

const refusal = (simulation: Simulation): Promise<FederatedError> =>
  simulation.result.then(
    () => {
      throw new Error('it was not refused');
    },
    (thrown: unknown) => thrown as FederatedError,
  );

/** Lets a simulation in a process of its own run, and kills it in the middle of what comes after a round. */
async function killIn(round: number, out: string, options: Partial<SimulationOptions>): Promise<void> {
  const script = fileURLToPath(new URL('../helpers/mortal-simulation.ts', import.meta.url));
  const child = fork(script, [out, JSON.stringify(options)], { execArgv: ['--import=tsx'] });
  child.on('message', (done) => {
    if (done === round) child.kill('SIGKILL');
  });
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  expect([code, signal]).to.deep.equal([null, 'SIGKILL']);
}

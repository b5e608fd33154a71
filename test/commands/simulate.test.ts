import { expect } from 'chai';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SimulationResult } from '../../simulations/simulate.ts';
import { useFolder } from '../contracts/folder.ts';
import { endCommandsAfterEach, fedloom, jsonOf } from '../helpers/command.ts';
import { clouds, cloudTask } from '../helpers/small-federation.ts';

interface Refusal {
  readonly error: { readonly code: string; readonly message: string };
}

describe('fedloom simulate', function () {
  this.timeout(60_000);
  endCommandsAfterEach();
  const folder = useFolder();

  /** The clouds as a file, and a task for them. */
  async function files(): Promise<string[]> {
    const { xs, ys, count } = clouds(120, 1);
    const rows = Array.from({ length: count }, (_, i) => [...xs.subarray(8 * i, 8 * i + 8), ys[i]].join());
    const header = [...Array.from({ length: 8 }, (_, i) => `x${i}`), 'kind'].join();
    await writeFile(join(folder(), 'clouds.csv'), [header, ...rows].join('\n'));
    await writeFile(join(folder(), 'task.json'), JSON.stringify(cloudTask));
    const data = 'clouds.csv?label=kind';
    return ['simulate', '--task', 'task.json', '--data', data, '--test', data, '--clients', '6', '--workers', '1'];
  }
  const run = (args: readonly string[]) => fedloom(args, { cwd: folder() });

  it('prints one JSON object, and a line a round on stderr', async () => {
    const args = [...(await files()), '--rounds', '3', '--lr', '0.2', '--target-accuracy', '0.5', '--out', 'run'];
    const outcome = await run([...args, '--json']);
    expect(outcome.code, outcome.err).to.equal(0);
    const result = jsonOf<SimulationResult>(outcome);
    expect(result).to.include.keys(
      ...'run task strategy seed clients rounds roundsToTarget accuracy loss bytesUp bytesDown seconds backend'.split(
        ' ',
      ),
      ...'weightsSha256 out epsilon secureAggregation'.split(' '),
    );
    expect(result).to.include({ task: 'clouds', strategy: 'fedavg', seed: 1, clients: 6, secureAggregation: false });
    expect(outcome.err).to.match(/^round 1\/3 .*acc 0\.\d{4} loss \d/m);
    const config = JSON.parse(await readFile(join(folder(), 'run', 'config.json'), 'utf8')) as Record<string, unknown>;
    expect(config).to.include({ partition: 'iid', clients: 6, rounds: 3, seed: 1 });
    const env = JSON.parse(await readFile(join(folder(), 'run', 'env.json'), 'utf8')) as { command: string[] };
    expect(env.command).to.deep.equal(['fedloom', ...args, '--json']);
    expect(await readFile(join(folder(), 'run', 'report.html'), 'utf8')).to.contain(
      'fedloom simulate --task task.json',
    );
    // The same again gives the same, without a round.
    const again = await run([...args, '--resume', '--json']);
    expect(jsonOf(again)).to.deep.equal(result);
    expect(again.err).not.to.contain('round');
  });

  it('makes a run for each combination of a sweep, and a table of them', async () => {
    const args = [...(await files()), '--rounds', '2', '--sweep', 'lr=0.05,0.2 seed=1..2', '--out', 'sweep'];
    const outcome = await run(args);
    expect(outcome.code, outcome.err).to.equal(0);
    const lines = outcome.out.trim().split('\n');
    expect(lines[0]).to.match(/^run +rounds +to target +accuracy +loss +seconds$/);
    expect(lines.slice(1).map((line) => line.split(' ')[0])).to.deep.equal([
      'lr=0.05,seed=1',
      'lr=0.05,seed=2',
      'lr=0.2,seed=1',
      'lr=0.2,seed=2',
    ]);
    const one = JSON.parse(await readFile(join(folder(), 'sweep', 'lr=0.2,seed=2', 'config.json'), 'utf8')) as {
      seed: number;
      task: { training: { clientLearningRate: number } };
    };
    expect([one.seed, one.task.training.clientLearningRate]).to.deep.equal([2, 0.2]);
  });

  it('searches a range by successive halving, and goes on from its folder', async () => {
    const search = 'lr=log(0.01,1) strategy.momentum=uniform(0,0.9)';
    const args = [...(await files()), '--strategy', 'fedavgm', '--search', search, '--trials', '4', '--eta', '2'];
    const all = [...args, '--rounds', '4', '--out', 'search', '--json'];
    const outcome = await run(all);
    expect(outcome.code, outcome.err).to.equal(0);
    const found = jsonOf<{
      readonly best: { readonly settings: Record<string, string>; readonly value: number; readonly out: string };
      readonly brackets: unknown;
      readonly tried: readonly { readonly measured: readonly { readonly rounds: number }[] }[];
    }>(outcome);
    expect(found.brackets).to.deep.equal([[{ trials: 4, rounds: 1 }, { trials: 2, rounds: 2 }, { trials: 1, rounds: 4 }]]); // prettier-ignore
    expect(found.tried.map(({ measured }) => measured.at(-1)!.rounds).toSorted((a, b) => a - b)).to.deep.equal([
      1, 1, 2, 4,
    ]);
    const config = JSON.parse(await readFile(join(folder(), found.best.out, 'config.json'), 'utf8')) as {
      strategy: { serverMomentum: number };
      task: { training: { clientLearningRate: number } };
    };
    expect(config.strategy.serverMomentum).to.equal(Number(found.best.settings['strategy.momentum']));
    expect(config.task.training.clientLearningRate).to.equal(Number(found.best.settings['lr']));
    expect(jsonOf(await run(all))).to.deep.equal(found);
    const other = await run([...args, '--rounds', '8', '--out', 'search', '--json']);
    expect(jsonOf<Refusal>(other).error.message).to.match(
      /^out: .*search holds a run with another "rounds": 4 there, 8/,
    );
  });

  it('reads a file, and lets flags win over it', async () => {
    const args = await files();
    await writeFile(join(folder(), 'exp.yaml'), 'rounds: 9\nseed: 5\npartition: dirichlet:0.5,min=2\nout: here\n');
    const result = jsonOf<SimulationResult>(await run([...args, '-c', 'exp.yaml', '--rounds', '1', '--json']));
    expect(result).to.include({ rounds: 1, seed: 5, partition: 'dirichlet:0.5,min=2', out: join(folder(), 'here') });
  });

  it('says in one sentence what is wrong, and exits with 2', async () => {
    // The others are in wrong-input.test.ts; these go through a process of their own.
    const cases: [string[], RegExp][] = [
      [['--partition', 'iid2'], /^partition: no kind "iid2"; known are iid, /],
      [['--transport', 'tcp'], /--transport <name>' argument 'tcp' is invalid\. Allowed choices are memory, ws/],
      [['--sweep', 'transport=tcp'], /^sweep: transport=tcp: expected memory or ws/],
      [['--search', 'rounds=1,2'], /^search: rounds and seed are those of the whole search/],
      [['--search', 'lr=1,2', '--sweep', 'lr=1'], /^search: give either --search or --sweep/],
      [['--search', 'lr=1,2', '--no-out'], /^search: its trials go on from their folders/],
    ];
    const args = await files();
    for (const [more, message] of cases) {
      const outcome = await run([...args, ...more, '--json']);
      expect(outcome.code, more.join(' ')).to.equal(2);
      expect(jsonOf<Refusal>(outcome).error.message).to.match(message);
    }
  });
});

import { expect } from 'chai';
import { existsSync } from 'node:fs';
import { appendFile, readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { openStore } from '../../server/store/open.ts';
import { runId } from '../../shared/ids.ts';
import { useFolder } from '../contracts/folder.ts';
import { hashOf, recordAfter, storedRound, storedRun } from '../contracts/store.ts';
import { endCommandsAfterEach, fedloom, jsonOf } from '../helpers/command.ts';
import { sampleFolder } from '../helpers/sample-run.ts';

interface Report {
  readonly run: string;
  readonly rounds: number;
  readonly report: string;
  readonly plots: readonly string[];
  readonly files: readonly string[];
  readonly mlflow: { readonly runId: string } | null;
  readonly notes: readonly string[];
}

const pngMagic = '89504e470d0a1a0a';

describe('fedloom report', function () {
  this.timeout(60_000);
  endCommandsAfterEach();
  const folder = useFolder();

  it('writes one HTML file with its plots, as SVG and PNG, a table, and an event file', async () => {
    const run = await sampleFolder(folder(), 'one', { rounds: 12 });
    await appendFile(join(run, 'metrics.jsonl'), '{"round":13,"ev');
    const outcome = await fedloom(['report', run, '--png', '--csv', '--tensorboard', join(run, 'tb'), '--json']);
    expect(outcome, outcome.err).to.include({ code: 0 });
    const result = jsonOf<Report>(outcome);
    expect(result).to.include({ run: 'one', rounds: 12, report: join(run, 'report.html'), mlflow: null });
    expect(result.notes.join()).to.include('torn');
    for (const file of result.files) expect(existsSync(file), file).to.equal(true);

    const page = await readFile(result.report, 'utf8');
    expect(page.match(/<svg /g)!.length).to.be.at.least(8);
    expect(page).to.not.match(/<script|\ssrc=|href="(?!data:)|@import|url\(/); // nothing is asked for from anywhere
    expect(page)
      .to.include('Secure aggregation was ON')
      .and.include('fedloom simulate --task mnist-2nn --partition dirichlet:0.3');
    expect(await readdir(join(run, 'plots'))).to.include.members(['accuracy.svg', 'accuracy.png', 'loss.svg', 'bytes.svg', 'time.svg', 'fairness.svg', 'privacy.svg']); // prettier-ignore
    const png = await readFile(join(run, 'plots/accuracy.png'));
    expect(png.subarray(0, 8).toString('hex')).to.equal(pngMagic);
    expect(png.readUInt32BE(16)).to.equal(1280); // 640 at twice the size
    expect((await readFile(join(run, 'metrics.csv'), 'utf8')).split('\n')[0]).to.match(
      /^round,result,.*eval\/accuracy/,
    );
    // In a folder of its own, so that several runs can lie beside each other.
    expect(result.files.at(-1)).to.match(/tb\/.*one\/events\.out\.tfevents\./);

    // The same run, the same bytes.
    await fedloom(['report', run, '--out', join(folder(), 'again.html')]);
    expect(await readFile(join(folder(), 'again.html'), 'utf8')).to.equal(page);
  });

  it('gives a command that makes the same model again', async () => {
    const simulate = 'simulate --task mnist-2nn --data mnist-10k --clients 10 --clients-per-round 3 --rounds 1 --batch-size 100 --partition shards:2 --strategy fedadam:lr=0.01 --seed 5'; // prettier-ignore
    const first = join(folder(), 'first');
    const made = jsonOf<{ weightsSha256: string }>(await fedloom([...simulate.split(' '), '--out', first, '--json']));
    await fedloom(['report', first]);
    const page = await readFile(join(first, 'report.html'), 'utf8');
    const command = /<pre>fedloom (simulate [^<]*)<\/pre>/.exec(page)![1]!;
    expect(page).to.include(made.weightsSha256);
    const again = await fedloom([...command.split(' '), '--no-out', '--json']);
    expect(again, again.err).to.include({ code: 0 });
    expect(jsonOf<{ weightsSha256: string }>(again).weightsSha256).to.equal(made.weightsSha256);
  });

  it('reports a run of a data folder by its name', async () => {
    const { store, close } = await openStore(folder());
    const first = runId('first');
    const { config } = storedRun('first');
    await store.createRun(storedRun('first', { state: 'finished', config: { ...config, secureAggregation: false } }));
    await store.commitRound(first, storedRound(recordAfter(first, null, 1)), {
      weights: hashOf('1'),
      strategyState: null,
    });
    await store.setEvaluation(first, 1, { accuracy: 0.875, loss: 0.5 });
    await close();
    const out = join(folder(), 'first.html');
    const outcome = await fedloom(['report', 'first', '--data-dir', folder(), '--out', out]);
    expect(outcome, outcome.err).to.include({ code: 0 });
    expect(outcome.err).to.include('first: 1 rounds, eval/accuracy 87.50 %.');
    expect(outcome.out.split('\n')).to.include(out).and.include(join(folder(), 'plots/accuracy.svg'));
    const page = await readFile(out, 'utf8');
    expect(page).to.include('Secure aggregation was OFF').and.include('87.50 %');
    const missing = await fedloom(['report', 'second', '--data-dir', folder()]);
    expect([missing.code, missing.err]).to.satisfy(
      ([code, err]: [number, string]) => code === 2 && err.includes('second'),
    );
  });

  it('logs to MLflow with the token of the environment', async () => {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(`${request.url!.split('?')[0]} ${request.headers.authorization}`);
      request.resume();
      response.end(JSON.stringify({ experiment: { experiment_id: '3' }, run: { info: { run_id: 'abc' } } }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const run = await sampleFolder(folder(), 'one', { rounds: 2 });
    const outcome = await fedloom(['report', run, '--mlflow', url, '--json'], {
      env: { MLFLOW_TRACKING_TOKEN: 'secret' },
    });
    expect(outcome, outcome.err).to.include({ code: 0 });
    expect(jsonOf<Report>(outcome).mlflow).to.deep.equal({ experimentId: '3', runId: 'abc' });
    expect(asked[0]).to.equal('/api/2.0/mlflow/experiments/get-by-name Bearer secret');
    expect(asked.at(-1)).to.equal('/api/2.0/mlflow/runs/update Bearer secret');
    expect(outcome.out + outcome.err).to.not.include('secret');
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
});

describe('fedloom compare', function () {
  this.timeout(60_000);
  endCommandsAfterEach();
  const folder = useFolder();

  it('compares groups over their seeds, as a table, a figure and JSON', async () => {
    for (const [alpha, top] of [
      [0.1, 0.8],
      [1, 0.95],
    ] as const) {
      // prettier-ignore
      for (const seed of [1, 2, 3]) {
        await sampleFolder(folder(), `a${alpha}-s${seed}`, { rounds: 10, seed, top, config: { seed, partition: `dirichlet:${alpha}` } });
      }
    }
    const figure = join(folder(), 'figure.svg');
    const outcome = await fedloom(['compare', folder(), '--group', 'alpha', '--target', '0.7', '--out', figure]);
    expect(outcome, outcome.err).to.include({ code: 0 });
    const rows = outcome.out.trim().split('\n').map((row) => row.split(/\s{2,}/)); // prettier-ignore
    expect(rows[0]).to.deep.equal(['GROUP', 'RUNS', 'ROUNDS', 'FINAL', 'BEST', 'TO TARGET', 'SENT UP', 'TIME']);
    expect(rows.map((row) => row.slice(0, 3)).slice(1)).to.deep.equal([['alpha = 0.1', '3', '10'], ['alpha = 1', '3', '10']]); // prettier-ignore
    expect(rows[2]![3]).to.match(/^8\d\.\d\d % ± \d\.\d\d %$/);
    expect(rows[2]![5]).to.match(/^\d+ \[\d+, \d+\]$/);
    expect(await readFile(figure, 'utf8'))
      .to.include('Mean and ±1 standard deviation over 3 runs each')
      .and.include('target 70.00 %');

    const json = jsonOf<{ groups: { label: string; final: { n: number }; curve: unknown[] }[]; out: null }>(
      await fedloom(['compare', folder(), '--json']),
    );
    expect(json.groups.map(({ label, final, curve }) => [label, final.n, curve.length])).to.deep.equal([['alpha = 0.1', 3, 10], ['alpha = 1', 3, 10]]); // prettier-ignore
  });
});

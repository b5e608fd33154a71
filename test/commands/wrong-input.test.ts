import { expect } from 'chai';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { main } from '../../commands/main.ts';
import { simulate } from '../../simulations/simulate.ts';
import { useFolder } from '../contracts/folder.ts';
import { clouds, cloudSimulation, cloudTask } from '../helpers/small-federation.ts';

interface Answer {
  readonly code: unknown;
  readonly out: string;
  readonly err: string;
}

/** A command in this process, so that a hundred take seconds. */
async function answer(args: readonly string[]): Promise<Answer> {
  const [stdout, stderr, before] = [process.stdout.write, process.stderr.write, process.exitCode];
  const said = { out: '', err: '' };
  const listen = (stream: 'out' | 'err') =>
    ((text: string) => {
      said[stream] += text;
      return true;
    }) as typeof process.stdout.write;
  process.exitCode = 0;
  [process.stdout.write, process.stderr.write] = [listen('out'), listen('err')];
  try {
    await main(args);
    return { code: process.exitCode, ...said };
  } finally {
    [process.stdout.write, process.stderr.write, process.exitCode] = [stdout, stderr, before];
  }
}

describe('wrong input', function () {
  this.timeout(60_000);
  const folder = useFolder();
  const at = (name: string): string => join(folder(), name);

  beforeEach(async () => {
    const { xs, ys, count } = clouds(120, 1);
    const rows = Array.from({ length: count }, (_, i) => [...xs.subarray(8 * i, 8 * i + 8), ys[i]].join());
    const header = [...Array.from({ length: 8 }, (_, i) => `x${i}`), 'kind'].join();
    await writeFile(at('clouds.csv'), [header, ...rows].join('\n'));
    await writeFile(at('task.json'), JSON.stringify(cloudTask));
    for (const name of ['empty.csv', 'empty.json', 'empty.yaml']) await writeFile(at(name), '');
    await writeFile(at('header.csv'), 'x0,kind\n');
    await writeFile(at('bad.json'), '{');
    await writeFile(at('bad.yaml'), 'rounds: [');
    await writeFile(at('key.yaml'), 'roundz: 3\n');
    await writeFile(at('type.yaml'), 'lr: many\n');
    await mkdir(at('full'));
    await writeFile(at('full/file.txt'), 'mine');
    await mkdir(at('torn'));
    await writeFile(at('torn/metrics.jsonl'), 'junk\n{"round":2}\n');
    await mkdir(at('still'));
    await writeFile(at('still/config.json'), '{}');
    await writeFile(at('still/metrics.jsonl'), '');
  });

  /** Each is refused with exit code 2 in one sentence, before a round begins. `@name` is a file of the folder. */
  async function refuses(base: readonly string[], cases: readonly (readonly [string, RegExp])[]): Promise<void> {
    for (const [words, sentence] of cases) {
      const more = words === '' ? [] : words.split(' ');
      const args = [...base, ...more].map((word) => word.replace('_', ' ').replace('@', `${folder()}/`));
      const { code, out, err } = await answer(args);
      expect(code, `${words}: ${err}`).to.equal(2);
      expect(out, words).to.equal('');
      const lines = err.split('\n').filter((line) => /^(fedloom|error): /.test(line));
      expect(lines, `${words}: ${err}`).to.have.length(1);
      expect(lines[0], words).to.match(sentence);
      expect(err, words).not.to.match(/^(round|run) \d/m);
    }
  }
  const clouded = (): string[] => {
    const data = `${at('clouds.csv')}?label=kind`;
    return ['simulate', '--task', at('task.json'), '--data', data, '--test', data, '--clients', '6', '--workers', '1', '--rounds', '1', '--no-out']; // prettier-ignore
  };

  it('of names: what is known is listed', async () => {
    await refuses(clouded(), [
      ['--task mnist-2n', /task: no "mnist-2n"; known are mnist-2nn, .*NOT_FOUND/],
      ['--data mnits', /data: no set "mnits"; known are mnist, .*or give file\.csv\?label=COLUMN/],
      ['--test mnits', /test: no set "mnits"; known are mnist, /],
      ['--partition shard:2', /partition: no kind "shard"; known are iid, shards:2, /],
      ['--strategy fedavgx', /strategy: no "fedavgx"; known are fedavg, /],
      ['--strategy fedprox:foo=1', /strategy fedprox: "foo=1" is no option of it; it has .*proximalMu/],
      ['--attack sign-flp:0.2', /attack: no "sign-flp"; known are sign-flip, /],
      ['--backend wsm', /backend: no "wsm"; known are auto, .*wasm, cpu/],
      ['--transport tcp', /--transport.*tcp.*Allowed choices are memory, ws/],
      ['--weighting example', /--weighting.*example.*Allowed choices are examples, uniform/],
      ['--taks x', /unknown option '--taks'/],
      ['extra', /too many arguments/],
    ]);
    await refuses([], [['simulat', /unknown command 'simulat'/]]);
    await refuses(['experiment', 'run'], [['mcmahan', /experiment: no "mcmahan"; known are mcmahan-2nn, /]]);
  });

  it('of numbers: the flag and its range are named', async () => {
    const whole = (flag: string, from: number): [string, RegExp][] => [
      [`--${flag} ${from - 1}`, new RegExp(`'--${flag} .*argument '${from - 1}' is invalid. expected a whole number from ${from}`)], // prettier-ignore
      [`--${flag} 2.5`, new RegExp(`'--${flag} .*'2.5' is invalid. expected a whole number from ${from}`)],
      [`--${flag} many`, new RegExp(`'--${flag} .*'many' is invalid. expected a number`)],
    ];
    await refuses(clouded(), [
      ...['rounds', 'clients', 'clients-per-round', 'local-epochs', 'batch-size', 'workers', 'min-reports', 'max-attempts'].flatMap((flag) => whole(flag, 1)), // prettier-ignore
      ...['seed', 'evaluate-every', 'evaluate-clients', 'checkpoint-every'].flatMap((flag) => whole(flag, 0)),
      ['--rounds', /'--rounds <n>' argument missing/],
      ['--lr -0.1', /'--lr <x>' argument '-0.1' is invalid. expected a number above 0/],
      ['--lr NaN', /'--lr <x>' argument 'NaN' is invalid. expected a number/],
      ['--server-learning-rate 0', /'--server-learning-rate .* expected a number above 0/],
      ['--client-fraction 1.5', /'--client-fraction .* expected a number above 0 to 1/],
      ['--target-accuracy 97', /'--target-accuracy .* expected a number above 0 to 1/],
      ['--overselect 0.5', /'--overselect .* expected a number from 1 to 10/],
      ['--dropout 1.5', /'--dropout .* expected a number from 0 to 1/],
      ['--round-timeout 5x', /'--round-timeout .* expected a time such as 90s, 5m/],
      ['--client-test 0.95', /clientTest: expected a number from 0 to 0.9, got 0.95/],
      ['--speed 0', /'--speed .* expected a number above 0/],
      ['--speed 9 --stragglers 0.5 --slowdown 0.5', /slowdown: expected a number from 1 to/],
      ['--strategy fedprox:mu=-1', /strategy.proximalMu: .*>=0 but received -1/],
      ['--strategy trimmed-mean:beta=0.6', /strategy.beta: .*<0.5 but received 0.6/],
      ['--attack sign-flip:2', /attack: sign-flip needs the part of the clients that attack, 0 to 1/],
    ]);
  });

  it('of partitions that cannot be', async () => {
    await refuses(clouded(), [
      ['--partition shards:0', /partition shards:0: shardsPerClient is a whole number from 1/],
      ['--partition shards:100', /partition shards:100: 6 clients take 600 shards, and there are only 120 examples/],
      ['--partition dirichlet:0', /partition dirichlet:0: alpha is a number above 0/],
      ['--partition dirichlet:NaN', /partition dirichlet:NaN: alpha is a number, got "NaN"/],
      ['--partition dirichlet:0.1,min=50', /6 clients of at least 50 examples need 300, there are 120; take fewer/],
      ['--partition dirichlet:0.1,mn=5', /no option "mn"; write dirichlet:0.3\[,min=10\]/],
      ['--partition pathological:4', /the examples have 3 classes, a client cannot have 4/],
      ['--partition natural', /partition natural: this data set does not say whose its examples are/],
      ['--clients 121', /121 clients cannot share 120 examples; take fewer clients/],
      ['--clients-per-round 7', /clientsPerRound: 7 clients cannot be picked from 6/],
      ['--data synthetic:1,1 --partition dirichlet:1', /data: .*does not fit task clouds/],
    ]);
  });

  it('of settings that do not go together', async () => {
    await refuses(clouded(), [
      [
        '--strategy krum:byzantine=5 --clients-per-round 6',
        /strategy krum: it needs 13 reports .* raise clientsPerRound/,
      ],
      ['--strategy bulyan:byzantine=1 --clients-per-round 6', /strategy bulyan: it needs 7 reports in every round/],
      ['--min-reports 6 --clients-per-round 5', /minReports is larger than clientsPerRound/],
      ['--secure-aggregation --clients 2', /secure aggregation needs 3 clients in every round/],
      ['--secure-aggregation --strategy median', /strategy median: .* set secureAggregation to false/],
      ['--secure-aggregation --drift', /drift: secure aggregation hides single updates/],
      ['--transport ws --dropout 0.1', /devices: .* take the transport memory/],
      ['--partial-work', /devices: partialWork: .* set localEpochs to 2 or more/],
      ['--stragglers 0.5', /devices: stragglers: .* set speed, or partialWork/],
      ['--evaluate-clients 1', /evaluateClients: .* set clientTest/],
      ['--min-clients 2', /minClients: in a simulation all clients are there; give clients instead/],
      ['--attack backdoor:0.2,target=3', /attack: backdoor: target is a label from 0 to 2, got 3/],
      ['--attack backdoor:0.2', /attack: backdoor: the task's features \[8\] are no image/],
      ['--task mnist-logistic --attack backdoor:0.2,size=30', /backdoor: size: .* from 1 to 28, .* got 30/],
      ['--task char-gru --attack backdoor:0.2', /backdoor needs one label for each example/],
    ]);
  });

  it('of files and folders', async () => {
    await refuses(clouded(), [
      ['--data @none.csv?label=kind', /none\.csv: no such file/],
      ['--data @clouds.csv', /clouds\.csv: give \?label=COLUMN/],
      ['--data @clouds.csv?label=knd', /has no column "knd"; columns are x0, /],
      ['--data @empty.csv?label=kind', /empty\.csv: is empty/],
      ['--data @header.csv?label=kind', /header\.csv: has no line of data after its header/],
      ['--data mnist:0/0', /data: .*expected PART\/PARTS such as 0\/10, got 0\/0/],
      ['--data mnist:3/2', /data: there is no part 3 of 2; the parts are 0 to 1/],
      ['--test @none.csv?label=kind', /test: .*none\.csv: no such file/],
      ['--task @none.json', /task: there is no file .*none\.json/],
      ['--task @bad.json', /task: .*bad\.json is no JSON: /],
      ['--task @empty.json', /task: .*empty\.json is no JSON: it is empty/],
      ['-c @none.yaml', /config: there is no file .*none\.yaml/],
      ['-c @empty.yaml', /empty\.yaml: expected a map of options such as "rounds: 20"/],
      ['-c @bad.yaml', /config file .*bad\.yaml: Flow sequence/],
      ['-c @key.yaml', /unknown key "roundz"; known are .*rounds, /],
      ['-c @type.yaml', /clientLearningRate: .*Expected number but received "many"/],
      ['--resume --out @none', /resume: .* as --out; there is no .*none/],
    ]);
    const written = clouded().slice(0, -1);
    await refuses(written, [
      ['--out @full', /out: .*full holds other files and no simulation; choose another folder/],
      ['--out @full/file.txt', /out: .*file\.txt cannot be written: .*is a file/],
      ['--out @full/file.txt/run', /out: .*run cannot be written: .*file\.txt is a file/],
      ...(process.platform === 'linux' ? [['--out /proc/run', /out: \/proc\/run cannot be written: /] as const] : []),
    ]);
  });

  it('of sweeps and searches', async () => {
    await refuses(clouded(), [
      ['--sweep lr', /sweep: expected settings such as "lr=0.05,0.1 seed=1..3", got "lr"/],
      ['--sweep lr=0.1,0.1', /sweep: lr takes the value 0.1 twice/],
      ['--sweep lr=0.1,-1', /sweep: lr=-1: expected a number above 0/],
      ['--sweep seed=3..1', /sweep: seed: 3..1 runs backwards/],
      ['--sweep learning-rate=0.1', /sweep: no setting "learning-rate"; known are .*lr, /],
      ['--sweep lr=0.1,0.2_partition=iid,shards:100', /partition shards:100: 6 clients take 600 shards/],
    ]);
    const written = [...clouded().slice(0, -1), '--out', at('search')];
    await refuses(written, [
      ['--search lr=log(1,0.1)', /search: lr: log needs two numbers, the smaller first/],
      ['--search lr=lg(0.1,1)', /search: lr: no range "lg"; known are log\(a,b\)/],
      ['--search lr=log(0.1,1) --eta 1', /search: eta: expected a whole number from 2 to 100, got 1/],
      ['--search lr=log(0.1,1) --trials 0', /search: trials: expected a whole number from 2 to 10000, got 0/],
      ['--search lr=log(0.1,1) --partition shards:100', /partition shards:100: 6 clients take 600 shards/],
    ]);
  });

  it('of comparisons, reports and experiments, and of folders that hold something else', async () => {
    await simulate(cloudSimulation({ rounds: 1, out: at('run') })).result;
    await refuses(clouded().slice(0, -1), [
      ['--out @run', /out: .*run holds a run with another "[a-zA-Z]+".*; choose another folder, or the same settings/],
      ['--out @run --sweep lr=0.1,0.2', /out: .*run holds a simulation; choose another folder for several/],
      ['--out @run --search lr=0.1,0.2', /out: .*run holds a simulation/],
    ]);
    await refuses(['compare'], [
      ['', /missing required argument 'folders'/],
      ['@none', /folders: .*none is no run folder \(it has no metrics\.jsonl\), and there is none in it/],
      ['@torn', /torn\/metrics\.jsonl, line 1: expected a JSON object, got "junk"/],
      ['@still', /folders: in none of these runs has a round ended/],
      ['@run --metric eval/acc', /--metric: no run has "eval\/acc"; choose one of .*eval\/accuracy, /],
      ['@run --group strat', /--group: no run has a setting "strat"/],
      ['@run --target x', /'--target <value>' argument 'x' is invalid. expected a number/],
      ['@run --out @fig.pdf', /--out: expected a name that ends in \.svg or \.png/],
      ['@run --out @full/file.txt/fig.svg', /out: .*cannot be written: .*file\.txt is a file/],
    ]); // prettier-ignore
    await refuses(['report'], [
      ['', /missing required argument 'run'/],
      ['none --data-dir @none', /run: none is no folder of a run .* holds no server's data/],
      ['@none', /none is not there; expected the folder of a run/],
      ['@torn', /torn\/metrics\.jsonl, line 1: /],
      ['@run --out @full', /out: .*full cannot be written: /],
      ['@run --mlflow here', /--mlflow: expected an http or https address/],
    ]); // prettier-ignore
    await refuses(['experiment', 'run', 'robust-rules', '--quick'], [
      ['--seeds 3..1', /'--seeds <list>' argument '3..1' is invalid. expected whole numbers such as 1,2 or 1..3/],
      ['--workers 0', /'--workers <n>' argument '0' is invalid. expected a whole number from 1 to 1024/],
      ['--arm mean', /arm: no "mean"; known are "mean \/ none", /],
      ['--out @full', /out: .*full holds other files, such as file\.txt, and no run of robust-rules/],
      ['--out @run', /out: .*run holds a simulation/],
      ['--out @full/file.txt', /out: .*file\.txt cannot be written/],
    ]); // prettier-ignore
  });
});

import { expect } from 'chai';
import { appendFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expandFolders } from '../../../simulations/reports/expand-folders.ts';
import { headline, roundsTo, seriesOf } from '../../../simulations/reports/headline.ts';
import { readFolder } from '../../../simulations/reports/read-folder.ts';
import { committed, tagsOf } from '../../../simulations/reports/run-record.ts';
import { measuredRounds } from '../../../simulations/reports/plot.ts';
import { useFolder } from '../../contracts/folder.ts';
import { refuses } from '../../contracts/store.ts';

describe('a run folder', () => {
  const folder = useFolder();
  const write = async (metrics: string | Uint8Array, config: object | string = { seed: 7, rounds: 3 }) => {
    await mkdir(folder(), { recursive: true });
    await writeFile(join(folder(), 'metrics.jsonl'), metrics);
    await writeFile(join(folder(), 'config.json'), typeof config === 'string' ? config : JSON.stringify(config));
  };
  const failure = (): Promise<string> =>
    readFolder(folder()).then(
      () => 'no error',
      (error: Error) => error.message,
    );

  it('is read back, its fields under the tags of all sinks', async () => {
    await write(
      '{"round":1,"result":"done","weights":"ab","reports":10,"seconds":1.5,"bytesUp":800,"train/loss":2,"eval/accuracy":0.5}\n' +
        '{"round":2,"attempt":1,"result":"abandoned","reason":"2 of 10 reports","seconds":30}\r\n' +
        '\n{"round":2,"result":"short","reports":7,"seconds":2.5,"bytes/down":900,"eval/accuracy":null}\n',
      { seed: 7, rounds: 3, secureAggregation: true, task: { name: 'digits' }, strategy: { name: 'fedavg' } },
    );
    await writeFile(join(folder(), 'events.jsonl'), '{"at":1700000000000,"type":"run"}\n{"half');
    const run = await readFolder(folder());
    expect(run.rounds[0]).to.deep.equal({
      round: 1,
      result: 'done',
      reason: '',
      weights: 'ab',
      values: { 'clients/reported': 10, 'time/round': 1.5, 'bytes/up': 800, 'train/loss': 2, 'eval/accuracy': 0.5 },
      missing: [],
    });
    expect(run.rounds.map(({ result }) => result)).to.deep.equal(['done', 'abandoned', 'short']);
    expect(run.rounds[2]!.missing).to.deep.equal(['eval/accuracy']); // NaN is null in JSON
    expect(committed(run).map(({ round }) => round)).to.deep.equal([1, 2]);
    expect(run.startedAt).to.equal(1_700_000_000_000);
    expect(headline(run)).to.include({
      task: 'digits',
      strategy: 'fedavg',
      seed: 7,
      rounds: 2,
      wanted: 3,
      abandoned: 1,
      short: 1,
      metric: 'eval/accuracy',
      reports: 17,
      seconds: 34, // 1.5 + 30 + 2.5
      bytesUp: 800,
      bytesDown: 900,
      secureAggregation: true,
    });
    expect(headline(run).final).to.deep.equal({ round: 1, value: 0.5 });
  });

  it('of a killed process: the torn last line is left out, with a note; a whole one without its end is kept', async () => {
    await write('{"round":1,"eval/loss":2}\n{"round":2,"eval/l');
    const torn = await readFolder(folder());
    expect(torn.rounds).to.have.length(1);
    expect(torn.notes[0]).to.match(/The last line of .*metrics\.jsonl is torn/);
    await write('{"round":1}\n{"round":2}');
    expect(await readFolder(folder()))
      .to.have.property('rounds')
      .with.length(2);
    // Torn within a character.
    const bytes = Buffer.from('{"round":1}\n{"reason":"\u00e9');
    await write(bytes.subarray(0, -1));
    expect((await readFolder(folder())).rounds).to.have.length(1);
  });

  it('with any other broken line is refused by file and line', async () => {
    const refused: [string, RegExp][] = [
      [
        '{"round":1}\n{"round":2,\n{"round":3}\n',
        /metrics\.jsonl, line 2: expected a JSON object, got .*repair or remove/,
      ],
      ['{"round":1}\nnull\n', /line 2: expected a JSON object/],
      ['[1]\n', /line 1: expected a JSON object/],
      ['{"result":"done"}\n', /line 1: round: expected a whole number/],
      ['{"round":1.5}\n', /line 1: round: expected a whole number, got 1\.5/],
      ['{"round":1,"result":"fine"}\n', /line 1: result: expected done, short, abandoned, got "fine"/],
      ['{"round":1,"eval/loss":"low"}\n', /line 1: eval\/loss: expected a number, got "low"/],
    ];
    for (const [metrics, message] of refused) {
      await write(metrics);
      expect(await failure(), metrics).to.match(message);
      await refuses(readFolder(folder()), 'BAD_FILE');
    }
    await write(Uint8Array.of(0xff, 0x0a));
    expect(await failure()).to.match(/metrics\.jsonl: expected UTF-8/);
    await write('{"round":1}\n', '{"seed":');
    expect(await failure()).to.match(/config\.json: expected one JSON object/);
  });

  it('that is none, or is not there, is refused', async () => {
    await refuses(readFolder(join(folder(), 'none')), 'NOT_FOUND');
    await mkdir(folder(), { recursive: true });
    expect(await failure()).to.match(/has no metrics\.jsonl; expected the folder of a run/);
  });

  it('without settings says so', async () => {
    await write('{"round":1}\n');
    await rm(join(folder(), 'config.json'));
    expect((await readFolder(folder())).notes).to.deep.equal([
      'There is no config.json: the settings of the run are not known.',
    ]);
  });

  it('in which a round was written twice counts the later line', async () => {
    await write('{"round":1,"eval/loss":3}\n{"round":1,"eval/loss":2}\n');
    expect(seriesOf(await readFolder(folder()), 'eval/loss')).to.deep.equal([{ round: 1, value: 2 }]);
  });

  it('gives what clients measured', async () => {
    await write('{"round":1}\n');
    await appendFile(join(folder(), 'clients.jsonl'), '{"round":1,"client":"a","accuracy":0.5,"norm":null}\n');
    expect((await readFolder(folder())).clients).to.deep.equal([{ round: 1, client: 'a', values: { accuracy: 0.5 } }]);
    await appendFile(join(folder(), 'clients.jsonl'), '{"round":1}\n');
    expect(await failure()).to.match(/clients\.jsonl, line 2: expected the fields round and client/);
  });

  it('is found in a folder of runs', async () => {
    for (const name of ['b', 'a']) {
      await mkdir(join(folder(), name), { recursive: true });
      await writeFile(join(folder(), name, 'metrics.jsonl'), '');
    }
    await mkdir(join(folder(), 'other'));
    expect(await expandFolders([folder()])).to.deep.equal([join(folder(), 'a'), join(folder(), 'b')]);
    await refuses(expandFolders([join(folder(), 'other')]), 'NOT_FOUND');
  });
});

describe('the series of a measurement', () => {
  const run = (values: readonly (readonly [number, number | null])[]) => ({
    rounds: values.map(([round, value]) => ({
      round,
      result: 'done' as const,
      reason: '',
      weights: null,
      values: value === null ? {} : { 'eval/loss': value },
      missing: value === null ? ['eval/loss'] : [],
    })),
  });

  it('has a gap where it was no finite number, and where rounds are missing', () => {
    const gaps = (values: readonly (readonly [number, number | null])[]): (number | null)[] =>
      measuredRounds(run(values), 'eval/loss').map(({ round, values: all }) => (all === null ? null : round));
    expect(gaps([[1, 3], [2, null], [3, 1]])).to.deep.equal([1, null, 3]); // prettier-ignore
    expect(gaps([[1, 3], [2, 2], [3, 1], [6, 1], [7, 1]])).to.deep.equal([1, 2, 3, null, 6, 7]); // prettier-ignore
    // Measured every fifth round and at the end: nothing is missing.
    expect(gaps([[5, 3], [10, 2], [15, 1], [17, 1]])).to.deep.equal([5, 10, 15, 17]); // prettier-ignore
  });

  it('reaches a target from below, for a loss from above', () => {
    const falling = run([[1, 3], [2, 2], [3, 1]]); // prettier-ignore
    expect(roundsTo(falling, 'eval/loss', 2)).to.equal(2);
    expect(roundsTo(falling, 'eval/loss', 0.5)).to.equal(null);
    expect(tagsOf(falling)).to.deep.equal(['eval/loss']);
  });
});

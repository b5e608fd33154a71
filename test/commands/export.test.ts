import { expect } from 'chai';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeExport } from '../../commands/export.ts';
import { openStore } from '../../server/store/open.ts';
import { runId, type Sha256 } from '../../shared/ids.ts';
import { sealRecord, type RoundRecord } from '../../shared/round-log.ts';
import { encodeTask } from '../../shared/tasks/task.ts';
import { bytesFloats, floatBytes } from '../../shared/weights.ts';
import { useFolder } from '../contracts/folder.ts';
import { recordAfter, refuses, storedRound, storedRun } from '../contracts/store.ts';

describe('writeExport', () => {
  const folder = useFolder();
  const run = runId('first');
  const models: Sha256[] = [];
  const dataDir = (): string => join(folder(), 'data');
  const out = (): string => join(folder(), 'out', 'model');
  const exportRound = (round: string, format: 'tfjs' | 'safetensors' | 'all' = 'all') =>
    writeExport({ dataDir: dataDir(), run: 'first', round, format, out: out() });

  /** Model r has weights r, r, r; round 2 was abandoned once; accuracies 0.5, 0.9, 0.7. */
  beforeEach(async () => {
    const { store, blobs, close } = await openStore(dataDir());
    models.length = 0;
    for (let r = 0; r <= 3; r++) models.push(await blobs.put(floatBytes(new Float32Array(3).fill(r))));
    const { config } = storedRun('first');
    const task = await blobs.put(encodeTask(config.task));
    await store.createRun(storedRun('first', { task, weights: models[0]!, round: 0 }));
    let last: RoundRecord | null = null;
    for (const [round, result, accuracy] of [
      [1, 'done', 0.5],
      [2, 'abandoned', null],
      [2, 'short', 0.9],
      [3, 'done', 0.7],
    ] as const) {
      const before = models[round - 1]!;
      const after = result === 'abandoned' ? before : models[round]!;
      const { hash: _, ...record } = recordAfter(run, last, round, result);
      last = sealRecord({ ...record, weightsBefore: before, weightsAfter: after });
      await store.commitRound(run, storedRound(last), { weights: after, strategyState: null });
      if (accuracy !== null) await store.setEvaluation(run, round, { accuracy, loss: 1 - accuracy, examples: 100 });
    }
    await close();
  });

  const weightsOut = async (): Promise<number[]> => [...bytesFloats(await readFile(join(out(), 'weights.bin')))];

  it('writes the last model, the best one, and that of any round', async () => {
    for (const [round, expected, accuracy] of [
      ['last', 3, 0.7],
      ['best', 2, 0.9],
      ['1', 1, 0.5],
      ['0', 0, null],
    ] as const) {
      const result = await exportRound(round);
      expect(result).to.include({
        run: 'first',
        round: expected,
        parameters: 3,
        accuracy,
        weightsSha256: models[expected],
      });
      expect(await weightsOut()).to.deep.equal([expected, expected, expected]);
    }
  });

  it('writes the files of the format that is asked for, and always the card', async () => {
    expect((await exportRound('last', 'safetensors')).files).to.deep.equal(['model.safetensors', 'MODEL_CARD.md']);
    expect((await readdir(out())).toSorted()).to.deep.equal(['MODEL_CARD.md', 'model.safetensors']);
    expect((await exportRound('last', 'tfjs')).files).to.deep.equal(['model.json', 'weights.bin', 'MODEL_CARD.md']);
    const card = await readFile(join(out(), 'MODEL_CARD.md'), 'utf8');
    expect(card).to.include('| Clients | 1, with 3 reports in all |').and.include('0.7000');
  });

  it('works beside a server that owns the folder', async () => {
    const { close } = await openStore(dataDir());
    try {
      expect((await exportRound('last')).round).to.equal(3);
    } finally {
      await close();
    }
  });

  it('refuses what there is not, and a place that cannot be written', async () => {
    await refuses(exportRound('4'), 'NOT_FOUND');
    await refuses(exportRound('newest'), 'BAD_ARGUMENT');
    const other = { dataDir: dataDir(), round: 'last', format: 'all', out: out() } as const;
    await refuses(writeExport({ ...other, run: 'second' }), 'NOT_FOUND');
    await refuses(writeExport({ ...other, run: 'NO GOOD' }), 'BAD_ARGUMENT');
    await refuses(writeExport({ ...other, run: 'first', dataDir: join(folder(), 'none') }), 'NOT_FOUND');
    await writeFile(join(folder(), 'file'), '');
    await refuses(writeExport({ ...other, run: 'first', out: join(folder(), 'file') }), 'BAD_FILE');
  });

  it('says that no round is best when none was evaluated', async () => {
    const { store, close } = await openStore(dataDir());
    await store.createRun(storedRun('second', { weights: models[0]! }));
    await close();
    await refuses(
      writeExport({ dataDir: dataDir(), run: 'second', round: 'best', format: 'all', out: out() }),
      'NOT_FOUND',
    );
  });
});

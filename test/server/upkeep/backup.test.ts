import { expect } from 'chai';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createServer } from '../../../server/server.ts';
import { openStore } from '../../../server/store/open.ts';
import { backUp, restore } from '../../../server/upkeep/backup.ts';
import { verifyFolder } from '../../../server/upkeep/verify.ts';
import { runId } from '../../../shared/ids.ts';
import { findBreak } from '../../../shared/round-log.ts';
import { initialWeights } from '../../../shared/tasks/initial.ts';
import { encodeTask } from '../../../shared/tasks/task.ts';
import { floatBytes } from '../../../shared/weights.ts';
import { useFolder } from '../../contracts/folder.ts';
import { refuses, storedRun } from '../../contracts/store.ts';
import { Federation, tinyConfig } from '../../helpers/federation.ts';

describe('backUp and restore', function () {
  this.timeout(60_000);
  const folder = useFolder();
  const at = (name: string): string => join(folder(), name);
  const now = 1_700_000_000_000;
  let federation: Federation | undefined;
  afterEach(async () => {
    await federation?.close();
    federation = undefined;
  });

  /** A folder with a run and no server. */
  const someData = async (): Promise<void> => {
    const { store, blobs, close } = await openStore(at('data'));
    const { config } = storedRun('first');
    const weights = await blobs.put(floatBytes(initialWeights(config.task.model, config.seed)));
    const task = await blobs.put(encodeTask(config.task));
    await store.createRun(storedRun('first', { weights, task }));
    await close();
    await writeFile(join(at('data'), 'server.key'), new Uint8Array(32), { mode: 0o600 });
  };

  for (const secureAggregation of [false, true]) {
    it(`copies a server at work, and a ${secureAggregation ? 'secure' : 'plain'} run goes on from the copy with the same clients`, async () => {
      const rounds = 8;
      const config = tinyConfig({ rounds, minReports: 3, secureAggregation });
      federation = await Federation.open();
      const { id } = await federation.server.operations.create(config);
      // A round waits for the backups to be made. Clients take part in no round of secure aggregation a second time, so there
      // they must not be further than the backup.
      const waits = secureAggregation ? 4 : 5;
      let open = (): void => {};
      const gate = new Promise<void>((resolve) => (open = resolve));
      for (const seed of [1, 2, 3]) {
        federation.join({
          seed,
          training: { examples: seed, before: ({ round }) => (round < waits ? sleep(20) : gate) },
        });
      }
      const committed = async (round: number): Promise<void> => {
        await federation!.event(
          ({ type, data }) => type === 'round' && data['round'] === round && data['result'] === 'done',
        );
      };
      // One after the other while rounds go on: each is of one moment.
      for (const round of [1, 2, 3]) {
        await committed(round);
        const { runs } = await backUp(federation.dataDir, at('backup'), { keys: true, now });
        expect(runs[0]!.round).to.be.at.least(round);
        expect(await verifyFolder(at('backup'))).to.deep.include({ whole: true, findings: [] });
      }
      if (!secureAggregation) {
        open();
        await committed(5); // which the backup does not have
      }
      const { port } = federation.server;
      await federation.server.close();

      const { note, verification } = await restore(at('backup'), at('data'));
      expect(verification.whole).to.equal(true);
      expect(note.runs[0]!.round).to.be.within(3, 4);
      // The clients know the key, and come back by themselves.
      federation.server = await createServer({ port, dataDir: at('data') });
      open();
      federation.server.events.listen((event) => federation!.events.push(event));
      expect((await federation.server.operations.run(id)).resumedAt).to.equal(note.runs[0]!.round);
      federation.events.splice(0);
      await federation.state('finished');

      const records = (await federation.server.operations.rounds(id)).map(({ record }) => record);
      expect(findBreak(records)).to.equal(-1);
      const done = records.filter(({ result }) => result === 'done');
      expect(done.map(({ round }) => round)).to.deep.equal(Array.from({ length: rounds }, (_, i) => i + 1));
      const undisturbed = await Federation.open();
      await undisturbed.server.operations.create(config);
      for (const seed of [1, 2, 3]) undisturbed.join({ seed, training: { examples: seed } });
      await undisturbed.state('finished');
      const expected = await undisturbed.server.operations.rounds(id);
      await undisturbed.close();
      expect(done.at(-1)!.weightsAfter).to.equal(expected.at(-1)!.record.weightsAfter);
    });
  }

  it('brings an earlier backup up to date, and writes what is new', async () => {
    await someData();
    expect(await backUp(at('data'), at('backup'), { keys: false, now })).to.include({ blobs: 2, kept: 0 });
    const { store, blobs, close } = await openStore(at('data'));
    await store.createRun(
      storedRun('second', { weights: await blobs.put(new Uint8Array(12)), task: (await store.runs())[0]!.task }),
    );
    await close();
    expect(await backUp(at('data'), at('backup'), { keys: false, now })).to.include({ blobs: 3, kept: 2 });
    const reader = await openStore(at('backup'), { lock: false });
    expect((await reader.store.runs()).map(({ id }) => id)).to.deep.equal(['first', 'second']);
    await reader.close();
  });

  it('has keys and tokens in it only when that is asked for, for the owner alone', async () => {
    await someData();
    await backUp(at('data'), at('without'), { keys: false, now });
    expect((await readdir(at('without'))).toSorted()).to.deep.equal(['backup.json', 'blobs', 'fedloom.db']);
    await backUp(at('data'), at('with'), { keys: true, now });
    expect((await readFile(join(at('with'), 'server.key'))).length).to.equal(32);
    expect((await stat(join(at('with'), 'server.key'))).mode & 0o777).to.equal(0o600);
    await restore(at('without'), at('new'));
    expect(existsSync(join(at('new'), 'server.key'))).to.equal(false);
  });

  it('is no backup before it is whole: what was cut short is taken up again', async () => {
    await someData();
    await mkdir(join(at('backup'), 'blobs'), { recursive: true });
    await writeFile(join(at('backup'), 'fedloom.db.new'), 'half a data');
    await refuses(restore(at('backup'), at('new')), 'BAD_FILE');
    await backUp(at('data'), at('backup'), { keys: false, now });
    expect((await restore(at('backup'), at('new'))).verification.runs).to.equal(1);
  });

  it('refuses a damaged source, a damaged backup, and folders with other things in them', async () => {
    await someData();
    await refuses(backUp(at('none'), at('backup'), { keys: false, now }), 'NOT_FOUND');
    await refuses(backUp(at('data'), join(at('data'), 'backup'), { keys: false, now }), 'BAD_ARGUMENT');
    await mkdir(at('other'));
    await writeFile(join(at('other'), 'letter.txt'), '');
    await refuses(backUp(at('data'), at('other'), { keys: false, now }), 'BAD_ARGUMENT');
    await backUp(at('data'), at('backup'), { keys: false, now });
    await refuses(restore(at('backup'), at('data')), 'BAD_STATE');
    const database = join(at('backup'), 'fedloom.db');
    const bytes = await readFile(database);
    bytes[5_000]! ^= 1;
    await writeFile(database, bytes);
    await refuses(restore(at('backup'), at('new')), 'STORE_CORRUPT');
    const { store, blobs, close } = await openStore(at('data'));
    const { weights } = await store.run(runId('first'));
    await close();
    expect(await blobs.size(weights)).to.equal(12);
    await writeFile(join(at('data'), 'blobs', weights.slice(0, 2), weights), new Uint8Array(12).fill(1));
    await rm(at('backup'), { recursive: true });
    await refuses(backUp(at('data'), at('backup'), { keys: false, now }), 'STORE_CORRUPT');
  });
});

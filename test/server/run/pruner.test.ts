import { expect } from 'chai';
import fc from 'fast-check';
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { silentLog } from '../../../server/host.ts';
import { modelsToPrune, Pruner, type KeptModel } from '../../../server/run/pruner.ts';
import { memoryBlobs, memoryStore } from '../../../server/store/memory.ts';
import { openStore } from '../../../server/store/open.ts';
import type { BlobStore, Store } from '../../../server/store/store.ts';
import { backUp, restore } from '../../../server/upkeep/backup.ts';
import { verifyFolder } from '../../../server/upkeep/verify.ts';
import { runId, type Sha256 } from '../../../shared/ids.ts';
import { useFolder } from '../../contracts/folder.ts';
import { Federation, tinyConfig } from '../../helpers/federation.ts';
import { codeOfLater } from '../../helpers/primitives.ts';

const id = runId('tiny-1');

describe('the choice of models that need not stay', () => {
  const model = (name: number, score = -Infinity): KeptModel => ({ id: String(name) as Sha256, score });

  it('leaves the newest and the best, the earlier of two that are as good', () => {
    const models = [model(1, 0.5), model(2, 0.9), model(3, 0.9), model(4, 0.1), model(5, 0.2)];
    expect(modelsToPrune(models, 2).map((each) => each.id)).to.deep.equal(['1', '3']);
    expect(modelsToPrune(models, 5)).to.deep.equal([]);
  });

  it('never takes one of the newest, nor the best, nor one with the same bytes, and takes all others', () =>
    fc.assert(
      fc.property(
        fc.array(fc.record({ name: fc.nat(9), score: fc.oneof(fc.double({ noNaN: true }), fc.constant(-Infinity)) })),
        fc.integer({ min: 1, max: 12 }),
        (drawn, keep) => {
          const models = drawn.map(({ name, score }) => model(name, score));
          const gone = new Set(modelsToPrune(models, keep).map((each) => each.id));
          const best = models.filter((each) => each.score > -Infinity).toSorted((a, b) => b.score - a.score)[0];
          const stays = new Set(models.slice(-keep).map((each) => each.id));
          if (best !== undefined) stays.add(best.id);
          for (const each of models) expect(gone.has(each.id)).to.equal(!stays.has(each.id));
        },
      ),
    ));
});

describe('a run that keeps its newest models only', function () {
  this.timeout(60_000);
  const folder = useFolder();
  let federation: Federation | null = null;
  afterEach(async () => {
    await federation?.close();
    federation = null;
  });

  /** Rounds of one client; central evaluation finds the model of round 3 the best. */
  const play = async (changes: Parameters<typeof tinyConfig>[0], dataDir = join(folder(), 'data')): Promise<void> => {
    let evaluated = 0;
    federation = await Federation.open({
      dataDir,
      evaluate: async () => ({ accuracy: ++evaluated === 3 ? 0.9 : 0.1, examples: 1 }),
    });
    const config = { rounds: 12, minClients: 1, secureAggregation: false, evaluateEvery: 1, ...changes };
    await federation.server.operations.create(tinyConfig(config), id);
    federation.join({ seed: 1 });
    await federation.state('finished');
  };
  const models = async (store: Store): Promise<string[]> =>
    (await store.rounds(id)).map(({ record }) => record.weightsAfter);
  const there = async (blobs: BlobStore, ids: readonly string[]): Promise<number[]> => {
    const sizes = await Promise.all(ids.map((each) => blobs.size(each as Sha256)));
    return sizes.flatMap((size, i) => (size === null ? [] : [i + 1]));
  };

  it('has the first, the best and the newest on the disk after each round, and the others nowhere', async () => {
    await play({ keepModels: 2 });
    const dataDir = join(folder(), 'data');
    const { store, blobs, close } = await openStore(dataDir, { lock: false });
    const ids = await models(store);
    // When round 12 was written the newest two were 10 and 11.
    expect(await there(blobs, ids)).to.deep.equal([3, 10, 11, 12]);
    expect(await blobs.size((await store.rounds(id))[0]!.record.weightsBefore)).not.to.equal(null);
    await close();
    expect(await verifyFolder(dataDir)).to.deep.include({ whole: true, findings: [] });
  });

  it('exports what is there, and says of the others that they were removed', async () => {
    await play({ keepModels: 2 });
    const { operations } = federation!.server;
    const exported = (round: string) => operations.exportModel({ run: id, round, format: 'safetensors' });
    for (const round of ['last', 'best', '0', '3', '11']) expect((await exported(round)).run).to.equal(id);
    const error = await exported('5').catch((thrown: unknown) => thrown);
    expect(error).to.include({ code: 'NOT_FOUND' });
    expect(String(error)).to.match(
      /the model of round 5 of tiny-1 was removed.*keepModels.*ask for round last, best or 0/,
    );
    expect((await operations.history(id)).length, 'its history stays whole').to.equal(12);
  });

  it('keeps every model with "all", and 100 where nothing is said', async () => {
    await play({ keepModels: 'all' });
    const { store, blobs, close } = await openStore(join(folder(), 'data'), { lock: false });
    expect((await there(blobs, await models(store))).length).to.equal(12);
    await close();
    for (const wrong of [0, 1.5, 'none']) {
      expect(
        await codeOfLater(() => federation!.server.operations.create({ ...tinyConfig(), keepModels: wrong })),
      ).to.equal('BAD_CONFIG');
    }
  });

  it('tells what was removed from what is lost, and a backup has what is there', async () => {
    await play({ keepModels: 2 });
    const dataDir = join(folder(), 'data');
    await federation!.server.close();
    const { store, blobs, close } = await openStore(dataDir, { lock: false });
    const ids = await models(store);
    expect([await blobs.size(ids[4] as Sha256), (await store.pruned(id)).size]).to.deep.equal([null, 8]);
    await close();
    await backUp(dataDir, join(folder(), 'backup'), { keys: false, now: 1 });
    const { verification } = await restore(join(folder(), 'backup'), join(folder(), 'restored'));
    expect(verification.whole).to.equal(true);
    await rm(join(dataDir, 'blobs', ids[10]!.slice(0, 2), ids[10]!));
    const { whole, findings } = await verifyFolder(dataDir);
    expect(whole).to.equal(false);
    expect(findings.map(({ kind, message }) => `${kind}: ${message}`)).to.deep.equal([
      `lost: the model before round 12 of run tiny-1 (${ids[10]!.slice(0, 12)}…) is missing`.replace(
        'before round 12',
        'after round 11',
      ),
    ]);
    await federation!.restart();
  });

  it('can be backed up while it removes models: each backup is whole', async () => {
    const dataDir = join(folder(), 'data');
    const playing = play({ keepModels: 1, rounds: 150, evaluateEvery: 0 });
    while (federation === null) await new Promise((resolve) => setImmediate(resolve));
    let over = false;
    void playing.then(() => (over = true));
    let backups = 0;
    while (!over) {
      const out = join(folder(), `backup-${++backups}`);
      await backUp(dataDir, out, { keys: false, now: 1 });
      expect(await verifyFolder(out)).to.include({ whole: true });
    }
    await playing;
    expect(backups).to.be.above(2);
  });

  it('does not keep the states of its strategy that no row names any more', async () => {
    await play({ keepModels: 2, strategy: { name: 'fedavgm', serverMomentum: 0.9 } });
    const dataDir = join(folder(), 'data');
    let files = 0;
    for (const sub of await readdir(join(dataDir, 'blobs'))) {
      if (sub === 'tmp') continue;
      for (const name of await readdir(join(dataDir, 'blobs', sub))) {
        files++;
        expect((await stat(join(dataDir, 'blobs', sub, name))).isFile()).to.equal(true);
      }
    }
    // The task, the first model, those of rounds 3, 10, 11 and 12, and the states of the last three.
    expect(files).to.equal(9);
  });

  describe('whose server dies in between', () => {
    /** A store with rounds of four models; a call that is named dies, as a process does. */
    async function rounds(dies: 'markPruned' | 'remove' | null) {
      const [store, blobs] = [memoryStore(), memoryBlobs()];
      const calls: string[] = [];
      const mortal = <T extends object>(target: T): T =>
        new Proxy(target, {
          get: (_, key) => {
            const method = Reflect.get(target, key) as (...all: unknown[]) => Promise<unknown>;
            return async (...all: unknown[]) => {
              if (key === 'markPruned' || key === 'remove') calls.push(key);
              if (key === dies) throw new Error('killed');
              return method.apply(target, all);
            };
          },
        });
      const federationStore = store;
      await play({ keepModels: 'all', rounds: 5 });
      const { server } = federation!;
      const run = { ...(await openStore(join(folder(), 'data'), { lock: false })) };
      const stored = await run.store.run(id);
      await federationStore.createRun({ ...stored, config: { ...stored.config, keepModels: 1 } });
      for (const round of await run.store.rounds(id)) {
        await federationStore.commitRound(
          id,
          { ...round, evaluation: null },
          { weights: round.record.weightsAfter, strategyState: null },
        );
        await blobs.put(await run.blobs.get(round.record.weightsBefore));
        await blobs.put(await run.blobs.get(round.record.weightsAfter));
      }
      const task = await blobs.put(await run.blobs.get(stored.task));
      expect(task).to.equal(stored.task);
      await run.close();
      await server.close();
      await new Pruner({ store: mortal(store), blobs: mortal(blobs), log: silentLog }).run(await store.run(id));
      await federation!.restart();
      return { store, blobs, calls, ids: await models(store) };
    }

    it('before the word is durable: nothing is gone', async () => {
      const { store, blobs, calls, ids } = await rounds('markPruned');
      expect(calls).to.deep.equal(['markPruned']);
      expect(await there(blobs, ids)).to.deep.equal([1, 2, 3, 4, 5]);
      expect((await store.pruned(id)).size).to.equal(0);
    });

    it('after it, and before the models are gone: the next start removes them', async () => {
      const { store, blobs, calls, ids } = await rounds('remove');
      expect(calls).to.deep.equal(['markPruned', 'remove']); // the row first
      expect((await store.pruned(id)).size).to.equal(4);
      expect(await there(blobs, ids)).to.deep.equal([1, 2, 3, 4, 5]);
      await new Pruner({ store, blobs, log: silentLog }).run(await store.run(id));
      expect(await there(blobs, ids)).to.deep.equal([5]);
    });

    it('never removes what another run has', async () => {
      const { store, blobs, ids } = await rounds('markPruned');
      const stored = await store.run(id);
      await store.createRun({ ...stored, id: runId('other-1'), weights: ids[1] as Sha256, state: 'stopped' });
      await new Pruner({ store, blobs, log: silentLog }).run(stored);
      expect(await there(blobs, ids)).to.deep.equal([2, 5]);
    });
  });
});

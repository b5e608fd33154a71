import { expect } from 'chai';
import { rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { verifyFolder } from '../../server/upkeep/verify.ts';
import { runId } from '../../shared/ids.ts';
import { findBreak } from '../../shared/round-log.ts';
import { Federation, tinyConfig } from '../helpers/federation.ts';
import { useSmallDisk } from '../helpers/small-disk.ts';

const rounds = 6;
const id = runId('tiny-1');

describe('a server whose disk takes nothing more', function () {
  this.timeout(60_000);
  let federation: Federation | undefined;
  afterEach(async () => {
    await federation?.close();
    federation = undefined;
  });
  const disk = useSmallDisk();

  /**
   * Runs rounds; before the trainings of the third round and later ones are over, `disturb` takes the disk away: what an earlier round
   * gives back may be room for one more. Gives what happened.
   */
  const disturbed = async (disturb: () => Promise<void>, undo: () => Promise<void>) => {
    federation = await Federation.open({ dataDir: join(disk().path, 'data') });
    const { server } = federation;
    await server.operations.create(tinyConfig({ rounds, minReports: 3 }));
    const trainings = new Map<string, number>();
    let isOver = false;
    for (const seed of [1, 2, 3]) {
      federation.join({
        seed,
        training: {
          examples: seed,
          onTrain: ({ round }) => {
            const key = `${seed}/${round}`;
            trainings.set(key, (trainings.get(key) ?? 0) + 1);
          },
          before: ({ round }) => (round >= 3 && !isOver ? disturb() : undefined),
        },
      });
    }
    const paused = await federation.state('paused');
    const during = await server.operations.run(id);
    const log = await server.operations.rounds(id);
    isOver = true;
    await undo();
    await federation.state('finished');
    const records = (await federation.server.operations.rounds(id)).map(({ record }) => record);
    expect(during).to.include({ state: 'paused', round: log.length });
    expect(log.map(({ record }) => record.round)).to.deep.equal([1, 2, 3, 4, 5].slice(0, Math.max(2, log.length)));
    expect(findBreak(records)).to.equal(-1);
    expect(records.filter(({ result }) => result === 'done').map(({ round }) => round)).to.deep.equal([
      1, 2, 3, 4, 5, 6,
    ]);
    expect(new Set(trainings.values()), 'each client trains each round once').to.deep.equal(new Set([1]));
    expect(await verifyFolder(join(disk().path, 'data'))).to.deep.include({ whole: true });
    return String(paused.data['reason']);
  };

  it('pauses the run and says why when it is full, and goes on by itself when there is room again', async () => {
    const fillers: string[] = [];
    const reason = await disturbed(
      async () => {
        const filler = join(disk().path, `filler-${fillers.length}`);
        fillers.push(filler);
        const { bavail, bsize } = await statfs(disk().path);
        await writeFile(filler, new Uint8Array(bavail * bsize)).catch(() => {}); // as much of it as there is room for
      },
      async () => {
        for (const filler of fillers) await rm(filler, { force: true });
      },
    );
    expect(reason).to.match(/the disk is full; free some space \[STORE_FULL\]$/);
  });

  it('pauses the run and says why when it may only be read, and goes on after a start on a mended one', async () => {
    let failing: Promise<void> | null = null;
    const reason = await disturbed(
      () => (failing ??= Promise.resolve(disk().fail())),
      async () => {
        await federation!.server.close().catch(() => {});
        await disk().mend();
        await federation!.restart();
        await federation!.server.operations.resume(id).catch(() => {}); // it may not have been able to store that it paused
      },
    );
    expect(reason).to.match(/\[BAD_FILE\]$/);
  });
});

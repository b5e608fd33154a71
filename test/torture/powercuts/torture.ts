import Database from 'libsql';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { verifyFolder } from '../../../server/upkeep/verify.ts';
import { seeded } from '../../../shared/random.ts';
import { Nursery } from '../../helpers/mortal.ts';
import type { Outcome, TortureOptions } from '../figures.ts';
import { LoopDisk } from './loop-disk.ts';
import { waysToWrite, type WayToWrite, type WriterMessage } from './ways.ts';

interface Tally {
  cuts: number;
  /** Commits that were told before the cuts. */
  told: number;
  readonly losses: string[];
}

/**
 * Cuts the power under processes that write, and looks at what the disk then holds. `count` cuts under the real store; each
 * control has a tenth of it, and at least three.
 */
export async function torture(options: TortureOptions): Promise<Outcome> {
  const { count, seed, say = () => {}, isOver = () => false } = options;
  let disk: LoopDisk;
  try {
    disk = await LoopDisk.make(96 * 2 ** 20);
  } catch (error) {
    const why = (error as Error).message.trim().split('\n').at(-1);
    return {
      figures: [`power cuts: skipped, a disk in a file cannot be mounted here (${why}); they need root`],
      failed: 0,
    };
  }
  const writers = await Nursery.of<WriterMessage>('test/torture/powercuts/writer.ts');
  const figures: string[] = [];
  let failed = 0;
  try {
    for (const way of waysToWrite) {
      const cuts = way === 'store' ? count : Math.max(3, Math.ceil(count / 10));
      // What has no time left still shows that it would lose data: a control is only worth something beside its store.
      const {
        told,
        losses,
        cuts: done,
      } = await cutPower(disk, writers, way, cuts, seed, way === 'store' ? isOver : () => false);
      figures.push(
        `${done} power cuts${done < cuts ? ` of ${cuts}, then the time was over` : ''}, ${way}: ${told} commits told, ${losses.length} cuts with a loss`,
      );
      if (way === 'store') {
        failed += losses.length;
        for (const loss of losses) say(`power cuts: seed ${seed}: ${loss}`);
      } else if (losses.length === 0) {
        failed++;
        say(`power cuts: the control "${way}" lost nothing in ${done} cuts, so that the method sees nothing`);
      }
    }
  } finally {
    await writers.close();
    await disk.close();
  }
  return { figures, failed };
}

/** Several cuts under each writer: it stands still while the disk is copied, and then goes on. */
async function cutPower(
  disk: LoopDisk,
  writers: Nursery<WriterMessage>,
  way: WayToWrite,
  cuts: number,
  seed: number,
  isOver: () => boolean,
): Promise<Tally> {
  const random = seeded('powercuts', seed, way);
  const tally: Tally = { cuts: 0, told: 0, losses: [] };
  const cutsPerWriter = 10;
  for (let life = 0; tally.cuts < cuts && !isOver(); life++) {
    const name = `${way.replaceAll(' ', '-')}-${life}`;
    const writer = writers.take();
    let told = 0;
    writer.process.on('message', (message: WriterMessage) => {
      if (message.type === 'durable') told = message.sequence;
    });
    await writer.tell({ dataDir: join(disk.path, name), way });
    await writer.next('durable');
    for (let i = 0; i < cutsPerWriter && tally.cuts < cuts; i++) {
      await sleep(random.below(150));
      writer.process.kill('SIGSTOP');
      await sleep(10); // its last words arrive
      const before = told;
      const loss = await disk.afterPowerCut((path) =>
        way === 'store' ? lossOfStore(join(path, name), before) : lossOfControl(join(path, name), before),
      );
      if (loss !== null) tally.losses.push(`cut ${tally.cuts}, after ${before} commits: ${loss}`);
      tally.cuts++;
      writer.process.kill('SIGCONT');
    }
    tally.told += told;
    await writer.kill();
    await rm(join(disk.path, name), { recursive: true, force: true }); // the disk is small
  }
  return tally;
}

async function lossOfStore(dataDir: string, told: number): Promise<string | null> {
  try {
    const { findings, records } = await verifyFolder(dataDir);
    const lost = findings.filter(({ kind }) => kind === 'lost' || kind === 'repairable');
    if (lost.length > 0) return lost.map(({ where, message }) => `${where}: ${message}`).join('; ');
    return records < told ? `${told - records} commits that were told are gone` : null;
  } catch (error) {
    return (error as Error).message;
  }
}

/** The same for the simple tables of the controls: rows that were told are there, and models that rows name. */
async function lossOfControl(dataDir: string, told: number): Promise<string | null> {
  const file = join(dataDir, 'control.db');
  if (!existsSync(file)) return 'the database is gone';
  const db = new Database(file);
  try {
    const rows = db.prepare('SELECT sequence, model FROM rounds').all() as { sequence: number; model: string }[];
    if (rows.length < told) return `${told - rows.length} commits that were told are gone`;
    for (const { sequence, model } of rows) {
      const path = join(dataDir, model);
      const bytes = existsSync(path) ? readFileSync(path) : null;
      if (bytes === null || createHash('sha256').update(bytes).digest('hex') !== model)
        return `model ${sequence} is gone`;
    }
    return null;
  } catch (error) {
    return (error as Error).message;
  } finally {
    db.close();
  }
}

import { memoryBlobs, memoryStore } from '../../../server/store/memory.ts';
import { openSqliteStore } from '../../../server/store/sqlite.ts';
import type { BlobStore, Store } from '../../../server/store/store.ts';
import type { Primitives } from '../../../shared/crypto/primitives.ts';
import { Dice } from './dice.ts';
import { Disk } from './disk.ts';
import { Judge } from './judge.ts';
import type { Life } from './life.ts';
import type { FaultKind, WorldPlan } from './plan.ts';
import { fastPrimitives, realPrimitives } from './primitives.ts';
import { Scheduler } from './scheduler.ts';

/** When the worlds begin, ms since 1970. */
export const beginning = 1_800_000_000_000;

/** What the parts of a simulated world share: its plan, clock, chances, disks and judge, and the history of what happened. */
export class Setting {
  readonly plan: WorldPlan;
  readonly records: boolean;
  readonly scheduler = new Scheduler(beginning);
  readonly dice: Readonly<Record<'fate' | 'disk' | 'secrets' | 'network' | 'lies', Dice>>;
  readonly primitives: Primitives;
  /** What is on the server's disk outlives its processes. */
  readonly store: Store;
  readonly blobs: BlobStore;
  readonly judge: Judge;
  readonly history: string[] = [];
  isFaulty = true;
  faults = 0;

  /** @param records - whether a history is kept: it takes more time than the world itself */
  constructor(plan: WorldPlan, records: boolean) {
    this.plan = plan;
    this.records = records;
    const dice = (name: string): Dice => new Dice('dst', name, plan.seed);
    this.dice = {
      fate: dice('fate'),
      disk: dice('disk'),
      secrets: dice('secrets'),
      network: dice('network'),
      lies: dice('lies'),
    };
    this.primitives = plan.real ? realPrimitives : fastPrimitives();
    this.store = plan.sqlite ? openSqliteStore(':memory:') : memoryStore();
    this.blobs = memoryBlobs();
    this.judge = new Judge(plan.config, this.blobs);
  }

  get now(): number {
    return this.scheduler.now;
  }

  after(ms: number, run: () => void): () => void {
    return this.scheduler.after(ms, run);
  }

  /** How often this fault happens now, 0 to 1. */
  rate(kind: FaultKind): number {
    return this.isFaulty ? (this.plan.faults[kind] ?? 0) : 0;
  }

  note(who: string, what: () => string): void {
    if (!this.records) return;
    const time = ((this.now - beginning) / 1000).toFixed(3).padStart(9);
    this.history.push(`${time}  ${who.padEnd(7)} ${what()}`);
  }

  fault(what: string): void {
    this.faults++;
    this.note('FAULT', () => what);
  }

  /**
   * The disk under a process.
   * @param kinds - of what goes wrong with it
   * @param dies - called when a write ends the process
   */
  disk(
    life: Life,
    kinds: { readonly fail: FaultKind; readonly slow?: FaultKind; readonly crash?: FaultKind },
    dies: (why: string) => void,
  ): Disk {
    const rate = (kind: FaultKind | undefined): number => (kind === undefined ? 0 : this.rate(kind));
    const world = {
      dice: this.dice.disk,
      after: (ms: number, run: () => void) => this.after(ms, run),
      faults: () => ({ fail: rate(kinds.fail), slow: rate(kinds.slow), crash: rate(kinds.crash) }),
      crash: dies,
      note: (what: string) => this.fault(what),
    };
    return new Disk(world, life, () => this.now);
  }
}

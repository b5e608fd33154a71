import type { ClientPlatform } from '../../../client/platform.ts';
import type { TrainRequest } from '../../../client/trainer.ts';
import { memoryBlobs, memoryStore } from '../../../server/store/memory.ts';
import { openSqliteStore } from '../../../server/store/sqlite.ts';
import type { BlobStore, Store } from '../../../server/store/store.ts';
import { toHex, utf8 } from '../../../shared/bytes.ts';
import { clientIdOf, fingerprintOf, identityFromSeed } from '../../../shared/crypto/identity.ts';
import type { Primitives } from '../../../shared/crypto/primitives.ts';
import { FederatedError } from '../../../shared/errors.ts';
import { runId, type ClientId } from '../../../shared/ids.ts';
import { decodeControl } from '../../../shared/protocol/codec.ts';
import { decodeFrame } from '../../../shared/protocol/frames.ts';
import { formatLink, parseLink } from '../../../shared/protocol/link.ts';
import type { ClientMessage, ServerMessage } from '../../../shared/protocol/messages.ts';
import { finalRunStates } from '../../../shared/states.ts';
import { ClientProcess } from './client-process.ts';
import { Dice } from './dice.ts';
import { blobsOnDisk, Disk, filesOnDisk, storeOnDisk, type DiskWorld } from './disk.ts';
import { Judge, Violation } from './judge.ts';
import { Liar, twist } from './liar.ts';
import { Life } from './life.ts';
import { openSocket, type NetworkWorld } from './network.ts';
import type { FaultKind, WorldPlan } from './plan.ts';
import { fastPrimitives, realPrimitives, tapped } from './primitives.ts';
import type { Contribution } from './reference.ts';
import { Scheduler } from './scheduler.ts';
import { joinCode, ServerProcess } from './server-process.ts';
import { simulatedTrainer } from './trainer.ts';

/** What the judge compares with its own account. */
const judged: ReadonlySet<string> = new Set(['train', 'received', 'committed', 'abandoned', 'finished']);

/** When the worlds begin, ms since 1970. */
const beginning = 1_800_000_000_000;
/** Faults over, everything is done within this, ms. */
const patience = 20 * 60_000;

/** A device: what stays when its process ends. */
interface Device {
  readonly index: number;
  readonly name: string;
  readonly files: Map<string, Uint8Array>;
  readonly isLiar: boolean;
  readonly examples: number;
  id: ClientId | null;
  life: Life | null;
  process: ClientProcess | null;
  lives: number;
  charging: boolean;
  /** Its part is over. */
  done: boolean;
}

export interface WorldResult {
  readonly violation: string | null;
  readonly steps: number;
  readonly commits: number;
  readonly checked: number;
  /** What happened, a line for each; empty unless it was asked for. */
  readonly history: readonly string[];
  readonly faults: number;
}

/** One simulated federation: the real server and clients, over a simulated network, disks and clock. */
export class World {
  readonly #plan: WorldPlan;
  readonly #scheduler = new Scheduler(beginning);
  readonly #judge: Judge;
  readonly #history: string[] = [];
  readonly #records: boolean;
  readonly #dice: {
    readonly fate: Dice;
    readonly disk: Dice;
    readonly secrets: Dice;
    readonly network: Dice;
    readonly lies: Dice;
  };
  readonly #primitives: Primitives;
  readonly #store: Store;
  readonly #blobs: BlobStore;
  readonly #devices: Device[] = [];
  readonly #network: NetworkWorld;
  readonly #link: string;
  #server: ServerProcess | null = null;
  #serverLives = 0;
  #isFaulty = true;
  #finals = 0;
  #faultCount = 0;
  #created = 0;

  constructor(plan: WorldPlan, { records = false }: { readonly records?: boolean } = {}) {
    const { seed } = plan;
    this.#plan = plan;
    this.#records = records;
    const dice = (name: string): Dice => new Dice('dst', name, seed);
    this.#dice = {
      fate: dice('fate'),
      disk: dice('disk'),
      secrets: dice('secrets'),
      network: dice('network'),
      lies: dice('lies'),
    };
    this.#primitives = plan.real ? realPrimitives : fastPrimitives();
    this.#store = plan.sqlite ? openSqliteStore(':memory:') : memoryStore();
    this.#blobs = memoryBlobs();
    this.#judge = new Judge(plan.config, this.#blobs);
    const after = (ms: number, run: () => void): (() => void) => this.#scheduler.after(ms, run);
    this.#network = {
      dice: this.#dice.network,
      after,
      rate: (kind) => this.#rate(kind),
      note: (what) => this.#fault(what),
      server: () => this.#server,
    };
    const server = identityFromSeed(this.#primitives, new Uint8Array(32).fill(7));
    const fingerprint = fingerprintOf(this.#primitives, server.publicKey);
    this.#link = formatLink({ host: 'server', port: 80, fingerprint, joinCode });
    for (let index = 0; index < plan.clients + plan.liars; index++) {
      this.#devices.push({
        index,
        name: index < plan.clients ? `c${index}` : `liar${index - plan.clients}`,
        files: new Map(),
        isLiar: index >= plan.clients,
        examples: this.#dice.fate.whole(1, 100),
        id: null,
        life: null,
        process: null,
        lives: 0,
        charging: true,
        done: false,
      });
    }
  }

  async run(): Promise<WorldResult> {
    const { faultTime } = this.#plan;
    try {
      this.#boot();
      for (const device of this.#devices)
        this.#scheduler.after(this.#dice.fate.whole(0, 2_000), () => this.#start(device));
      this.#operate();
      this.#beginFaults();
      this.#scheduler.after(faultTime, () => this.#heal());
      const end = beginning + faultTime + patience;
      await this.#scheduler.run(end, () => this.#judge.violation !== null || this.#isOver());
      if (this.#judge.violation === null) {
        if (!this.#isOver()) {
          const states = (await this.#store.runs()).map(
            ({ id, state, round, reason }) => `${id} is ${state} after round ${round} (${reason})`,
          );
          const waiting = this.#devices.filter(({ isLiar, done }) => !isLiar && !done).map(({ name }) => name);
          this.#judge.fail(
            `no end in ${patience / 60_000} minutes without faults: ${states.join(', ')}; clients: ${waiting.join(' ')}`,
          );
        }
        await this.#judge.compare(this.#store);
        await this.#rest();
      }
    } catch (thrown) {
      this.#judge.fail(`thrown: ${thrown instanceof Error ? thrown.stack : String(thrown)}`);
    }
    for (const { life } of this.#devices) life?.end();
    this.#server?.life.end();
    const { violation, commits, checked } = this.#judge;
    return {
      violation: violation?.message ?? null,
      steps: this.#scheduler.steps,
      commits,
      checked,
      history: this.#history,
      faults: this.#faultCount,
    };
  }

  /** Everyone goes, some without a word: what the server held for them must go, too. */
  async #rest(): Promise<void> {
    this.#isFaulty = false;
    for (const device of this.#devices) {
      device.done = true;
      this.#endClient(device);
    }
    const { heartbeat, heartbeatMisses, helloTimeout } = this.#plan.limits;
    const quiet = (heartbeatMisses + 2) * heartbeat + helloTimeout + 10_000;
    await this.#scheduler.run(this.#scheduler.now + quiet, () => this.#judge.violation !== null);
    if (this.#server !== null) this.#judge.atRest(this.#server.sizes(), this.#devices.length);
  }

  // Chance.

  #rate(kind: FaultKind): number {
    return this.#isFaulty ? (this.#plan.faults[kind] ?? 0) : 0;
  }

  #note(who: string, what: () => string): void {
    if (!this.#records) return;
    const time = ((this.#scheduler.now - beginning) / 1000).toFixed(3).padStart(9);
    this.#history.push(`${time}  ${who.padEnd(7)} ${what()}`);
  }

  #fault(what: string): void {
    this.#faultCount++;
    this.#note('FAULT', () => what);
  }

  /** Does something again and again while there are faults, more often the higher the rate. */
  #often(kind: FaultKind, mean: number, action: () => void): void {
    const rate = this.#rate(kind);
    if (rate === 0) return;
    this.#scheduler.after(this.#dice.fate.wait(mean / Math.max(0.05, rate)), () => {
      if (!this.#isFaulty) return;
      action();
      this.#often(kind, mean, action);
    });
  }

  #beginFaults(): void {
    const { fate } = this.#dice;
    const clocks = new Dice('dst', 'clocks', this.#plan.seed);
    const day = 86_400_000;
    const days = [-400 * day, -3 * day, 3 * day, 400 * day];
    const clients = this.#devices.filter(({ isLiar }) => !isLiar);
    this.#often('server-crash', 3_000, () => this.#crash('at some time'));
    this.#often('client-crash', 2_000, () => this.#crashClient(fate.pick(clients)));
    this.#often('leave', 3_000, () => {
      const device = fate.pick(clients);
      if (device.process === null) return;
      this.#fault(`${device.name} leaves`);
      device.process.leave();
    });
    this.#often('unready', 2_000, () => {
      const device = fate.pick(clients);
      device.charging = !device.charging;
      this.#fault(`${device.name} is ${device.charging ? '' : 'not '}charging`);
    });
    this.#often('clock', 5_000, () => {
      if (this.#server === null) return;
      const jump = fate.pick([-3_600_000, -60_000, -5_000, 5_000, 60_000, 3_600_000]);
      this.#jump(this.#server.life, jump);
      for (const { life } of clients) if (life !== null && clocks.chance(0.3)) this.#jump(life, clocks.pick(days));
      if (clocks.chance(0.3)) this.#jump(this.#server.life, clocks.pick(days));
    });
  }

  #jump(life: Life, ms: number): void {
    this.#fault(`the clock of ${life.name} jumps by ${ms / 1000} s`);
    life.skew += ms;
  }

  #heal(): void {
    this.#isFaulty = false;
    this.#note('WORLD', () => 'the faults end');
    for (const device of this.#devices) {
      device.charging = true;
      if (device.isLiar) this.#endClient(device);
      else if (device.life === null && !device.done) this.#start(device);
    }
    if (this.#server === null) this.#boot();
  }

  #isOver(): boolean {
    const runs = this.#plan.runs;
    return this.#finals >= runs && this.#devices.every(({ done, isLiar }) => done || isLiar || runs > 1);
  }

  // The server.

  #boot(): void {
    if (this.#server !== null) return;
    const life = new Life(`s${++this.#serverLives}`, this.#scheduler);
    this.#note(life.name, () => 'starts');
    const { limits, config, seed } = this.#plan;
    const now = (): number => this.#scheduler.now;
    const disk = new Disk(
      this.#diskWorld('disk-fail', 'disk-slow', 'disk-crash', (why) => this.#crash(why)),
      life,
      now,
    );
    const judge = this.#judge;
    const isSecure = config.secureAggregation === true;
    const store = storeOnDisk(this.#watched(this.#store, life), disk, () => {});
    const blobs = blobsOnDisk(this.#blobs, disk);
    const { secrets, fate } = this.#dice;
    const server = new ServerProcess({
      life,
      primitives: this.#primitives,
      seed: new Uint8Array(32).fill(7),
      limits,
      store,
      blobs,
      randomBytes: (length) => secrets.bytes(length),
      step: (name) => {
        if (!life.alive) return;
        this.#note(life.name, () => `· ${name}`);
        if (fate.chance(0.03 * this.#rate('step-crash'))) this.#crash(`at ${name}`);
      },
      log: (text) => {
        if (!life.alive) return;
        this.#note(life.name, () => text);
        if (isSecure) judge.scan(utf8(text), 'the log of the server');
      },
      ...(seed % 2 === 0
        ? {
            evaluate: () =>
              new Promise((resolve) =>
                life.after(fate.whole(1, 500), () => resolve({ loss: 0.5, accuracy: 0.25, examples: 7 })),
              ),
          }
        : {}),
    });
    this.#server = server;
    server.coordinator.start().catch((thrown: unknown) => {
      if (!life.alive) return;
      this.#note(life.name, () => `cannot start: ${String(thrown)}`);
      this.#crash('as it cannot start');
    });
  }

  #crash(why: string): void {
    const server = this.#server;
    if (server === null) return;
    this.#fault(`${server.life.name} dies ${why}`);
    this.#server = null;
    server.life.end();
    this.#scheduler.after(this.#dice.fate.whole(50, 3_000), () => this.#boot());
  }

  /** The store, with a witness of all that is written to it. */
  #watched(inner: Store, life: Life): Store {
    const judge = this.#judge;
    const isSecure = this.#plan.config.secureAggregation === true;
    const scan = (value: unknown): void => {
      if (isSecure) judge.scan(utf8(JSON.stringify(value)), 'the store');
    };
    return {
      ...inner,
      createRun: async (run) => {
        await inner.createRun(run);
        judge.created(run.id, run.weights);
      },
      setRunState: async (id, state, reason) => {
        await inner.setRunState(id, state, reason);
        scan(reason);
        if (finalRunStates.includes(state)) this.#finals++;
      },
      saveAttempt: async (attempt) => {
        await inner.saveAttempt(attempt);
        judge.attemptSaved(attempt);
      },
      commitRound: async (id, round, after) => {
        await inner.commitRound(id, round, after);
        scan(round);
        await judge.roundCommitted(id, round, life.name);
      },
    };
  }

  #diskWorld(fail: FaultKind, slow: FaultKind | null, crash: FaultKind | null, dies: (why: string) => void): DiskWorld {
    return {
      dice: this.#dice.disk,
      after: (ms, run) => this.#scheduler.after(ms, run),
      faults: () => ({
        fail: this.#rate(fail),
        slow: slow === null ? 0 : this.#rate(slow),
        crash: crash === null ? 0 : this.#rate(crash),
      }),
      crash: dies,
      note: (what) => this.#fault(what),
    };
  }

  // The operator.

  /** Creates the runs, and resumes what has been paused. */
  #operate(): void {
    const { fate } = this.#dice;
    this.#scheduler.after(this.#created < this.#plan.runs ? fate.whole(200, 1_000) : fate.whole(1_000, 4_000), () => {
      if (this.#finals < this.#plan.runs) this.#operate();
      const server = this.#server;
      if (server === null || !server.life.alive) return;
      const { coordinator, life } = server;
      const act = async (): Promise<void> => {
        const views = await coordinator.runs();
        if (views.length < this.#plan.runs) {
          const name = runId(`tiny-${this.#created + 1}`);
          if (!views.some(({ id }) => id === name)) {
            this.#note('OPERATOR', () => `creates ${name}`);
            await coordinator.create(this.#plan.config, name);
          }
          this.#created++;
        }
        for (const { id, state } of views) {
          if (state === 'paused') {
            this.#note('OPERATOR', () => `resumes ${id}`);
            await coordinator.resume(id);
          } else if ((state === 'running' || state === 'waiting') && fate.chance(0.3 * this.#rate('operator'))) {
            this.#fault(`the operator pauses ${id}`);
            await coordinator.pause(id);
          }
        }
      };
      act().catch((thrown: unknown) => {
        if (!life.alive) return;
        this.#note('OPERATOR', () => String(thrown));
        if (!(thrown instanceof FederatedError) || thrown.code === 'INTERNAL')
          this.#judge.fail(`operator: ${String(thrown)}`);
      });
    });
  }

  // The clients.

  #start(device: Device): void {
    if (device.life !== null || device.done) return;
    const life = new Life(`${device.name}.${++device.lives}`, this.#scheduler);
    device.life = life;
    this.#note(life.name, () => 'starts');
    if (device.isLiar && this.#dice.lies.chance(0.5)) this.#startLiar(device, life);
    else this.#startClient(device, life);
  }

  #startClient(device: Device, life: Life): void {
    const { fate } = this.#dice;
    const platform = this.#platformOf(device, life);
    const trainer = simulatedTrainer({
      after: (ms, run) => life.after(ms, run),
      length: () => (fate.chance(this.#rate('slow-training')) ? fate.wait(10_000) : fate.whole(20, 2_000)),
      examples: () => device.examples,
      begun: ({ round }) => this.#note(life.name, () => `trains round ${round}`),
      done: (request, contribution) => this.#trained(device, life, request, contribution),
    });
    device.process = new ClientProcess({
      platform,
      trainer,
      url: this.#link,
      stay: this.#plan.runs > 1,
      watches: (this.#plan.faults.unready ?? 0) > 0,
      problem: (code, message) => this.#note(life.name, () => `problem ${code}: ${message}`),
      over: (reason) => {
        if (!life.alive) return;
        this.#note(life.name, () => `is out: ${reason ?? 'finished, or left'}`);
        this.#endClient(device);
        if (reason === null && this.#finals >= this.#plan.runs) device.done = true;
        else this.#scheduler.after(fate.whole(100, 2_000), () => this.#start(device));
      },
    });
  }

  #trained(device: Device, life: Life, request: TrainRequest, contribution: Contribution): void {
    const seed = String(request.seed);
    const run = seed.split('/')[0]!;
    const about = { run, round: request.round, seed, weights: request.weights };
    this.#note(life.name, () => `has trained round ${request.round}`);
    if (device.isLiar) this.#judge.lies(device.id!, contribution.delta);
    else this.#judge.trained(device.id!, life.name, about, contribution);
  }

  #startLiar(device: Device, life: Life): void {
    const platform = this.#platformOf(device, life);
    const seed = this.#dice.lies.bytes(32);
    const stored = device.files.get('identity.seed') ?? seed;
    device.files.set('identity.seed', stored);
    const identity = identityFromSeed(this.#primitives, stored);
    device.id = clientIdOf(this.#primitives, identity.publicKey);
    const { task } = this.#plan.config as { task: { data: { features: number[] } } };
    new Liar({
      dice: this.#dice.lies,
      connection: { platform, identity, link: parseLink(this.#link), label: 'liar', backend: 'none', ticket: null },
      after: (ms, run) => void life.after(ms, run),
      length: task.data.features[0]!,
      lies: (delta) => this.#judge.lies(device.id!, delta),
      over: () => {
        if (!life.alive) return;
        this.#endClient(device);
        if (this.#isFaulty) this.#scheduler.after(this.#dice.lies.whole(100, 2_000), () => this.#start(device));
      },
    });
  }

  #crashClient(device: Device): void {
    if (device.life === null) return;
    this.#fault(`${device.life.name} dies`);
    this.#endClient(device);
    this.#scheduler.after(this.#dice.fate.whole(50, 5_000), () => this.#start(device));
  }

  #endClient(device: Device): void {
    device.life?.end();
    device.life = null;
    device.process = null;
  }

  #platformOf(device: Device, life: Life): ClientPlatform {
    const { secrets, lies } = this.#dice;
    const now = (): number => this.#scheduler.now;
    const { files } = device;
    const dies = (why: string): void => this.#fault(`${life.name} dies ${why}`);
    const disk = new Disk(this.#diskWorld('client-disk', null, null, dies), life, now);
    let far = '';
    const primitives = tapped(this.#primitives, {
      sealing: (frame) => {
        const sent = device.isLiar && this.#isFaulty ? twist(frame, lies) : frame;
        this.#said(device, life, sent);
        return sent;
      },
      opened: (frame) => this.#heard(device, life, frame, far),
    });
    const signing = (seed: Uint8Array): Uint8Array => {
      const key = primitives.signingPublicKey(seed);
      device.id = clientIdOf(primitives, key);
      return key;
    };
    return {
      primitives: { ...primitives, signingPublicKey: signing },
      randomBytes: (length) => secrets.bytes(length),
      clock: { now: () => life.now(), steady: () => life.steady(), after: (ms, run) => life.after(ms, run) },
      store: filesOnDisk(
        {
          lasting: device.index % 2 === 0,
          load: async (name) => files.get(name) ?? null,
          save: async (name, bytes) => void files.set(name, new Uint8Array(bytes)),
          remove: async (name) => void files.delete(name),
        },
        disk,
      ),
      openSocket: (_url, events) =>
        openSocket(this.#network, life, now, events, device.name, (server) => {
          far = server.name;
        }),
      download: (url, options) => this.#download(life, url, options),
      readings: async () => ({ charging: device.charging, battery: null, metered: null, idle: null, hot: null }),
      createTrainer: () => {
        throw new Violation('the client makes a trainer of its own');
      },
    };
  }

  #said(device: Device, life: Life, frame: Uint8Array): void {
    if (this.#plan.secure) this.#judge.scan(frame, `a message of ${device.name}`);
    if (!this.#records && !device.isLiar) return;
    const message = controlIn(frame);
    if (message === null) return;
    const said = message as ClientMessage;
    this.#note(life.name, () => `→ ${brief(said)}`);
    if (device.isLiar && said.type === 'report' && this.#plan.secure) this.#judge.poisoned.add(device.id!);
  }

  #heard(device: Device, life: Life, frame: Uint8Array, far: string): void {
    if (!this.#records && !judged.has(typeIn(frame))) return;
    const message = controlIn(frame);
    if (message === null) return;
    const heard = message as ServerMessage;
    if (heard.type !== 'ping') this.#note(life.name, () => `← ${brief(heard)}`);
    if (device.id !== null) this.#judge.heard(device.id, heard, far);
  }

  async #download(
    life: Life,
    url: string,
    { token, maxBytes, signal }: Parameters<ClientPlatform['download']>[1],
  ): Promise<Uint8Array> {
    const { network } = this.#dice;
    const rate = this.#rate('download');
    const wait = (ms: number): Promise<void> => new Promise((resolve) => void life.after(ms, resolve));
    const lost = (): FederatedError => new FederatedError('CONNECTION_LOST', `the download of ${url} broke off`);
    await wait(network.chance(0.2 * rate) ? network.wait(3_000) : network.whole(2, 40));
    if (network.chance(0.3 * rate)) throw lost();
    const server = this.#server;
    if (signal.aborted || server === null) throw lost();
    if (!server.admits(token))
      throw new FederatedError('NOT_AUTHORISED', `${url}: the server refused this session's token`);
    const bytes = await this.#blobs.get(url.split('/').at(-1)! as never);
    await wait(network.whole(2, 40));
    if (signal.aborted || !server.life.alive) throw lost();
    if (bytes.length > maxBytes) throw new FederatedError('TOO_LARGE', `${url}: more than ${maxBytes} bytes`);
    return network.chance(0.05 * rate) ? bytes.slice(0, Math.floor(bytes.length / 2)) : bytes;
  }
}

/** The type of a control message, which stands first in it, without decoding the rest. */
function typeIn(frame: Uint8Array): string {
  if (frame[0] !== 1 || frame.length < 24) return '';
  const start = frame[16] === 0xde ? 25 : 23; // after the map, the key `type`, and the length of the text
  return String.fromCharCode(...frame.subarray(start, start + ((frame[start - 1] ?? 0) & 31)));
}

function controlIn(frame: Uint8Array): Record<string, unknown> | null {
  try {
    const decoded = decodeFrame(frame, Infinity);
    return decoded.kind === 'control' ? (decodeControl(decoded.payload, 1 << 20) as Record<string, unknown>) : null;
  } catch {
    return null; // a liar's
  }
}

/** One line of a message, for people. */
function brief(message: object): string {
  const parts = Object.entries(message).map(([name, value]: [string, unknown]) => {
    if (name === 'type') return String(value);
    if (value instanceof Uint8Array) return `${name}=${toHex(value.subarray(0, 4))}…${value.length}`;
    const text = JSON.stringify(value) ?? '';
    return `${name}=${text.slice(0, 60)}`;
  });
  return parts.join(' ');
}

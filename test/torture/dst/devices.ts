import type { ClientPlatform } from '../../../client/platform.ts';
import type { TrainRequest } from '../../../client/trainer.ts';
import { clientIdOf, fingerprintOf, identityFromSeed } from '../../../shared/crypto/identity.ts';
import { FederatedError } from '../../../shared/errors.ts';
import type { ClientId } from '../../../shared/ids.ts';
import { formatLink, parseLink } from '../../../shared/protocol/link.ts';
import type { ClientMessage, ServerMessage } from '../../../shared/protocol/messages.ts';
import { ClientProcess } from './client-process.ts';
import { filesOnDisk } from './disk.ts';
import { Violation } from './judge.ts';
import { Liar, twist } from './liar.ts';
import { Life } from './life.ts';
import { brief, controlIn, typeIn } from './message-text.ts';
import { openSocket, type NetworkWorld } from './network.ts';
import { tapped } from './primitives.ts';
import type { Contribution } from './reference.ts';
import { serverSeed, type ServerMachine } from './server-machine.ts';
import { joinCode } from './server-process.ts';
import type { Setting } from './setting.ts';
import { simulatedTrainer } from './trainer.ts';

/** What the judge compares with its own account. */
const judged: ReadonlySet<string> = new Set(['train', 'received', 'committed', 'abandoned', 'finished']);

/** A device: what stays when its process ends. */
export interface Device {
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

/** The devices of a world, with real clients on them, or liars. */
export class Devices {
  readonly all: readonly Device[];
  readonly #setting: Setting;
  readonly #machine: ServerMachine;
  readonly #network: NetworkWorld;
  readonly #link: string;

  constructor(setting: Setting, machine: ServerMachine) {
    this.#setting = setting;
    this.#machine = machine;
    const { plan, dice, primitives } = setting;
    this.#network = {
      dice: dice.network,
      after: (ms, run) => setting.after(ms, run),
      rate: (kind) => setting.rate(kind),
      note: (what) => setting.fault(what),
      server: () => machine.process,
    };
    const fingerprint = fingerprintOf(primitives, identityFromSeed(primitives, serverSeed).publicKey);
    this.#link = formatLink({ host: 'server', port: 80, fingerprint, joinCode });
    this.all = Array.from({ length: plan.clients + plan.liars }, (_, index) => ({
      index,
      name: index < plan.clients ? `c${index}` : `liar${index - plan.clients}`,
      files: new Map(),
      isLiar: index >= plan.clients,
      examples: dice.fate.whole(1, 100),
      id: null,
      life: null,
      process: null,
      lives: 0,
      charging: true,
      done: false,
    }));
  }

  get honest(): Device[] {
    return this.all.filter(({ isLiar }) => !isLiar);
  }

  start(device: Device): void {
    if (device.life !== null || device.done) return;
    const life = new Life(`${device.name}.${++device.lives}`, this.#setting.scheduler);
    device.life = life;
    this.#setting.note(life.name, () => 'starts');
    if (device.isLiar && this.#setting.dice.lies.chance(0.5)) this.#startLiar(device, life);
    else this.#startClient(device, life);
  }

  /** Its process dies, and another starts after a while. */
  crash(device: Device): void {
    if (device.life === null) return;
    this.#setting.fault(`${device.life.name} dies`);
    this.end(device);
    this.#setting.after(this.#setting.dice.fate.whole(50, 5_000), () => this.start(device));
  }

  end(device: Device): void {
    device.life?.end();
    device.life = null;
    device.process = null;
  }

  #startClient(device: Device, life: Life): void {
    const { plan, dice } = this.#setting;
    const { fate } = dice;
    const platform = this.#platformOf(device, life);
    const trainer = simulatedTrainer({
      after: (ms, run) => life.after(ms, run),
      length: () => (fate.chance(this.#setting.rate('slow-training')) ? fate.wait(10_000) : fate.whole(20, 2_000)),
      examples: () => device.examples,
      begun: ({ round }) => this.#setting.note(life.name, () => `trains round ${round}`),
      done: (request, contribution) => this.#trained(device, life, request, contribution),
    });
    device.process = new ClientProcess({
      platform,
      trainer,
      url: this.#link,
      stay: plan.runs > 1,
      watches: (plan.faults.unready ?? 0) > 0,
      problem: (code, message) => this.#setting.note(life.name, () => `problem ${code}: ${message}`),
      over: (reason) => {
        if (!life.alive) return;
        this.#setting.note(life.name, () => `is out: ${reason ?? 'finished, or left'}`);
        this.end(device);
        if (reason === null && this.#machine.finals >= plan.runs) device.done = true;
        else this.#setting.after(fate.whole(100, 2_000), () => this.start(device));
      },
    });
  }

  #trained(device: Device, life: Life, request: TrainRequest, contribution: Contribution): void {
    const { judge } = this.#setting;
    const seed = String(request.seed);
    const run = seed.split('/')[0]!;
    const about = { run, round: request.round, seed, weights: request.weights };
    this.#setting.note(life.name, () => `has trained round ${request.round}`);
    if (device.isLiar) judge.lies(device.id!, contribution.delta);
    else judge.trained(device.id!, life.name, about, contribution);
  }

  #startLiar(device: Device, life: Life): void {
    const { plan, dice, judge, primitives } = this.#setting;
    const platform = this.#platformOf(device, life);
    const seed = dice.lies.bytes(32);
    const stored = device.files.get('identity.seed') ?? seed;
    device.files.set('identity.seed', stored);
    const identity = identityFromSeed(primitives, stored);
    device.id = clientIdOf(primitives, identity.publicKey);
    const { task } = plan.config as { task: { data: { features: number[] } } };
    new Liar({
      dice: dice.lies,
      connection: { platform, identity, link: parseLink(this.#link), label: 'liar', backend: 'none', ticket: null },
      after: (ms, run) => void life.after(ms, run),
      length: task.data.features[0]!,
      lies: (delta) => judge.lies(device.id!, delta),
      over: () => {
        if (!life.alive) return;
        this.end(device);
        if (this.#setting.isFaulty) this.#setting.after(dice.lies.whole(100, 2_000), () => this.start(device));
      },
    });
  }

  #platformOf(device: Device, life: Life): ClientPlatform {
    const { dice, primitives: plain } = this.#setting;
    const { files } = device;
    const disk = this.#setting.disk(life, { fail: 'client-disk' }, () => {});
    let far = '';
    const primitives = tapped(plain, {
      sealing: (frame) => {
        const sent = device.isLiar && this.#setting.isFaulty ? twist(frame, dice.lies) : frame;
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
    const opened = (server: Life): void => {
      far = server.name;
    };
    return {
      primitives: { ...primitives, signingPublicKey: signing },
      randomBytes: (length) => dice.secrets.bytes(length),
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
        openSocket(this.#network, life, () => this.#setting.now, events, device.name, opened),
      download: (url, options) => this.#download(life, url, options),
      readings: async () => ({ charging: device.charging, battery: null, metered: null, idle: null, hot: null }),
      createTrainer: () => {
        throw new Violation('the client makes a trainer of its own');
      },
    };
  }

  #said(device: Device, life: Life, frame: Uint8Array): void {
    const { plan, judge, records } = this.#setting;
    if (plan.secure) judge.scan(frame, `a message of ${device.name}`);
    if (!records && !device.isLiar) return;
    const message = controlIn(frame);
    if (message === null) return;
    const said = message as ClientMessage;
    this.#setting.note(life.name, () => `→ ${brief(said)}`);
    if (device.isLiar && said.type === 'report' && plan.secure) judge.poisoned.add(device.id!);
  }

  #heard(device: Device, life: Life, frame: Uint8Array, far: string): void {
    const { judge, records } = this.#setting;
    if (!records && !judged.has(typeIn(frame))) return;
    const message = controlIn(frame);
    if (message === null) return;
    const heard = message as ServerMessage;
    if (heard.type !== 'ping') this.#setting.note(life.name, () => `← ${brief(heard)}`);
    if (device.id !== null) judge.heard(device.id, heard, far);
  }

  async #download(
    life: Life,
    url: string,
    { token, maxBytes, signal }: Parameters<ClientPlatform['download']>[1],
  ): Promise<Uint8Array> {
    const { dice, blobs } = this.#setting;
    const { network } = dice;
    const rate = this.#setting.rate('download');
    const wait = (ms: number): Promise<void> => new Promise((resolve) => void life.after(ms, resolve));
    const lost = (): FederatedError => new FederatedError('CONNECTION_LOST', `the download of ${url} broke off`);
    await wait(network.chance(0.2 * rate) ? network.wait(3_000) : network.whole(2, 40));
    if (network.chance(0.3 * rate)) throw lost();
    const server = this.#machine.process;
    if (signal.aborted || server === null) throw lost();
    if (!server.admits(token))
      throw new FederatedError('NOT_AUTHORISED', `${url}: the server refused this session's token`);
    const bytes = await blobs.get(url.split('/').at(-1)! as never);
    await wait(network.whole(2, 40));
    if (signal.aborted || !server.life.alive) throw lost();
    if (bytes.length > maxBytes) throw new FederatedError('TOO_LARGE', `${url}: more than ${maxBytes} bytes`);
    return network.chance(0.05 * rate) ? bytes.slice(0, Math.floor(bytes.length / 2)) : bytes;
  }
}

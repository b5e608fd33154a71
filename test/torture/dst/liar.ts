import { ClientConnection, type ConnectionOptions } from '../../../client/connection.ts';
import { decodeControl } from '../../../shared/protocol/codec.ts';
import { decodeFrame, encodeControlFrame } from '../../../shared/protocol/frames.ts';
import type { ClientMessage, MessageOf, ServerMessage } from '../../../shared/protocol/messages.ts';
import { floatBytes } from '../../../shared/weights.ts';
import type { Dice } from './dice.ts';
import { gridSteps } from './reference.ts';

type Fields = Record<string, unknown>;

/** Numbers where programs go wrong. */
const numbers = [0, 1, 2, 3, 100, 101, 4_294_967_295, -1, 0.5, Number.NaN, Infinity, 2 ** 53];

/** Changes a field of a control message, as a client would that does not keep to the protocol. Sealed frames of other kinds stay. */
export function twist(frame: Uint8Array, dice: Dice): Uint8Array {
  const decoded = decodeFrame(frame, Infinity);
  if (decoded.kind !== 'control' || !dice.chance(0.15)) return frame;
  const message = decodeControl(decoded.payload, 1 << 20) as Fields;
  if (message['type'] === 'auth' || message['type'] === 'ping') return frame;
  const names = Object.keys(message).filter((name) => name !== 'type');
  const name = names.length === 0 ? '' : dice.pick(names);
  const value = message[name];
  if (typeof value === 'number') message[name] = dice.chance(0.5) ? value + dice.pick([-1, 1]) : dice.pick(numbers);
  else if (value instanceof Uint8Array && value.length > 0) {
    const copy = new Uint8Array(value);
    if (dice.chance(0.8)) copy[dice.whole(0, copy.length - 1)]! ^= 1 << dice.whole(0, 7);
    message[name] = dice.chance(0.8) ? copy : copy.subarray(0, copy.length - 1);
  } else if (typeof value === 'string') message[name] = dice.pick(['float32', 'masked', 'tiny-1', 'tiny-2', 'x', '']);
  else return frame;
  return encodeControlFrame(message);
}

export interface LiarWorld {
  readonly dice: Dice;
  readonly connection: ConnectionOptions;
  after(ms: number, run: () => void): void;
  /** Coordinates of an update. */
  readonly length: number;
  /** It has this update to offer. */
  lies(delta: Float32Array): void;
  over(): void;
}

type Train = MessageOf<ServerMessage, 'train'>;

/** A client that knows the protocol and keeps to no rule of it: says whatever it likes, in any order, twice, or never. */
export class Liar {
  readonly #world: LiarWorld;
  readonly #connection: ClientConnection;
  #train: Train | null = null;
  readonly #updates = new Map<string, { readonly upload: Uint8Array; readonly bytes: Uint8Array }>();

  constructor(world: LiarWorld) {
    this.#world = world;
    this.#connection = new ClientConnection(world.connection, {
      message: (message) => this.#heard(message),
      closed: () => world.over(),
      sent: () => {},
    });
  }

  #heard(message: ServerMessage): void {
    const { dice, after } = this.#world;
    if (message.type === 'welcome') return this.#say({ type: 'ready' });
    if (message.type === 'train') this.#train = message;
    if (message.type === 'send') {
      const known = this.#updates.get(Buffer.from(message.upload).toString('hex'));
      if (known !== undefined && dice.chance(0.8)) {
        const end = known.bytes.length;
        this.#connection.sendChunks(known.upload, known.bytes, message.offset % 4 === 0 ? message.offset : 0, end);
        if (dice.chance(0.3)) this.#connection.sendChunks(known.upload, known.bytes, 0, end); // once more
        return;
      }
    }
    const count = dice.whole(0, 3);
    for (let i = 0; i < count; i++) after(dice.wait(300), () => this.#act());
  }

  #act(): void {
    const { dice } = this.#world;
    const train = this.#train;
    if (train === null) return this.#say(dice.pick([{ type: 'ready' }, { type: 'unready', reason: 'not-idle' }]));
    const { run, round, attempt } = train;
    const shift = (value: number): number => (dice.chance(0.8) ? value : Math.max(0, value + dice.pick([-1, 1])));
    const where = { run, round: shift(round), attempt: shift(attempt) };
    switch (dice.whole(0, 7)) {
      case 0:
      case 1:
      case 2:
        return this.#report(where);
      case 3:
        return this.#say({ type: 'advert', ...where, advert: dice.bytes(224) });
      case 4:
        return this.#say(
          dice.pick<ClientMessage>([
            { type: 'shares', ...where, signature: dice.bytes(64), parcels: dice.bytes(82 * dice.whole(0, 5)) },
            { type: 'consent', ...where, signature: dice.bytes(64) },
            {
              type: 'reveal',
              ...where,
              seedsOf: dice.bytes(1),
              seedShares: dice.bytes(33),
              keysOf: dice.bytes(1),
              keyShares: dice.bytes(0),
            },
          ]),
        );
      case 5:
        return this.#say({ type: 'progress', ...where, phase: 'training', fraction: 1 });
      case 6:
        return this.#say({ type: 'failed', ...where, code: 'TRAINING_FAILED', message: 'a lie' });
      default:
        return this.#say({ type: 'ready' });
    }
  }

  /** Offers an update: right, or wrong in length, in its numbers or in what it says of itself; now and then as another one. */
  #report(where: { readonly run: string; readonly round: number; readonly attempt: number }): void {
    const { dice, length, lies } = this.#world;
    const delta = Float32Array.from({ length }, () => dice.whole(-500, 500) / gridSteps);
    const kind = dice.whole(0, 5);
    if (kind === 0) delta[dice.whole(0, length - 1)] = dice.pick([NaN, Infinity, 1e30]);
    const examples = kind === 1 ? dice.pick([0, 101, 4_294_967_295]) : dice.whole(1, 100);
    const bytes = floatBytes(delta);
    const upload = dice.bytes(16);
    this.#updates.set(Buffer.from(upload).toString('hex'), { upload, bytes });
    if (kind !== 0) lies(delta);
    const size = kind === 2 ? dice.pick([0, 4, bytes.length - 4, bytes.length + 4, 2 ** 40]) : bytes.length;
    this.#say({
      type: 'report',
      ...where,
      upload,
      bytes: size,
      examples,
      encoding: 'float32',
      metrics: {},
      backend: 'x',
    });
    if (kind === 3) this.#connection.sendChunks(upload, bytes, 0, bytes.length); // before it is asked
  }

  #say(message: ClientMessage): void {
    this.#connection.send(message);
  }
}

import type { Socket, SocketEvents } from '../../../client/platform.ts';
import type { GatewaySocket, GatewaySocketEvents } from '../../../server/gateway/socket.ts';
import type { Dice } from './dice.ts';
import type { Life } from './life.ts';
import type { FaultKind } from './plan.ts';

/** What the network needs of its world. */
export interface NetworkWorld {
  readonly dice: Dice;
  after(ms: number, run: () => void): () => void;
  /** How often this fault happens now, 0 to 1. */
  rate(kind: FaultKind): number;
  note(what: string): void;
  /** Whoever listens at the server's address now. */
  server(): { readonly life: Life; accept(socket: GatewaySocket, address: string): void } | null;
}

type Side = 'client' | 'server';
const other = (side: Side): Side => (side === 'client' ? 'server' : 'client');

interface End {
  life: Life;
  message: (bytes: Uint8Array) => void;
  closed: (code: number, reason: string) => void;
  /** Nothing comes any more. */
  over: boolean;
  closing: boolean;
  /** When the last of what was sent to this end arrives. */
  lastArrival: number;
  /** What is sent to this end is swallowed, and nobody is told. */
  deaf: boolean;
  swallowed: number;
}

/** One connection. Each direction keeps its order, as TCP does: a message is late, cut off or altered, but never passed by another. */
class Link {
  readonly #world: NetworkWorld;
  readonly #name: string;
  readonly ends: Record<Side, End>;
  #now: () => number;

  constructor(world: NetworkWorld, name: string, now: () => number, client: End, server: End) {
    this.#world = world;
    this.#name = name;
    this.#now = now;
    this.ends = { client, server };
    for (const side of ['client', 'server'] as const) this.ends[side].life.onEnd(() => this.#died(side));
  }

  send(from: Side, bytes: Uint8Array): void {
    const own = this.ends[from];
    if (own.over || own.closing) return;
    const { dice, rate, note } = this.#world;
    let copy = new Uint8Array(bytes);
    if (dice.chance(0.01 * rate('cut'))) {
      note(`${this.#name}: cut`);
      return this.cut();
    }
    if (dice.chance(0.01 * rate('half-open'))) {
      const both = dice.chance(0.5);
      note(`${this.#name}: silent ${both ? 'both ways' : `towards the ${other(from)}`}`);
      this.ends[other(from)].deaf = true;
      if (both) own.deaf = true;
    }
    if (dice.chance(0.01 * rate('flip'))) {
      note(`${this.#name}: a bit flips`);
      copy = new Uint8Array(copy);
      copy[dice.whole(0, copy.length - 1)]! ^= 1 << dice.whole(0, 7);
    }
    this.#deliver(from, copy.length, (end) => end.message(copy));
    if (dice.chance(0.01 * rate('replay'))) {
      note(`${this.#name}: a message comes twice`);
      this.#deliver(from, copy.length, (end) => end.message(new Uint8Array(copy)));
    }
  }

  /** The closing handshake: the other end hears of it, answers, and then this end does. */
  close(from: Side, code: number, reason: string): void {
    const own = this.ends[from];
    if (own.over || own.closing) return;
    own.closing = true;
    this.#deliver(from, 0, (end) => {
      if (end.over) return;
      this.#close(end, code, reason);
      this.#deliver(other(from), 0, (first) => this.#close(first, code, reason));
    });
  }

  /** One end cuts the connection. */
  terminate(from: Side): void {
    const own = this.ends[from];
    if (own.over) return;
    this.#world.after(0, () => this.#close(own, 1006, ''));
    this.#deliver(from, 0, (end) => this.#close(end, 1006, ''));
  }

  /** Both ends lose the connection, each when it notices. */
  cut(): void {
    for (const side of ['client', 'server'] as const) {
      const end = this.ends[side];
      end.deaf = true;
      this.#world.after(this.#world.dice.whole(0, 30), () => this.#close(end, 1006, ''));
    }
  }

  #died(side: Side): void {
    this.ends[side].over = true;
    const end = this.ends[other(side)];
    if (end.over) return;
    // A process that dies is closed by its system; a machine that dies says nothing.
    if (this.#world.dice.chance(0.3 * this.#world.rate('half-open'))) end.deaf = true;
    else this.#world.after(this.#world.dice.whole(0, 20), () => this.#close(end, 1006, ''));
  }

  #close(end: End, code: number, reason: string): void {
    if (end.over) return;
    end.over = true;
    if (end.life.alive) end.closed(code, reason);
  }

  #deliver(from: Side, bytes: number, arrive: (end: End) => void): void {
    const end = this.ends[other(from)];
    const { dice, rate, after } = this.#world;
    if (end.deaf) {
      end.swallowed += bytes;
      return;
    }
    const late = dice.chance(0.1 * rate('delay')) ? dice.wait(1_500) : 0;
    const arrival = Math.max(end.lastArrival, this.#now() + dice.whole(1, 4) + late);
    end.lastArrival = arrival;
    after(arrival - this.#now(), () => {
      if (end.over || !end.life.alive || end.deaf) return;
      arrive(end);
    });
  }
}

/** Opens a socket of a client to whoever is the server then. */
export function openSocket(
  world: NetworkWorld,
  life: Life,
  now: () => number,
  events: SocketEvents,
  address: string,
  accepted: (server: Life) => void,
): Socket {
  let link: Link | null = null;
  let isClosed = false;
  const fail = (): void => {
    if (isClosed || !life.alive) return;
    isClosed = true;
    events.closed(1006, '');
  };
  world.after(world.dice.whole(1, 4), () => {
    if (isClosed || !life.alive) return;
    const server = world.server();
    if (server === null || !server.life.alive || world.dice.chance(0.3 * world.rate('refuse'))) return fail();
    const blank = { over: false, closing: false, lastArrival: 0, deaf: false, swallowed: 0 };
    const client: End = {
      life,
      message: (bytes) => events.message(bytes),
      closed: (code, reason) => events.closed(code, reason),
      ...blank,
    };
    const far: End = { life: server.life, message: () => {}, closed: () => {}, ...blank };
    const made = new Link(world, `${life.name}-${server.life.name}`, now, client, far);
    link = made;
    accepted(server.life);
    server.accept(
      {
        get bufferedAmount() {
          return client.swallowed;
        },
        send: (bytes) => made.send('server', bytes),
        close: (code, reason) => made.close('server', code, reason),
        terminate: () => made.terminate('server'),
        listen: ({ message, closed }: GatewaySocketEvents) => {
          far.message = (bytes) => message(bytes, true);
          far.closed = closed;
        },
      },
      address,
    );
    world.after(world.dice.whole(1, 4), () => {
      if (!isClosed && life.alive && !client.over) events.opened();
    });
  });
  return {
    send: (bytes) => link?.send('client', bytes),
    close: () => {
      if (isClosed) return;
      isClosed = true;
      if (link === null) return;
      link.close('client', 1000, '');
      const made = link;
      life.after(1_000, () => made.terminate('client')); // a server that does not answer the close
    },
  };
}

import { utf8 } from '../../../shared/bytes.ts';
import type { Random } from '../../../shared/random.ts';
import { clean, type Fault, type Link, type Way } from './fault-proxy.ts';

/** Kinds of trouble on a network. Where and how much of it is drawn from the seed. */

const randomBytes = (random: Random, length: number): Uint8Array =>
  Uint8Array.from({ length }, () => random.below(256));

/** Passes `until` bytes of one way, and then does something with the piece that goes beyond. */
function after(way: Way, until: number, then: (link: Link, rest: Uint8Array) => void): Fault {
  let happened = false;
  return {
    piece(link, direction, bytes) {
      const left = until - link.passed[way];
      if (direction !== way || happened || bytes.length <= left) return link.forward(direction, bytes);
      happened = true;
      link.forward(way, bytes.subarray(0, Math.max(0, left)));
      then(link, bytes.subarray(Math.max(0, left)));
    },
  };
}

/** From `until` bytes on, nothing passes these ways any more. */
function silence(random: Random, until: number, ways: readonly Way[]): Fault {
  const first = ways[random.below(ways.length)]!;
  let silent = false;
  return {
    piece(link, way, bytes) {
      if (way === first && link.passed[way] + bytes.length > until) silent = true;
      if (!(silent && ways.includes(way))) link.forward(way, bytes);
    },
  };
}

const flipped = (random: Random, bytes: Uint8Array): Uint8Array => {
  const copy = new Uint8Array(bytes);
  const at = random.below(copy.length);
  copy[at] = copy[at]! ^ (1 << random.below(8));
  return copy;
};

/** Bytes up: the upgrade takes some 200, the handshake 400 more, an update of the trial 16,384 in chunks of 1,024. */
const up = (random: Random): number => random.below([300, 1_200, 20_000][random.below(3)]!);
const down = (random: Random): number => random.below([200, 800, 2_500][random.below(3)]!);

export const faults: Readonly<Record<string, (random: Random) => Fault>> = {
  delay: (random) => {
    const ms = 5 + random.below(60);
    return { piece: (link, way, bytes) => link.later(way, bytes, random.below(ms)) };
  },
  fragments: (random) => ({
    piece(link, way, bytes) {
      for (let at = 0; at < bytes.length;) {
        const end = at + 1 + random.below(400);
        link.later(way, bytes.subarray(at, end), random.below(4) === 0 ? 1 : 0);
        at = end;
      }
    },
  }),
  /** One byte at a time, and as slowly as is still suffered. */
  drip: (random) => {
    const slow = 100 + random.below(400);
    return {
      piece(link, way, bytes) {
        const drops = Math.max(0, Math.min(bytes.length, slow - link.passed[way]));
        for (let at = 0; at < drops; at++) link.later(way, bytes.subarray(at, at + 1), 2);
        if (drops < bytes.length) link.forward(way, bytes.subarray(drops));
      },
    };
  },
  bandwidth: (random) => {
    const rate = 20_000 + random.below(200_000); // bytes a second
    return { piece: (link, way, bytes) => link.later(way, bytes, (1_000 * bytes.length) / rate) };
  },
  'cut in a frame up': (random) => after('up', up(random), (link) => link.end()),
  'cut in a frame down': (random) => after('down', down(random), (link) => link.end()),
  reset: (random) => after(random.below(2) === 0 ? 'up' : 'down', up(random) >> 1, (link) => link.reset()),
  'half-open': (random) => silence(random, up(random), ['up', 'down']),
  'stall up': (random) => silence(random, up(random), ['up']),
  'stall down': (random) => silence(random, down(random), ['down']),
  'bit flip up': (random) => after('up', up(random), (link, rest) => link.forward('up', flipped(random, rest))),
  'bit flip down': (random) => after('down', down(random), (link, rest) => link.forward('down', flipped(random, rest))),
  'lost bytes up': (random) =>
    after('up', up(random), (link, rest) => link.forward('up', rest.subarray(1 + random.below(40)))),
  'bytes twice down': (random) =>
    after('down', down(random), (link, rest) => {
      link.forward('down', rest);
      link.forward('down', rest.subarray(0, 1 + random.below(60)));
    }),
  'garbage before the upgrade': (random) => ({
    ...clean,
    opened: (link) => link.forward('up', randomBytes(random, 1 + random.below(300))),
  }),
  'garbage after the upgrade': (random) =>
    after('up', 250 + random.below(600), (link, rest) => {
      link.forward('up', randomBytes(random, 1 + random.below(300)));
      link.forward('up', rest);
    }),
  'garbage to the client': (random) =>
    after('down', random.below(600), (link, rest) => {
      link.forward('down', randomBytes(random, 1 + random.below(300)));
      link.forward('down', rest);
    }),
  'truncated upgrade': (random) => after('up', 10 + random.below(150), (link) => link.end()),
  'truncated answer to the upgrade': (random) => after('down', 5 + random.below(100), (link) => link.reset()),
  'slow handshake': (random) => {
    const ms = 200 + random.below(900);
    return {
      piece: (link, way, bytes) => (link.passed[way] < 300 ? link.later(way, bytes, ms) : link.forward(way, bytes)),
    };
  },
  'end without a close frame': (random) => after('up', up(random), (link) => link.endOnly('down')),
  'half close': (random) => after('down', down(random), (link) => link.endOnly('up')),
  'refused at once': () => ({ ...clean, opened: (link) => link.reset() }),
  'the same bytes over a second connection': (random) => {
    const most = up(random);
    let second: ReturnType<Link['another']> | null = null;
    return {
      opened: (link) => {
        second = link.another();
        second.on('data', () => {});
      },
      piece(link, way, bytes) {
        if (way === 'up' && link.passed.up < most) second?.write(bytes);
        link.forward(way, bytes);
      },
    };
  },
  'an answer of something else': (random) => {
    const status = ['502 Bad Gateway', '503 Service Unavailable', '200 OK', '429 Too Many Requests'][random.below(4)]!;
    return {
      piece(link, way) {
        if (way === 'down') return;
        link.forward('down', utf8(`HTTP/1.1 ${status}\r\nContent-Type: text/html\r\nContent-Length: 4\r\n\r\noops`));
        link.end();
      },
    };
  },
  'a close frame that nobody sent': (random) =>
    after('down', 130 + random.below(1_500), (link) => {
      link.forward('down', Uint8Array.of(0x88, 0x02, 0x03, 0xe8));
      link.end();
    }),
};

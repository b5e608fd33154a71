import { expect } from 'chai';
import { createServer as createHttpServer } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { FederatedClient, type ProblemDetail } from '../../client/node.ts';
import { encodeChunkFrame, encodeControlFrame } from '../../shared/protocol/frames.ts';
import { runId } from '../../shared/ids.ts';
import { floatBytes } from '../../shared/weights.ts';
import { Federation, tinyConfig } from '../helpers/federation.ts';
import { newIdentity, random, RawClient } from '../helpers/raw-client.ts';

/**
 * The faults that stopped, poisoned or killed other systems (js-peers), each with its right outcome here: the process lives,
 * the sender gets a typed code, nobody else notices, the round closes with the right reports.
 */
describe('faults of clients', () => {
  let federation: Federation;
  const raws: RawClient[] = [];
  const run = runId('tiny-1');
  const limits = { rejoinGrace: 100, heartbeat: 60_000 };

  const begin = async (
    changes: Parameters<typeof tinyConfig>[0] = {},
    options: Parameters<typeof Federation.open>[0] = {},
  ): Promise<void> => {
    federation = await Federation.open({ limits, ...options });
    await federation.server.operations.create(tinyConfig({ rounds: 1, minReports: 1, ...changes }), run);
  };
  const ready = async (identity = newIdentity()): Promise<RawClient> => {
    const client = await RawClient.ready(federation.server.joinLink, identity);
    raws.push(client);
    return client;
  };
  /** Three clients, all told to train. */
  const three = async (changes: Parameters<typeof tinyConfig>[0] = {}) => {
    await begin(changes);
    const clients = [await ready(), await ready(), await ready()] as const;
    const trains = await Promise.all(clients.map((client) => client.next('train')));
    return { a: clients[0], b: clients[1], c: clients[2], train: trains[0]! };
  };
  const delta = (value: number): Float32Array => new Float32Array(8).fill(value);
  const record = async () => (await federation.server.operations.rounds(run)).at(-1)!.record;
  const ended = (result: string) => federation.event(({ type, data }) => type === 'round' && data['result'] === result);

  afterEach(async () => {
    for (const each of raws.splice(0)) each.cut();
    await federation.close();
  });

  describe('of liveness', () => {
    it('a client killed while the others have reported: the round closes short, without it', async () => {
      const { a, b, c, train } = await three();
      await a.report(train, delta(1));
      await b.report(train, delta(2));
      await Promise.all([a.next('received'), b.next('received')]);
      c.cut();
      await ended('short');
      expect((await record()).reports).to.have.length(2);
    });

    it('a client killed before the others report: the same', async () => {
      const { a, b, c, train } = await three();
      c.cut();
      await a.report(train, delta(1));
      await b.report(train, delta(2));
      await ended('short');
      expect((await record()).reports).to.have.length(2);
    });

    it('a client that reports and leaves: its report counts, and the round waits for the others', async () => {
      const { a, b, c, train } = await three();
      await a.report(train, delta(30));
      await a.next('received');
      a.send({ type: 'leave', reason: 'user' });
      await a.closed;
      await b.report(train, delta(0));
      await c.report(train, delta(0));
      await ended('done');
      expect((await record()).reports).to.have.length(3);
    });

    it('a frozen client: the round closes at its deadline, and the late report gets a typed answer', async () => {
      const { a, b, c, train } = await three({ roundTimeout: 400, rounds: 2 });
      await a.report(train, delta(1));
      await b.report(train, delta(2));
      await ended('short');
      c.offer(train);
      expect((await c.next('refused')).code).to.be.oneOf(['ROUND_CLOSED', 'STALE_ROUND']);
    });

    it('a client that stops in the middle of its upload: nothing of it is in the sum', async () => {
      const { a, b, c, train } = await three();
      const upload = c.offer(train);
      await c.next('send');
      c.sendPlain(encodeChunkFrame(upload, 0, floatBytes(delta(1e6).subarray(0, 4))));
      await a.report(train, delta(1));
      await b.report(train, delta(1));
      await Promise.all([a.next('received'), b.next('received')]);
      c.cut();
      await ended('short');
      const { weightsBefore, weightsAfter, reports } = await record();
      expect(reports).to.have.length(2);
      const before = await blob(weightsBefore);
      expect(Array.from((await blob(weightsAfter)).map((w, i) => Math.fround(w - before[i]!)))[0]).to.be.closeTo(
        1,
        1e-6,
      );
    });

    const blob = async (sha256: string): Promise<Float32Array> => {
      const { url, adminToken } = federation.server;
      const response = await fetch(`${url}/v1/blobs/${sha256}`, { headers: { authorization: `Bearer ${adminToken}` } });
      return new Float32Array(await response.arrayBuffer());
    };

    it('a socket that never says hello: it counts for nothing and is closed in time', async () => {
      await begin({}, { limits: { ...limits, helloTimeout: 200 } });
      const silent = await RawClient.connect(federation.server.joinLink);
      raws.push(silent);
      const clients = [await ready(), await ready(), await ready()];
      const trains = await Promise.all(clients.map((client) => client.next('train')));
      for (const [i, client] of clients.entries()) await client.report(trains[i]!, delta(1));
      await ended('done');
      expect((await silent.closed).code).to.equal('HELLO_TIMEOUT');
    });

    it('a slow drip of bytes before the handshake: closed in time', async () => {
      await begin({}, { limits: { ...limits, helloTimeout: 300 } });
      const socket = connect(federation.server.port, '127.0.0.1');
      socket.write('GET /v1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n');
      socket.write('Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n');
      const drip = setInterval(() => socket.write(Buffer.of(0x82)), 50);
      await new Promise((resolve) =>
        socket
          .on('close', resolve)
          .on('error', () => {})
          .resume(),
      );
      clearInterval(drip);
    });

    it('a client that falls silent without closing: its session ends after the missed heartbeats', async () => {
      await begin({}, { limits: { ...limits, heartbeat: 50 } });
      const silent = await ready();
      expect((await silent.closed).code).to.equal('HEARTBEAT_TIMEOUT');
    });

    it('a reconnect within the grace time: the upload goes on from its offset and counts once', async () => {
      const identity = newIdentity();
      await begin({ minClients: 1 }, { limits: { ...limits, rejoinGrace: 5_000 } });
      const first = await ready(identity);
      const train = await first.next('train');
      const upload = first.offer(train);
      await first.next('send');
      first.sendPlain(encodeChunkFrame(upload, 0, floatBytes(delta(1).subarray(0, 2))));
      // A message after the chunk: when its answer is here, the chunk has been taken.
      first.offer(train, { upload });
      await first.next('send', ({ offset }) => offset === 8);
      first.cut();
      const second = await ready(identity);
      const again = await second.next('train');
      second.offer(again, { upload });
      expect((await second.next('send')).offset).to.equal(8);
      second.sendPlain(encodeChunkFrame(upload, 8, floatBytes(delta(1).subarray(2))));
      await ended('done');
      expect((await record()).reports).to.have.length(1);
    });

    it('a rejoin with the ticket of the session before is a resumed one; with an old or a forged ticket it is a new one', async () => {
      await begin();
      const identity = newIdentity();
      const rejoin = async (ticket?: Uint8Array) => {
        const client = await RawClient.connect(federation.server.joinLink, identity);
        raws.push(client);
        await client.shakeHands((auth) => ({ ...auth, ticket }));
        return client.next('welcome');
      };
      const first = await rejoin();
      const second = await rejoin(first.ticket);
      const third = await rejoin(first.ticket);
      const fourth = await rejoin(random(32));
      expect([first, second, third, fourth].map(({ resumed }) => resumed)).to.deep.equal([false, true, false, false]);
      expect(new Set([first, second, third, fourth].map(({ client }) => client)).size).to.equal(1);
    });

    it('the same identity from elsewhere: the older session ends for good', async () => {
      await begin();
      const identity = newIdentity();
      const first = await ready(identity);
      await ready(identity);
      expect((await first.closed).code).to.equal('SESSION_REPLACED');
    });
  });

  describe('in reports', () => {
    const refusals: [
      string,
      string,
      (client: RawClient, train: Awaited<ReturnType<typeof three>>['train']) => Promise<void> | void,
    ][] = [
      ['of another run', 'WRONG_RUN', (c, train) => void c.offer({ ...train, run: 'other-1' })],
      ['for a round that is over', 'STALE_ROUND', (c, train) => void c.offer({ ...train, round: 0 })],
      ['for round 1,000,000', 'FUTURE_ROUND', (c, train) => void c.offer({ ...train, round: 1_000_000 })],
      ['for another attempt', 'WRONG_ATTEMPT', (c, train) => void c.offer({ ...train, attempt: 7 })],
      ['of a wrong shape', 'WRONG_SHAPE', (c, train) => void c.offer(train, { bytes: 28 })],
      ['of no examples', 'BAD_EXAMPLES', (c, train) => void c.offer(train, { examples: 0 })],
      ['of a billion examples', 'BAD_EXAMPLES', (c, train) => void c.offer(train, { examples: 1e9 })],
      ['in an unknown encoding', 'WRONG_SHAPE', (c, train) => void c.offer(train, { encoding: 'float64' })],
      ['with NaN', 'NOT_FINITE', (c, train) => c.report(train, delta(Number.NaN))],
      [
        'with an infinity',
        'NOT_FINITE',
        (c, train) => c.report(train, Float32Array.of(0, 0, 0, 0, 0, 0, 0, Number.NEGATIVE_INFINITY)),
      ],
      ['beyond the norm bound', 'NORM_TOO_LARGE', (c, train) => c.report(train, delta(1e4))],
      [
        'with a gap',
        'BAD_OFFSET',
        async (c, train) => {
          const upload = c.offer(train);
          await c.next('send');
          c.sendPlain(encodeChunkFrame(upload, 16, floatBytes(delta(1).subarray(0, 4))));
        },
      ],
    ];
    for (const [what, code, lie] of refusals) {
      it(`${what}: refused as ${code}, and the others' round is done without it`, async () => {
        const { a, b, c, train } = await three({ maxUpdateNorm: 100 });
        await lie(c, train);
        expect((await c.next('refused')).code).to.equal(code);
        await a.report(train, delta(1));
        await b.report(train, delta(3));
        c.cut();
        await ended('short');
        const { reports } = await record();
        expect(reports.map(({ examples }) => examples)).to.deep.equal([10, 10]);
      });
    }

    it('sent twice: counted once; the same again is confirmed, another one is refused', async () => {
      const { a, b, c, train } = await three();
      const upload = random(16);
      await a.report(train, delta(1), { upload });
      await a.next('received');
      a.offer(train, { upload });
      a.offer(train, { upload: random(16) });
      expect((await a.next('refused')).code).to.equal('DUPLICATE_REPORT');
      expect(a.received.filter(({ type }) => type === 'received')).to.have.length(2);
      await b.report(train, delta(1));
      await c.report(train, delta(1));
      await ended('done');
      expect((await record()).reports).to.have.length(3);
    });

    it('from a client that was not selected: refused', async () => {
      const { train } = await three();
      const late = await ready();
      expect((await late.next('wait')).reason).to.equal('not-selected');
      late.offer(train);
      expect((await late.next('refused')).code).to.equal('NOT_SELECTED');
    });

    it('with one update of NaN among ten: the model is the mean of the nine', async () => {
      await begin({ minClients: 10 });
      const clients = await Promise.all(Array.from({ length: 10 }, () => ready()));
      await Promise.all(
        clients.map(async (client, i) => client.report(await client.next('train'), delta(i === 0 ? Number.NaN : 1))),
      );
      await ended('short');
      expect((await record()).reports).to.have.length(9);
    });
  });

  describe('on the wire', () => {
    /** What an open session does wrong, and the code with which it ends. */
    const violations: [string, string, (client: RawClient) => void][] = [
      ['four random bytes', 'BAD_SEAL', (c) => c.socket.send(random(4))],
      ['text instead of bytes', 'BAD_FRAME', (c) => c.socket.send('hello')],
      ['an empty message', 'BAD_SEAL', (c) => c.socket.send(new Uint8Array(0))],
      ['a sealed frame of one byte', 'BAD_FRAME', (c) => c.sendPlain(Uint8Array.of(1))],
      ['an unknown kind of frame', 'BAD_FRAME', (c) => c.sendPlain(new Uint8Array(16).fill(9, 0, 1))],
      [
        'a chunk that is no whole number of floats',
        'BAD_FRAME',
        (c) => c.sendPlain(encodeChunkFrame(random(16), 0, random(8)).subarray(0, 23)),
      ],
      ['an unknown type of message', 'BAD_MESSAGE', (c) => c.sendAny({ type: 'dance' })],
      ['a message without a type', 'BAD_MESSAGE', (c) => c.sendAny({})],
      ['a field too many', 'BAD_MESSAGE', (c) => c.sendAny({ type: 'ready', more: 1 })],
      ['a field of a wrong type', 'BAD_MESSAGE', (c) => c.sendAny({ type: 'ready', examples: 'many' })],
      [
        'a field that is not finite',
        'BAD_MESSAGE',
        (c) => c.sendAny({ type: 'ready', examples: Number.POSITIVE_INFINITY }),
      ],
      ['msgpack cut off', 'BAD_MESSAGE', (c) => c.sendPlain(encodeControlFrame({ type: 'ready' }).subarray(0, 20))],
      ['a control message of 5 KiB', 'TOO_LARGE', (c) => c.sendAny({ type: 'ready', more: 'x'.repeat(5_000) })],
      ['auth a second time', 'UNEXPECTED_MESSAGE', (c) => c.sendAny(auth(c))],
      [
        'a replayed frame',
        'BAD_SEAL',
        (c) => {
          const sealed = c.channel!.seal(encodeControlFrame({ type: 'ping' }));
          c.socket.send(sealed);
          c.socket.send(sealed);
        },
      ],
      [
        'two frames in the wrong order',
        'BAD_SEAL',
        (c) => {
          const first = c.channel!.seal(encodeControlFrame({ type: 'ping' }));
          c.socket.send(c.channel!.seal(encodeControlFrame({ type: 'ping' })));
          c.socket.send(first);
        },
      ],
      [
        'a frame with one bit turned',
        'BAD_SEAL',
        (c) => {
          const sealed = c.channel!.seal(encodeControlFrame({ type: 'ping' }));
          sealed[5]! ^= 1;
          c.socket.send(sealed);
        },
      ],
      [
        'a truncated frame',
        'BAD_SEAL',
        (c) => c.socket.send(c.channel!.seal(encodeControlFrame({ type: 'ping' })).subarray(0, 20)),
      ],
      [
        'nine megabytes of chunks that nobody asked for',
        'RATE_LIMITED',
        (c) => {
          for (let i = 0; i < 36; i++) c.sendPlain(encodeChunkFrame(random(16), 0, random(256 * 1024)));
        },
      ],
      [
        'a thousand messages at once',
        'RATE_LIMITED',
        (c) => {
          for (let i = 0; i < 1_000; i++) c.send({ type: 'ping' });
        },
      ],
    ];
    const auth = (client: RawClient): object => ({
      type: 'auth',
      identity: client.identity.publicKey,
      signature: random(64),
      software: '',
      backend: '',
      encodings: [],
    });

    for (const [what, code, violate] of violations) {
      it(`${what}: the session ends with ${code}; the others' round is done`, async () => {
        await begin();
        const bad = await RawClient.open(federation.server.joinLink);
        raws.push(bad);
        violate(bad);
        expect((await bad.closed).code).to.equal(code);
        const clients = [await ready(), await ready(), await ready()];
        const trains = await Promise.all(clients.map((client) => client.next('train')));
        for (const [i, client] of clients.entries()) await client.report(trains[i]!, delta(1));
        await ended('done');
        expect((await record()).reports).to.have.length(3);
      });
    }

    const beforeHello: [string, string | undefined, (client: RawClient) => void][] = [
      ['random bytes', 'BAD_HANDSHAKE', (c) => c.socket.send(random(100))],
      ['text', 'BAD_FRAME', (c) => c.socket.send('GET /')],
      ['a hello of 5 KiB', 'TOO_LARGE', (c) => c.socket.send(random(5_000))],
      ['a message of 1 MiB', undefined, (c) => c.socket.send(random(1 << 20))],
      [
        '16,000 fragments that never end',
        undefined,
        (c) => {
          for (let i = 0; i < 16_000; i++) c.socket.send(Buffer.of(1), { fin: false });
        },
      ],
    ];
    for (const [what, code, violate] of beforeHello) {
      it(`${what} instead of a hello: closed${code === undefined ? '' : ` with ${code}`}`, async () => {
        await begin();
        const bad = await RawClient.connect(federation.server.joinLink);
        raws.push(bad);
        violate(bad);
        const { close, code: got } = await bad.closed;
        if (code !== undefined) expect(got).to.equal(code);
        else expect(close).to.be.oneOf([1006, 1008, 1009]);
        expect(federation.server.operations.info().connections).to.equal(0);
      });
    }
  });

  describe('at the door', () => {
    it('a wrong join code: NOT_ADMITTED', async () => {
      await begin();
      const link = federation.server.joinLink.replace(/\.[0-9A-Z-]+$/, '.AAAA-AAAA-AAAA-AAAA');
      const client = await RawClient.connect(link);
      raws.push(client);
      await client.shakeHands();
      expect((await client.closed).code).to.equal('NOT_ADMITTED');
    });

    it('no join code: NOT_ADMITTED, unless the key is on the roster', async () => {
      await begin();
      const bare = federation.server.joinLink.replace(/\.[0-9A-Z-]+$/, '');
      const stranger = await RawClient.connect(bare);
      raws.push(stranger);
      await stranger.shakeHands();
      expect((await stranger.closed).code).to.equal('NOT_ADMITTED');
      const known = newIdentity();
      await federation.server.operations.register(known.publicKey, 'known');
      raws.push(await RawClient.open(bare, known));
    });

    it("someone else's identity: BAD_SIGNATURE", async () => {
      await begin();
      const client = await RawClient.connect(federation.server.joinLink);
      raws.push(client);
      await client.shakeHands((auth) => ({ ...auth, identity: newIdentity().publicKey }));
      expect((await client.closed).code).to.equal('BAD_SIGNATURE');
    });

    it('an excluded client: its session ends, and it is not let in again', async () => {
      await begin();
      const client = await ready();
      const id = (await client.next('welcome')).client;
      await federation.server.operations.exclude(id as never, true);
      expect((await client.closed).code).to.equal('EXCLUDED');
      const again = await RawClient.connect(federation.server.joinLink, client.identity);
      raws.push(again);
      await again.shakeHands();
      expect((await again.closed).code).to.equal('EXCLUDED');
    });

    it('a server with another key: the client says so each time, never gets past the handshake, and gives up', async () => {
      await begin();
      const link = federation.server.joinLink.replace(/#[^.]+/, '#AAAAAAAAAAAAAAAAAAAAAA');
      const { client, done } = federation.join({ url: link });
      const problems: string[] = [];
      client.addEventListener('problem', (event) => {
        const { code, message } = (event as CustomEvent<ProblemDetail>).detail;
        problems.push(`${code}: ${message.match(/\d of \d/)![0]}`);
      });
      const error = await done.catch((thrown: unknown) => thrown);
      expect(error).to.include({ code: 'WRONG_SERVER' });
      expect(problems).to.deep.equal([1, 2, 3, 4].map((time) => `WRONG_SERVER: ${time} of 5`));
      const { sent } = await client.inspect();
      expect(sent.map((each) => [each.message, each.count])).to.deep.equal([['hello', 5]]);
      expect(await federation.server.operations.clients()).to.deep.equal([]);
    });
  });
});

describe('a client at a wrong address', () => {
  it('says at once that there is no Fedloom server, and gives up soon instead of trying for ever', async () => {
    const other = createHttpServer((_, response) => void response.writeHead(404).end());
    other.on('upgrade', (_, socket) => socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n'));
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    const client = new FederatedClient({
      url: `ws://127.0.0.1:${port}/v1`,
      consent: 'given',
      data: () => ({ xs: [], ys: [] }),
      maxDoubtfulRefusals: 2,
    });
    const problems: unknown[] = [];
    client.addEventListener('problem', (event) => problems.push((event as CustomEvent<ProblemDetail>).detail.code));
    const error = await client
      .join()
      .next()
      .catch((thrown: unknown) => thrown);
    expect(error).to.include({ code: 'BAD_LINK' });
    expect(problems).to.deep.equal(['BAD_LINK']);
    other.close();
  });
});

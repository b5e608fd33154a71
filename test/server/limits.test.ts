import { expect } from 'chai';
import { get, request as httpRequest } from 'node:http';
import { connect, type Socket } from 'node:net';
import { WebSocket } from 'ws';
import { ClientConnection } from '../../client/connection.ts';
import { nodePlatform } from '../../client/node/platform.ts';
import type { SocketEvents } from '../../client/platform.ts';
import { clearCheck } from '../../server/uploads/update-check.ts';
import { Uploads, type Report } from '../../server/uploads/uploads.ts';
import { concat } from '../../shared/bytes.ts';
import { identityFromSeed } from '../../shared/crypto/identity.ts';
import type { ErrorCode } from '../../shared/errors.ts';
import { runId, type ClientId } from '../../shared/ids.ts';
import { SealedChannel } from '../../shared/protocol/channel.ts';
import { encodeControl } from '../../shared/protocol/codec.ts';
import { encodeChunkFrame, encodeControlFrame, frameHeaderBytes } from '../../shared/protocol/frames.ts';
import { answerHello } from '../../shared/protocol/handshake.ts';
import * as limitsFile from '../../shared/protocol/limits.ts';
import { parseLink } from '../../shared/protocol/link.ts';
import { maxDepth, maxKeyBytes, maxValues, readMsgpack } from '../../shared/protocol/msgpack-reader.ts';
import { Federation, tinyConfig } from '../helpers/federation.ts';
import { GatewayEnd } from '../helpers/gateway-connection.ts';
import { codeOf, native } from '../helpers/primitives.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { storedRun } from '../contracts/store.ts';
import { serverExamples } from '../vectors/messages.ts';
import { bearer, startHttp } from './http/fake-server.ts';

/**
 * Each limit at its edge: what is exactly at it passes, what is one beyond does not. Every entry of the table has its test here, and a
 * limit that is added without one is noticed at the end.
 */

const { defaultLimits } = limitsFile;
type Limits = limitsFile.Limits;
const fill = (byte: number, length = 32): Uint8Array => new Uint8Array(length).fill(byte);
const ping = encodeControlFrame({ type: 'ping' });
const part = (total: number, offset: number, payload: Uint8Array): Uint8Array => {
  const header = new Uint8Array(frameHeaderBytes);
  header[0] = 3;
  new DataView(header.buffer).setUint32(4, total, true);
  new DataView(header.buffer).setUint32(8, offset, true);
  return concat(header, payload);
};
const control = (payload: Uint8Array): Uint8Array => concat(Uint8Array.of(1), new Uint8Array(15), payload);
const upload = fill(9, 16);

/** How a session ends after these frames; undefined when it goes on. */
async function after(limits: Partial<Limits>, act: (end: GatewayEnd) => void): Promise<ErrorCode | undefined> {
  const end = await new GatewayEnd(limits).open();
  act(end);
  return end.code;
}

/** The same of a client that was told to send an update. */
const whileSending: typeof after = (limits, act) =>
  after(limits, (end) => {
    end.connection.send(serverExamples.find(({ type }) => type === 'send')!);
    act(end);
  });

const client = (n: number): ClientId => String(n).padStart(32, '0') as ClientId;
/** Uploads of 8 values, with what they told whom. */
function uploads(limits: Partial<Limits>) {
  const log: string[] = [];
  const clock = { now: 0 };
  const report = (n: number): Report => {
    const where = { run: 'r-1', round: 1, attempt: 1, examples: 5, encoding: 'float32', metrics: {} };
    return { type: 'report', ...where, upload: fill(n, 16), bytes: 32 };
  };
  const host = {
    now: () => clock.now,
    send: (id: ClientId) => void log.push(`send ${Number(id)}`),
    ack: (id: ClientId, _: Report, offset: number) => void log.push(`ack ${Number(id)} ${offset}`),
    whole: () => {},
    refused: (id: ClientId, _: Report, { code }: { code: string }) => void log.push(`refused ${Number(id)} ${code}`),
  };
  const options = { bytes: 32, newCheck: () => clearCheck(100), limits: { ...defaultLimits, ...limits } };
  const all = new Uploads(host, options);
  return {
    log,
    begin: (n: number) => all.begin(client(n), report(n)),
    chunk: (n: number, offset: number, bytes: number) =>
      all.chunk(client(n), n * 0x01010101, offset, new Uint8Array(bytes)),
    at(now: number) {
      clock.now = now;
      all.tick();
      return log;
    },
  };
}

/** A client that a lying server has welcomed; ends with what it says when the frame comes. */
function clientTold(frame: Uint8Array): ErrorCode | null {
  let events: SocketEvents | null = null;
  let code: ErrorCode | null = null;
  const sent: Uint8Array[] = [];
  const platform = {
    ...nodePlatform({}),
    openSocket: (_: string, given: SocketEvents) => {
      events = given;
      return { send: (bytes: Uint8Array) => void sent.push(bytes), close: () => {} };
    },
  };
  const identity = identityFromSeed(native, fill(2));
  const options = { platform, identity, link: parseLink('ws://127.0.0.1:1'), label: '', backend: 't', ticket: null };
  const connection = new ClientConnection(options, {
    sent: () => {},
    message: () => {},
    closed: (given) => (code ??= given),
  });
  const told = events! as SocketEvents;
  told.opened();
  const keys = { ephemeralSecret: fill(5), nonce: fill(6) };
  const server = identityFromSeed(native, fill(1));
  const { serverHello, handshake } = answerHello({ primitives: native, identity: server, hello: sent[0]!, ...keys });
  told.message(serverHello);
  const channel = new SealedChannel({ primitives: native, ...handshake });
  told.message(channel.seal(encodeControlFrame(serverExamples[0]!)));
  told.message(channel.seal(frame));
  const found = code;
  connection.close();
  return found;
}

const closing: (() => unknown)[] = [];
const open = async (limits: Partial<Limits>): Promise<Federation['server']> => {
  const federation = await Federation.open({ limits });
  closing.push(() => federation.close());
  return federation.server;
};
const tcp = async (port: number, text = ''): Promise<{ socket: Socket; closed: Promise<string> }> => {
  const socket = connect(port, '127.0.0.1');
  closing.push(() => socket.destroy());
  let told = '';
  socket.on('data', (data) => (told += data.toString('latin1'))).on('error', () => {});
  const closed = new Promise<string>((resolve) => socket.on('close', () => resolve(told)));
  await Promise.race([new Promise((connected) => socket.on('connect', connected)), closed]);
  if (text !== '') socket.write(text);
  return { socket, closed };
};
/** The status that a WebSocket is refused with, or 101. */
const upgrade = (port: number): Promise<number> =>
  new Promise((resolve) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/v1`);
    closing.push(() => socket.terminate());
    socket.on('open', () => resolve(101)).on('error', () => resolve(0));
    socket.on('unexpected-response', (_, { statusCode = 0 }) => resolve(statusCode));
  });
const soon = <T>(promise: Promise<T>, ms = 100): Promise<T | 'open'> =>
  Promise.race([promise, new Promise<'open'>((resolve) => setTimeout(() => resolve('open'), ms))]);
const http = async (limits: Partial<Limits>) => {
  const server = await startHttp({ limits });
  closing.push(() => server.close());
  await server.store.createRun(storedRun(runId('first')));
  return server;
};

/** By the name of the limit. */
const edges: Record<keyof Limits, () => Promise<void> | void> = {
  maxHelloBytes() {
    const told = (length: number) => {
      const end = new GatewayEnd();
      end.receive(new Uint8Array(length));
      return end.code;
    };
    expect(told(4_096)).to.equal('BAD_HANDSHAKE');
    expect(told(4_097)).to.equal('TOO_LARGE');
  },
  async maxControlBytes() {
    const told = (bytes: number) => after({}, (end) => end.frame(control(fill(0xc0, bytes))));
    expect(await told(4_096)).to.equal('BAD_MESSAGE');
    expect(await told(4_097)).to.equal('TOO_LARGE');
  },
  async maxLongBytes() {
    const told = (bytes: number) => after({}, (end) => end.frame(part(bytes, 0, fill(0xc0, bytes))));
    expect(await told(65_536)).to.equal('BAD_MESSAGE'); // 65,536 times nil
    expect(await told(65_537)).to.equal('TOO_LARGE');
  },
  maxRosterBytes() {
    const { chunkBytes, maxRosterBytes } = defaultLimits;
    expect(clientTold(part(maxRosterBytes, 0, new Uint8Array(chunkBytes)))).to.equal(null);
    expect(clientTold(part(maxRosterBytes + 1, 0, new Uint8Array(chunkBytes)))).to.equal('TOO_LARGE');
  },
  async chunkBytes() {
    const told = (bytes: number) =>
      whileSending({}, (end) => end.frame(encodeChunkFrame(upload, 0, new Uint8Array(bytes))));
    expect(await told(262_144)).to.equal(undefined);
    expect(await told(262_148)).to.equal('BAD_FRAME');
  },
  async windowBytes() {
    // What was on its way when an upload ended: two windows of it.
    const told = (chunks: number) =>
      whileSending({ chunkBytes: 64, windowBytes: 256 }, (end) => {
        for (let i = 0; i < chunks; i++) end.frame(encodeChunkFrame(upload, 64 * i, new Uint8Array(64)));
      });
    expect(await told(8)).to.equal(undefined);
    expect(await told(9)).to.equal('RATE_LIMITED');
  },
  ackBytes() {
    const { log, begin, chunk } = uploads({ ackBytes: 16 });
    begin(1);
    chunk(1, 0, 12);
    expect(log).to.deep.equal(['send 1']);
    chunk(1, 12, 4);
    expect(log).to.deep.equal(['send 1', 'ack 1 16']);
  },
  async maxUpdateBytes() {
    const { operations } = await open({ maxUpdateBytes: 32 });
    expect(await operations.create(tinyConfig({}, 8))).to.have.property('parameters', 8);
    const refused = await operations.create(tinyConfig({}, 9)).catch((error: unknown) => error);
    expect(refused)
      .to.have.property('message')
      .that.matches(/36 bytes; this server takes at most 32/);
  },
  maxUploads() {
    const { log, begin } = uploads({ maxUploads: 2 });
    for (const n of [1, 2, 3]) begin(n);
    expect(log).to.deep.equal(['send 1', 'send 2']);
  },
  maxSpoolBytes() {
    const { log, begin, at } = uploads({ maxSpoolBytes: 64 + 31, uploadStall: 1e9 });
    for (const n of [1, 2, 3]) begin(n);
    at(5_000); // slow ones would let others in, if there were memory
    expect(log).to.deep.equal(['send 1', 'send 2']);
  },
  helloTimeout() {
    const end = new GatewayEnd();
    end.pass(4_999);
    expect(end.code).to.equal(undefined);
    end.pass(1);
    expect(end.code).to.equal('HELLO_TIMEOUT');
  },
  async heartbeat() {
    const end = await new GatewayEnd().open();
    const before = end.sent.length;
    end.connection.beat(end.now + 14_999, false);
    expect(end.sent).to.have.length(before);
    end.connection.beat(end.now + 15_000, false);
    expect(end.sent).to.have.length(before + 1);
  },
  async heartbeatMisses() {
    const end = await new GatewayEnd().open();
    end.connection.beat(end.now + 37_500, false);
    expect(end.code).to.equal(undefined);
    end.connection.beat(end.now + 37_501, false);
    expect(end.code).to.equal('HEARTBEAT_TIMEOUT');
    // A server that was held up has not read what has arrived: it says something itself, and judges nobody.
    const heldUp = await new GatewayEnd().open();
    const before = heldUp.sent.length;
    heldUp.connection.beat(heldUp.now + 37_501, true);
    expect(heldUp.code).to.equal(undefined);
    expect(heldUp.sent).to.have.length(before + 1);
  },
  async rejoinGrace() {
    let now = 1_000_000;
    const timers = new Set<{ at: number; run: () => void }>();
    const clock = {
      now: () => now,
      steady: () => now,
      after(ms: number, run: () => void) {
        const timer = { at: now + ms, run };
        timers.add(timer);
        return () => void timers.delete(timer);
      },
    };
    const pass = (ms: number): void => {
      now += ms;
      for (const timer of timers) if (timer.at <= now && timers.delete(timer)) timer.run();
    };
    const federation = await Federation.open({ clock, limits: { heartbeat: 1e9 } });
    closing.push(() => federation.close());
    await federation.server.operations.create(tinyConfig({ rounds: 1, minClients: 2, minReports: 1 }));
    const [a, b] = [
      await RawClient.ready(federation.server.joinLink),
      await RawClient.ready(federation.server.joinLink),
    ];
    const [train] = [await a.next('train'), await b.next('train')];
    await a.report(train, new Float32Array(8));
    await a.next('received');
    b.cut();
    const ended = federation.event(({ type, data }) => type === 'round' && data['result'] !== undefined);
    while (federation.server.operations.info().connections > 1) await new Promise((turn) => setTimeout(turn, 5));
    pass(999);
    expect(await soon(ended)).to.equal('open');
    pass(1);
    expect((await ended).data['result']).to.equal('short');
    a.cut();
  },
  minUploadRate() {
    const slow = (bytes: number) => {
      const { begin, chunk, at } = uploads({ minUploadRate: 16, uploadPatience: 1_000, ackBytes: 999 });
      begin(1);
      chunk(1, 0, bytes);
      return at(1_001).length;
    };
    expect(slow(20)).to.equal(1); // 16.016 bytes are wanted
    expect(slow(16)).to.equal(2);
  },
  uploadPatience() {
    const { log, begin, at } = uploads({});
    begin(1);
    at(30_000);
    expect(log).to.deep.equal(['send 1']);
    at(30_001);
    expect(log.at(-1)).to.equal('refused 1 TOO_SLOW');
  },
  uploadStall() {
    const { log, begin, at } = uploads({ maxSpoolBytes: 32 });
    begin(1);
    begin(2);
    at(2_000);
    expect(log).to.deep.equal(['send 1']);
    at(2_001);
    expect(log).to.deep.equal(['send 1', 'send 2']);
  },
  async controlRate() {
    const told = (ms: number) =>
      after({}, (end) => {
        for (let i = 0; i < 200; i++) end.frame(ping);
        end.now += ms;
        end.frame(ping);
      });
    expect(await told(20)).to.equal(undefined); // 1,000 ms / 50
    expect(await told(19)).to.equal('RATE_LIMITED');
  },
  async controlBurst() {
    const told = (count: number) =>
      after({}, (end) => {
        for (let i = 0; i < count; i++) end.frame(ping);
      });
    expect(await told(200)).to.equal(undefined);
    expect(await told(201)).to.equal('RATE_LIMITED');
  },
  async shortChunkBytes() {
    const told = (bytes: number) =>
      whileSending({ controlBurst: 5, windowBytes: 1e6 }, (end) => {
        for (let i = 0; i < 6; i++) end.frame(encodeChunkFrame(upload, 0, new Uint8Array(bytes)));
      });
    expect(await told(4_096)).to.equal(undefined);
    expect(await told(4_092)).to.equal('RATE_LIMITED');
  },
  async maxPendingPerAddress() {
    const { port } = await open({ maxPendingPerAddress: 2 });
    expect([await upgrade(port), await upgrade(port), await upgrade(port)]).to.deep.equal([101, 101, 429]);
  },
  async maxConnections() {
    const { port } = await open({ maxConnections: 2 });
    expect([await upgrade(port), await upgrade(port), await upgrade(port)]).to.deep.equal([101, 101, 503]);
  },
  async maxSocketsPerAddress() {
    const { port } = await open({ maxSocketsPerAddress: 2 });
    const sockets = [await tcp(port), await tcp(port), await tcp(port)];
    expect(await sockets[2]!.closed).to.equal('');
    expect(await soon(sockets[1]!.closed)).to.equal('open');
    sockets[0]!.socket.destroy();
    await sockets[0]!.closed;
    await new Promise((turn) => setTimeout(turn, 30));
    expect(await soon((await tcp(port)).closed), 'a place that is free again').to.equal('open');
  },
  async maxSockets() {
    const { port } = await open({ maxSockets: 2 });
    const sockets = [await tcp(port), await tcp(port), await tcp(port)];
    expect(await sockets[2]!.closed).to.equal('');
    expect(await soon(sockets[1]!.closed)).to.equal('open');
  },
  async maxQueuedBytes() {
    const end = await new GatewayEnd().open();
    end.bufferedAmount = 16 * 1024 * 1024;
    end.connection.send({ type: 'ping' });
    expect(end.terminated).to.equal(false);
    end.bufferedAmount++;
    end.connection.send({ type: 'ping' });
    expect(end.terminated).to.equal(true);
  },
  async maxTaskBytes() {
    const server = await http({ maxTaskBytes: 200 });
    const body = (length: number) => `{"config":{}${' '.repeat(length - 13)}}`;
    expect((await server.post('/api/runs', body(200))).status).to.equal(201);
    expect((await server.post('/api/runs', body(201))).status).to.equal(413);
  },
  async headersTimeout() {
    const { port } = await open({ headersTimeout: 250, requestTimeout: 60_000 });
    const silent = await tcp(port);
    const slow = await tcp(port, 'GET /healthz HTTP/1.1\r\nHost: x\r\n');
    expect(await soon(slow.closed, 150)).to.equal('open');
    expect(await slow.closed).to.match(/^HTTP\/1.1 408/);
    await silent.closed;
  },
  async requestTimeout() {
    const { port, adminToken } = await open({ headersTimeout: 250, requestTimeout: 400 });
    const head = `POST /api/runs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${adminToken}\r\nContent-Type: application/json\r\n`;
    const slow = await tcp(port, `${head}Content-Length: 9\r\n\r\n{`);
    expect(await soon(slow.closed, 300)).to.equal('open');
    await slow.closed;
  },
  async maxHeaderBytes() {
    const { port } = await open({});
    const answer = async (bytes: number): Promise<string> => {
      const start = 'GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Fill: ';
      return (await (await tcp(port, `${start}${'x'.repeat(bytes)}\r\n\r\n`)).closed).slice(9, 12);
    };
    // The parser counts the names and values of headers, and the address: 16 KiB less some fifty bytes.
    expect(await answer(16_384 - 200)).to.equal('200');
    expect(await answer(16_384 + 1)).to.equal('431');
  },
  async maxHeaders() {
    const server = await open({ maxHeaders: 20 });
    const status = (before: number): Promise<number> =>
      new Promise((resolve) => {
        const lines = Array.from({ length: before }, (_, i) => [`X-${i}`, 'x']).flat();
        const headers = ['Host', 'x', ...lines, 'Authorization', `Bearer ${server.adminToken}`];
        httpRequest(`${server.url}/api/runs`, { headers, agent: false }, (res) => {
          res.resume();
          resolve(res.statusCode!);
        }).end();
      });
    expect(await status(18)).to.equal(200); // the token is in the twentieth
    expect(await status(19)).to.equal(401); // the twenty-first is not looked at
  },
  async maxBodyBytes() {
    const server = await http({ maxBodyBytes: 100 });
    const body = (length: number) => `{"now":true${' '.repeat(length - 12)}}`;
    expect((await server.post('/api/runs/first/stop', body(100))).status).to.equal(200);
    expect((await server.post('/api/runs/first/stop', body(101))).status).to.equal(413);
  },
  async downloadStall() {
    const server = await http({ downloadStall: 150 });
    const id = await server.blobs.put(new Uint8Array(32 * 1024 * 1024));
    const port = Number(new URL(server.url).port);
    const { socket } = await tcp(port);
    socket.pause();
    socket.write(
      `GET /v1/blobs/${id} HTTP/1.1\r\nHost: x\r\nAuthorization: ${bearer('client')['Authorization']}\r\n\r\n`,
    );
    await new Promise((turn) => setTimeout(turn, 600));
    let bytes = 0;
    socket.removeAllListeners('data');
    socket.on('data', (data) => (bytes += data.length)).resume();
    await new Promise((ended) => socket.on('close', ended));
    expect(bytes, 'cut before its end').to.be.below(32 * 1024 * 1024);
  },
  async maxWrongTokens() {
    const server = await http({ maxWrongTokens: 2 });
    const status = async () =>
      (await fetch(`${server.url}/api/runs`, { headers: { Authorization: 'Bearer x' } })).status;
    expect([await status(), await status(), await status()]).to.deep.equal([401, 401, 429]);
  },
  async maxChanges() {
    const server = await http({ maxChanges: 2 });
    const status = async () => (await server.post('/api/runs/first/stop')).status;
    expect([await status(), await status(), await status()]).to.deep.equal([200, 200, 429]);
  },
  async maxStreamsPerAddress() {
    const server = await http({ maxStreamsPerAddress: 2 });
    const { open: first, close } = stream(server.url);
    expect(await first).to.equal(200);
    expect(await stream(server.url).open).to.equal(200);
    expect(await stream(server.url).open).to.equal(429);
    close();
    await new Promise((turn) => setTimeout(turn, 50));
    expect(await stream(server.url).open, 'a place that is free again').to.equal(200);
  },
  async maxStreams() {
    const server = await http({ maxStreams: 1 });
    expect(await stream(server.url).open).to.equal(200);
    expect(await stream(server.url).open).to.equal(429);
  },
  async maxStreamQueuedBytes() {
    const server = await http({ maxStreamQueuedBytes: 20_000 });
    const { open: status, ended } = stream(server.url, true);
    expect(await status).to.equal(200);
    const happens = (message: string) =>
      server.events.add({ at: 5, run: runId('first'), type: 'round', message, data: {} });
    for (let i = 0; i < 50; i++) happens('short');
    expect(await soon(ended)).to.equal('open');
    happens('x'.repeat(8 * 1024 * 1024));
    expect(await ended).to.equal('cut');
  },
};

function stream(url: string, paused = false): { open: Promise<number>; ended: Promise<'cut'>; close: () => void } {
  let close = (): void => {};
  let cut: (how: 'cut') => void = () => {};
  const ended = new Promise<'cut'>((resolve) => (cut = resolve));
  const status = new Promise<number>((resolve) => {
    const sent = get(`${url}/api/events`, { headers: bearer('viewer'), agent: false }, (res) => {
      res.on('error', () => {}).on('close', () => cut('cut'));
      if (paused) setTimeout(() => res.resume(), 300);
      else res.resume();
      resolve(res.statusCode!);
    });
    sent.on('error', () => {});
    close = () => sent.destroy();
    closing.push(close);
  });
  return { open: status, ended, close };
}

/** The limits that are no options of the server. */
const constants: Record<string, () => Promise<void> | void> = {
  maxFramesPerKey() {
    // 2^32 frames take hours: the same counter at a smaller number.
    const keys = { primitives: native, suite: native.suites[0]!, sendKey: fill(1), receiveKey: fill(1), maxFrames: 2 };
    const channel = new SealedChannel(keys);
    channel.seal(ping);
    channel.seal(ping);
    expect(codeOf(() => channel.seal(ping))).to.equal('SEAL_EXHAUSTED');
  },
  async maxFragments() {
    const { port } = await open({});
    const told = async (fragments: number): Promise<string> => {
      const socket = await rawWebSocket(port);
      for (let i = 0; i < fragments; i++) socket.write(frameOf(i === 0 ? 0x02 : 0x00, Uint8Array.of(1)));
      return socket.ends();
    };
    expect(await told(64)).to.equal('open');
    expect(await told(65)).to.equal('1008');
  },
  async maxBufferedChunks() {
    const { port } = await open({});
    const told = async (reads: number): Promise<string> => {
      const socket = await rawWebSocket(port);
      // A header that announces 4,000 bytes, and then one byte after the other.
      socket.write(Uint8Array.of(0x82, 0xfe, 0x0f, 0xa0, 0, 0, 0, 0));
      for (let i = 0; i < reads; i++) {
        socket.write(Uint8Array.of(0));
        await new Promise((turn) => setImmediate(turn));
        if (i % 8 === 0) await new Promise((turn) => setTimeout(turn, 1));
      }
      return socket.ends();
    };
    expect(await told(500)).to.equal('open');
    expect(await told(1_300)).to.be.oneOf(['1008', 'closed']);
  },
  maxDepth() {
    const nested = (depth: number) => Uint8Array.of(...fill(0x91, depth), 0xc0);
    expect(codeOf(() => readMsgpack(nested(maxDepth)))).to.equal(undefined);
    expect(codeOf(() => readMsgpack(nested(maxDepth + 1)))).to.equal('BAD_MESSAGE');
  },
  maxValues() {
    const list = (count: number) => Uint8Array.of(0xdc, count >> 8, count & 255, ...fill(0xc0, count));
    expect(codeOf(() => readMsgpack(list(maxValues)))).to.equal(undefined);
    expect(codeOf(() => readMsgpack(list(maxValues + 1)))).to.equal('BAD_MESSAGE');
  },
  maxKeyBytes() {
    const map = (length: number) => encodeControl({ ['k'.repeat(length)]: 1 });
    expect(codeOf(() => readMsgpack(map(maxKeyBytes)))).to.equal(undefined);
    expect(codeOf(() => map(maxKeyBytes + 1))).to.equal('BAD_ARGUMENT');
    const long = Uint8Array.of(0x81, 0xda, 1, 0, ...fill(0x6b, 256), 1); // a key of 256 bytes, as no writer of ours makes it
    expect(codeOf(() => readMsgpack(long))).to.equal('BAD_MESSAGE');
  },
};

const frameOf = (head: number, payload: Uint8Array): Uint8Array =>
  Uint8Array.of(head, 0x80 | payload.length, 0, 0, 0, 0, ...payload);

/** A WebSocket by hand. `ends`: the code of the close frame that comes, `closed` without one, or `open`. */
async function rawWebSocket(port: number) {
  const key = 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n';
  const { socket, closed } = await tcp(
    port,
    `GET /v1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n${key}\r\n`,
  );
  const received: Buffer[] = [];
  socket.setNoDelay(true).on('data', (data) => received.push(data));
  await new Promise((answered) => socket.once('data', answered));
  return {
    write: (bytes: Uint8Array) => socket.writable && socket.write(bytes),
    async ends(): Promise<string> {
      if ((await soon(closed, 150)) === 'open' && !Buffer.concat(received).includes(Buffer.of(0x88, 0x02)))
        return 'open';
      const all = Buffer.concat(received);
      const at = all.indexOf(Buffer.of(0x88, 0x02));
      return at < 0 ? 'closed' : String(all.readUInt16BE(at + 2));
    },
  };
}

describe('the limit', () => {
  afterEach(async () => {
    for (const close of closing.splice(0).toReversed()) await close();
  });

  for (const [name, test] of Object.entries({ ...edges, ...constants })) {
    it(`${name} lets through what is at its edge, and nothing beyond`, test).timeout(20_000);
  }

  it('is tested here, whichever it is', () => {
    expect(Object.keys(edges)).to.have.members(Object.keys(defaultLimits));
    const others = Object.keys(limitsFile).filter((name) => name !== 'defaultLimits');
    expect(Object.keys(constants)).to.include.members(others);
  });
});

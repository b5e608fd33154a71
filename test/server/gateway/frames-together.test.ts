import { expect } from 'chai';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Federation } from '../../helpers/federation.ts';
import { random } from '../../helpers/raw-client.ts';

const binary = 0x2;
const ping = 0x9;

/** A client's frame with a mask of zeros (RFC 6455, section 5.2). */
function frame(opcode: number, payload: Uint8Array): Uint8Array {
  const length = payload.length;
  const head = length < 126 ? [0x80 | length] : [0x80 | 126, length >> 8, length & 255];
  return Uint8Array.from([0x80 | opcode, ...head, 0, 0, 0, 0, ...payload]);
}

describe('frames that arrive in one piece', () => {
  let federation: Federation;
  before(async () => (federation = await Federation.open()));
  after(() => federation.close());

  /** A connection of a stranger, upgraded to a WebSocket; what it is sent after that is in `received`. */
  async function upgraded(): Promise<{ socket: Socket; received: Buffer[] }> {
    const socket = connect(federation.server.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write('GET /v1 HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n');
    socket.write('Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n');
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).to.include(' 101 ');
    const received: Buffer[] = [];
    socket.on('data', (data: Buffer) => received.push(data));
    return { socket, received };
  }

  // The large one's memory is given back; what is behind it, or before it, lies in the same.
  for (const behind of [1, 2, 6, 40, 55, 56, 64, 200]) {
    it(`a large one and the first ${behind} bytes of another cost the stranger its connection, and nobody else anything`, async () => {
      const { socket } = await upgraded();
      const next = frame(binary, random(300)).subarray(0, behind);
      socket.end(Buffer.concat([frame(binary, random(5_000)), next]));
      await once(socket, 'close');
      const health = await fetch(`http://127.0.0.1:${federation.server.port}/healthz`);
      expect(health.status).to.equal(200);
    });
  }

  it('a ping and a large one: the answer to the ping has its payload', async () => {
    const { socket, received } = await upgraded();
    const payload = random(32);
    socket.write(Buffer.concat([frame(ping, payload), frame(binary, random(5_000))]));
    await once(socket, 'close');
    const [head, length, ...rest] = Buffer.concat(received);
    expect([head, length]).to.deep.equal([0x8a, 32]); // a pong
    expect(Buffer.from(rest.slice(0, 32)).equals(payload)).to.equal(true);
  });
});

import { connect, type Socket } from 'node:net';
import { utf8 } from '../../../../shared/bytes.ts';
import { isErrorCode } from '../../../../shared/errors.ts';
import { runId } from '../../../../shared/ids.ts';
import { storedRun } from '../../../contracts/store.ts';
import { bearer, startHttp, tokens } from '../../../server/http/fake-server.ts';
import type { Target } from '../target.ts';
import { must } from './wire.ts';

/** Whole requests on a real socket, byte by byte: what comes back is one well-formed answer, or the end of the connection. */

const request = (method: string, path: string, headers: Record<string, string> = {}, body = ''): Uint8Array => {
  const all = {
    Host: 'x',
    Connection: 'close',
    ...headers,
    ...(body === '' ? {} : { 'Content-Length': String(body.length) }),
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  return utf8(`${method} ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${body}`);
};
const admin = bearer('admin');
const json = { ...admin, 'Content-Type': 'application/json' };
const sha = 'ab'.repeat(32);

const seeds = [
  request('GET', '/healthz'),
  request('GET', '/api/runs', admin),
  request('GET', '/api/runs/digits/rounds?after=3', admin),
  request('GET', '/api/runs/digits/rounds/1', admin),
  request('GET', `/v1/blobs/${sha}`, { ...admin, Range: 'bytes=0-5' }),
  request('GET', `/v1/blobs/${sha}`, { ...bearer('client'), 'If-Range': `"${sha}"`, Range: 'bytes=-3' }),
  request('POST', '/api/runs', json, '{"config":{"a":[1,{"b":2}]},"id":"fresh"}'),
  request('POST', '/api/clients', json, `{"publicKey":"${'0f'.repeat(32)}","label":"pi"}`),
  request('POST', `/api/clients/${'c'.repeat(32)}/exclude`, { ...admin, Origin: 'http://x' }),
  request('POST', '/api/runs/digits/stop', json, '{"now":true}'),
  request('DELETE', '/api/runs/digits', admin),
  request('GET', '/api/runs/digits/export?format=safetensors&round=best', admin),
  request('HEAD', '/metrics', bearer('viewer')),
];

export async function httpTarget(): Promise<Target> {
  // Many inputs create and remove; the limits of rates have tests of their own.
  const server = await startHttp({ limits: { maxChanges: 1e9, maxWrongTokens: 1e9 } });
  await server.store.createRun(storedRun(runId('digits')));
  const port = Number(new URL(server.url).port);
  let open: Socket | null = null;
  return {
    name: 'http',
    shape: 'text',
    weight: 0.4,
    seeds,
    codes: [],
    allowed: (length) => 64 * length + 1024 * 1024,
    async read(input) {
      const answer = await exchange(port, input, (socket) => (open = socket));
      if (answer === '') return 'closed';
      const head = answer.slice(0, answer.indexOf('\r\n\r\n'));
      const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1]);
      must(status >= 200 && status < 500, `an answer of status ${status}: ${answer.slice(0, 300)}`);
      const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? Number.NaN);
      const body = answer.slice(head.length + 4);
      must(
        !answer.includes(tokens.viewer + tokens.admin) && !body.includes(process.cwd()),
        'no path of the machine is told',
      );
      if (status < 400 || !body.startsWith('{"error"') || body.length < length) return `${status}`;
      const { error } = JSON.parse(body.slice(0, Number.isNaN(length) ? undefined : length)) as {
        error: { code: string };
      };
      must(isErrorCode(error.code), `the code ${error.code}`);
      return `${status} ${error.code}`;
    },
    async close() {
      open?.destroy();
      await server.close();
    },
  };
}

/** Sends bytes and the end, and reads until the other side ends; a stream of events that would not is cut. */
function exchange(port: number, input: Uint8Array, opened: (socket: Socket) => void): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    opened(socket);
    let answer = '';
    const stuck = setTimeout(() => socket.destroy(), 1_000);
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      answer += text;
      if (answer.includes('text/event-stream') || answer.length > 100_000) socket.destroy();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      clearTimeout(stuck);
      resolve(answer);
    });
    socket.on('connect', () => socket.end(input));
  });
}

import { expect } from 'chai';
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { join } from 'node:path';
import { blobRoute } from '../../../server/http/blob-route.ts';
import { silentLog } from '../../../server/host.ts';
import { blobFiles } from '../../../server/store/blob-files.ts';
import type { BlobStore } from '../../../server/store/store.ts';
import { sha256Id, type Sha256 } from '../../../shared/ids.ts';
import { useFolder } from '../../contracts/folder.ts';
import { bearer, errorOf, startHttp, tokens, type HttpFixture } from './fake-server.ts';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const absent = sha256Id('0'.repeat(64));

describe('GET /v1/blobs/:sha256', () => {
  const bytes = randomBytes(100_000);
  let http: HttpFixture;
  let id: Sha256;
  beforeEach(async () => {
    http = await startHttp();
    id = await http.blobs.put(bytes);
  });
  afterEach(() => http.close());
  const get = (headers: Record<string, string> = {}, method = 'GET'): Promise<Response> =>
    http.as('client', `/v1/blobs/${id}`, { method, headers });

  it('gives the bytes to clients, viewers and admins, to be cached for ever', async () => {
    for (const role of ['client', 'viewer', 'admin'] as const) {
      const response = await http.as(role, `/v1/blobs/${id}`);
      expect(response.status).to.equal(200);
      expect(Buffer.from(await response.arrayBuffer()).equals(bytes)).to.equal(true);
      expect(response.headers.get('etag')).to.equal(`"${id}"`);
      expect(response.headers.get('cache-control')).to.include('immutable');
    }
  });

  it('gives nothing without a token', async () => {
    const response = await fetch(`${http.url}/v1/blobs/${id}`);
    expect(response.headers.get('www-authenticate')).to.equal('Bearer');
    expect(await errorOf(response)).to.deep.equal([401, 'NOT_AUTHORISED']);
    expect((await fetch(`${http.url}/v1/blobs/${id}?token=${tokens.admin}`)).status).to.equal(401);
    expect((await get({ Authorization: 'Bearer wrong' })).status).to.equal(401);
    expect((await get({ Authorization: `Basic ${tokens.client}` })).status).to.equal(401);
  });

  describe('to a page of another origin', () => {
    const app = 'https://app.example';
    const cors = (response: Response): (string | null)[] =>
      ['access-control-allow-origin', 'access-control-allow-credentials'].map((name) => response.headers.get(name));
    const preflight = (Origin: string, url: string): Promise<Response> =>
      fetch(url, {
        method: 'OPTIONS',
        headers: {
          Origin,
          'Access-Control-Request-Method': 'GET',
          'Access-Control-Request-Headers': 'authorization',
        },
      });
    let open: HttpFixture;
    let url: string;
    beforeEach(async () => {
      open = await startHttp({ allowedOrigins: [app] });
      url = `${open.url}/v1/blobs/${await open.blobs.put(bytes)}`;
    });
    afterEach(() => open.close());

    it('gives the bytes when the origin is allowed, for a token all the same', async () => {
      const asked = await preflight(app, url);
      expect([asked.status, ...cors(asked)]).to.deep.equal([204, app, null]);
      expect(asked.headers.get('access-control-allow-headers')).to.match(/authorization/i);
      const response = await open.as('client', new URL(url).pathname, { headers: { Origin: app } });
      expect([response.status, ...cors(response)]).to.deep.equal([200, app, null]);
      expect(response.headers.get('vary')).to.equal('Origin');
      expect((await response.arrayBuffer()).byteLength).to.equal(100_000);
      const without = await fetch(url, { headers: { Origin: app } });
      expect([without.status, ...cors(without)]).to.deep.equal([401, app, null]);
    });

    it('says nothing to any other origin, so that the browser keeps the bytes from it', async () => {
      for (const origin of ['https://app.example:444', 'http://app.example', 'https://app.example.evil', 'null']) {
        expect((await preflight(origin, url)).status).to.equal(405);
        const response = await open.as('client', new URL(url).pathname, { headers: { Origin: origin } });
        expect(cors(response), origin).to.deep.equal([null, null]);
      }
      expect(cors(await preflight(app, `${http.url}/v1/blobs/${id}`)), 'none is allowed').to.deep.equal([null, null]);
    });

    it('opens nothing but blobs, to an allowed origin either', async () => {
      for (const path of ['/api/runs', '/metrics', '/healthz', '/']) {
        const response = await open.as('admin', path, { headers: { Origin: app } });
        expect(cors(response), path).to.deep.equal([null, null]);
      }
    });
  });

  it('answers HEAD with the length and no body', async () => {
    const response = await get({}, 'HEAD');
    expect(response.headers.get('content-length')).to.equal('100000');
    expect(await response.text()).to.equal('');
  });

  it('gives a part, from the start, the middle and the end', async () => {
    const parts = { 'bytes=0-9': [0, 10], 'bytes=99990-': [99_990, 100_000], 'bytes=-5': [99_995, 100_000] } as const;
    for (const [range, [start, end]] of Object.entries(parts)) {
      const response = await get({ Range: range });
      expect(response.status).to.equal(206);
      expect(response.headers.get('content-range')).to.equal(`bytes ${start}-${end - 1}/100000`);
      expect(Buffer.from(await response.arrayBuffer()).equals(bytes.subarray(start, end))).to.equal(true);
    }
  });

  it('gives the whole for a range that it does not understand, and 416 for one without a byte', async () => {
    for (const range of ['bytes=5-1', 'items=0-1', 'bytes=0-1,5-6', 'bytes=-']) {
      const response = await get({ Range: range });
      expect(response.status).to.equal(200);
      await response.arrayBuffer();
    }
    const response = await get({ Range: 'bytes=100000-' });
    expect(response.headers.get('content-range')).to.equal('bytes */100000');
    expect(await errorOf(response)).to.deep.equal([416, 'BAD_ARGUMENT']);
  });

  it('sends nothing again to who has it', async () => {
    expect((await get({ 'If-None-Match': `W/"x", "${id}"` })).status).to.equal(304);
    expect((await get({ 'If-None-Match': '"x"' })).status).to.equal(200);
    expect((await get({ Range: 'bytes=0-0', 'If-Range': `"${id}"` })).status).to.equal(206);
    expect((await get({ Range: 'bytes=0-0', 'If-Range': '"other"' })).status).to.equal(200);
  });

  it('refuses other methods, other names, and blobs that are not there', async () => {
    expect(await errorOf(await get({}, 'PUT'))).to.deep.equal([405, 'BAD_ARGUMENT']);
    for (const name of ['abc', '..%2f..%2fadmin.token', '', id.toUpperCase()]) {
      expect(await errorOf(await http.as('client', `/v1/blobs/${name}`))).to.deep.equal([400, 'BAD_ARGUMENT']);
    }
    expect(await errorOf(await http.as('client', `/v1/blobs/${absent}`))).to.deep.equal([404, 'NOT_FOUND']);
  });

  it('counts the bytes that it sends', async () => {
    await (await get()).arrayBuffer();
    await (await get({ Range: 'bytes=0-9' })).arrayBuffer();
    expect(await http.metrics.text()).to.include('fl_bytes_total{direction="down"} 100010');
  });
});

describe('the blob route and its store', () => {
  const folder = useFolder();
  const headers = bearer('client');
  let loads = 0;
  let blobs: BlobStore;
  let url = '';
  let server: ReturnType<typeof createServer>;

  /** A route with room for two blobs of up to 1 MB in memory. */
  beforeEach(async () => {
    const http = await startHttp();
    await http.close();
    loads = 0;
    const files = blobFiles(join(folder(), 'blobs'));
    blobs = { ...files, get: (id) => (loads++, files.get(id)) };
    const { metrics } = http;
    const options = { blobs, metrics, roleOf: () => 'client' as const, log: silentLog };
    server = createServer(blobRoute({ ...options, cachedBlobs: 2, cachedBytes: 2e6, streamAbove: 1e6 }));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/blobs/`;
  });
  afterEach(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  const fetched = async (id: Sha256, more: Record<string, string> = {}): Promise<Buffer> =>
    Buffer.from(await (await fetch(url + id, { headers: { ...headers, ...more } })).arrayBuffer());

  it('reads a blob once for many clients', async () => {
    const bytes = randomBytes(500_000);
    const id = await blobs.put(bytes);
    const bodies = await Promise.all(Array.from({ length: 50 }, () => fetched(id)));
    expect(bodies.every((body) => body.equals(bytes))).to.equal(true);
    expect(loads).to.equal(1);
  });

  it('keeps the blobs that were asked for last', async () => {
    const ids = await Promise.all([1, 2, 3].map(() => blobs.put(randomBytes(1_000))));
    const [a, b, c] = ids as [Sha256, Sha256, Sha256];
    for (const id of [a, b, a, c]) await fetched(id); // c takes the place of b
    expect(loads).to.equal(3);
    await fetched(a);
    expect(loads).to.equal(3);
    await fetched(b);
    expect(loads).to.equal(4);
  });

  it('forgets a blob that could not be read, and asks the store again', async () => {
    expect((await fetch(url + absent, { headers })).status).to.equal(404);
    const id = await blobs.put(Buffer.from('x'));
    expect((await fetched(id)).toString()).to.equal('x');
  });

  it('streams a large blob and parts of it without loading it', async () => {
    const bytes = randomBytes(3_000_000);
    const id = await blobs.put(bytes);
    expect((await fetched(id)).equals(bytes)).to.equal(true);
    expect((await fetched(id, { Range: 'bytes=1000000-2500000' })).equals(bytes.subarray(1e6, 2_500_001))).to.equal(
      true,
    );
    expect(loads).to.equal(0);
  });

  it('goes on when a reader leaves in the middle', async () => {
    const bytes = randomBytes(3_000_000);
    const id = await blobs.put(bytes);
    const { port } = server.address() as AddressInfo;
    await new Promise<void>((resolve) => {
      const socket = connect(port, '127.0.0.1', () =>
        socket.write(`GET /v1/blobs/${id} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\n\r\n`),
      );
      socket.once('data', () => socket.destroy());
      socket.once('close', () => resolve());
    });
    expect((await fetched(id)).equals(bytes)).to.equal(true);
  });
});

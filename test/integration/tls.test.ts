import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import * as https from 'node:https';
import { connect } from 'node:tls';
import type { ClientTls } from '../../client/node/socket.ts';
import { nodePlatform } from '../../client/node/platform.ts';
import { createServer } from '../../server/server.ts';
import { useFolder } from '../contracts/folder.ts';
import { Federation, tinyConfig } from '../helpers/federation.ts';
import { codeOfLater } from '../helpers/primitives.ts';

const pem = (name: string): string => readFileSync(new URL(`../vectors/tls/${name}.pem`, import.meta.url), 'utf8');
const ca = pem('ca');
const server = { key: pem('server.key'), cert: pem('server') };
const known = { ca, key: pem('client.key'), cert: pem('client') };
const stranger = { ca, key: pem('stranger.key'), cert: pem('stranger') };

describe('a federation over TLS', () => {
  let federation: Federation;
  const folder = useFolder();
  afterEach(() => federation?.close());

  const open = async (clientCa?: string): Promise<void> => {
    federation = await Federation.open({ tls: { ...server, ...(clientCa === undefined ? {} : { clientCa }) } });
    await federation.server.operations.create(tinyConfig({ rounds: 1, minClients: 1 }));
  };
  const join = (tls?: ClientTls) =>
    federation.join({ platform: nodePlatform(tls === undefined ? {} : { tls }), seed: 1 });
  const status = (tls: object): Promise<number | string> =>
    new Promise((resolve) => {
      const request = https.get(`${federation.server.url}/healthz`, { ca, agent: false, ...tls }, (response) => {
        response.resume();
        resolve(response.statusCode!);
      });
      request.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    });

  it('takes clients that trust its authority, model download and all', async () => {
    await open();
    expect(federation.server.joinLink).to.match(/^fedlooms:/);
    expect((await join({ ca }).done).map(({ counted }) => counted)).to.deep.equal([true]);
  });

  it('is refused by a client that does not, with a code', async () => {
    await open();
    expect(await codeOfLater(() => join().done)).to.equal('WRONG_SERVER');
    expect(await codeOfLater(() => join({ ca: pem('other-ca') }).done)).to.equal('WRONG_SERVER');
  });

  it('with an authority of clients takes those that show its certificate', async () => {
    await open(ca);
    expect((await join(known).done).map(({ counted }) => counted)).to.deep.equal([true]);
    expect(await status(known)).to.equal(200);
  });

  it('with an authority of clients takes nobody else: no client, no page, no socket', async () => {
    await open(ca);
    expect(await codeOfLater(() => join({ ca }).done)).to.equal('NOT_ADMITTED');
    const refusals = ['ECONNRESET', 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'EPIPE'];
    for (const tls of [{ ca }, stranger]) expect(await status(tls)).to.be.oneOf(refusals);
    // Node cuts a connection with a certificate of another authority without a word: the client keeps trying.
    const { client, outcomes, abort } = join(stranger);
    await new Promise<void>((resolve) => {
      let tries = 0;
      client.addEventListener('state', () => ++tries > 2 && resolve());
    });
    abort.abort();
    expect(outcomes).to.deep.equal([]);
    expect(await federation.server.operations.clients(), 'nobody got as far as the roster').to.deep.equal([]);
  });

  it('speaks nothing older than TLS 1.2', async () => {
    await open();
    const { port } = federation.server;
    const version = (maxVersion: 'TLSv1.1' | 'TLSv1.2'): Promise<string | null> =>
      new Promise((resolve) => {
        const options = {
          host: '127.0.0.1',
          port,
          ca,
          minVersion: 'TLSv1',
          maxVersion,
          ciphers: 'DEFAULT@SECLEVEL=0',
        } as const;
        const socket = connect(options, () => {
          resolve(socket.getProtocol());
          socket.destroy();
        });
        socket.on('error', () => resolve(null));
      });
    expect(await version('TLSv1.2')).to.equal('TLSv1.2');
    expect(await version('TLSv1.1')).to.equal(null);
  });

  it('does not begin with a key that is not the certificate’s', async () => {
    const tls = { key: pem('client.key'), cert: pem('server') };
    expect(await codeOfLater(() => createServer({ dataDir: folder(), port: 0, tls }))).to.equal('BAD_FILE');
  });
});

import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import * as https from 'node:https';
import { connect } from 'node:tls';
import { fileURLToPath } from 'node:url';
import type { ClientTls } from '../../client/node/socket.ts';
import { nodePlatform } from '../../client/node/platform.ts';
import { createServer } from '../../server/server.ts';
import { useFolder } from '../contracts/folder.ts';
import { fedloom } from '../helpers/command.ts';
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
    federation.join({ platform: nodePlatform(tls === undefined ? {} : { tls }), seed: 1, maxDoubtfulRefusals: 1 });
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

  describe('and its operator', () => {
    const file = (name: string): string => fileURLToPath(new URL(`../vectors/tls/${name}.pem`, import.meta.url));
    const trust = ['--tls-ca', file('ca')];
    const shown = (name: string): string[] => [...trust, '--tls-cert', file(name), '--tls-key', file(`${name}.key`)];
    const operate = (...args: string[]) => fedloom([...args, '--data-dir', federation.dataDir]);

    it('lists runs, steers them and makes secrets anew with the certificate that the server asks for', async () => {
      await open(ca);
      const { viewerToken } = federation.server;
      const [listed, paused, rotated] = await Promise.all([
        operate('runs', 'ls', '--json', ...shown('client')),
        operate('runs', 'pause', 'tiny-1', '--json', ...shown('client')),
        operate('token', 'rotate', 'viewer', '--json', ...shown('client')),
      ]);
      const { runs, server: url } = JSON.parse(listed.out) as { runs: { id: string }[]; server: string };
      expect([runs.map(({ id }) => id), url]).to.deep.equal([['tiny-1'], federation.server.url]);
      expect((JSON.parse(paused.out) as { run: { state: string } }).run.state).to.equal('paused');
      expect(JSON.parse(rotated.out)).to.deep.equal({ rotated: 'viewer' });
      expect(federation.server.viewerToken).not.to.equal(viewerToken);
      expect((await federation.server.operations.runs())[0]!.state).to.equal('paused');
    }).timeout(60_000);

    it('is told which flag is missing, and changes nothing', async () => {
      await open(ca);
      const [without, strange, untrusting, half] = await Promise.all([
        operate('runs', 'pause', 'tiny-1', ...trust),
        operate('runs', 'pause', 'tiny-1', ...shown('stranger')),
        operate('token', 'rotate', 'viewer'),
        operate('runs', 'ls', ...trust, '--tls-cert', file('client')),
      ]);
      for (const each of [without, strange]) expect(each.err).to.include('give one with --tls-cert and --tls-key');
      expect(untrusting.err).to.match(/is not trusted here: .*; name its authority with --tls-ca/);
      expect(half.err).to.include('--tls-cert and --tls-key belong together');
      expect([without, strange, untrusting, half].map(({ code }) => code)).to.deep.equal([1, 1, 1, 2]);
      expect((await federation.server.operations.runs())[0]!.state).to.equal('waiting');
    }).timeout(60_000);
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

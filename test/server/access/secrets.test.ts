import { expect } from 'chai';
import { createHmac } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { auditFile } from '../../../server/access/audit-files.ts';
import { readAudit } from '../../../server/access/read-audit.ts';
import { checkToken, signToken } from '../../../server/access/signed-token.ts';
import { fedloom } from '../../helpers/command.ts';
import { Federation } from '../../helpers/federation.ts';
import { codeOf } from '../../helpers/primitives.ts';
import { RawClient } from '../../helpers/raw-client.ts';

const key = new Uint8Array(32).fill(7);
const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const sign = (signed: string): string => `${signed}.${createHmac('sha256', key).update(signed).digest('base64url')}`;

describe('a token that expires', () => {
  const claims = { role: 'viewer', name: 'ann', exp: 1_000 } as const;

  it('is a JSON web token under HMAC-SHA256, and says its role until its end', () => {
    const token = signToken(key, claims);
    // RFC 7515, section 5.1, put together by hand.
    expect(token).to.equal(sign(`${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`));
    expect(checkToken(key, token, 999_999)).to.deep.equal(claims);
    expect(checkToken(key, token, 1_000_000)).to.equal(null);
  });

  it('counts for nothing when it is altered, of another key, or chooses its algorithm', () => {
    const token = signToken(key, claims);
    const [head, , signature] = token.split('.');
    const none = part({ alg: 'none', typ: 'JWT' });
    const forged = [
      `${head}.${part({ ...claims, role: 'admin' })}.${signature}`,
      `${none}.${part(claims)}.`,
      sign(`${none}.${part(claims)}`),
      `${token}.`,
      `${token}=`,
      token.slice(0, -1),
      '..',
      '',
    ];
    for (const each of forged) expect(checkToken(key, each, 0), each).to.equal(null);
    expect(checkToken(new Uint8Array(32), token, 0)).to.equal(null);
    expect(codeOf(() => signToken(key, { ...claims, name: 'a\nb' }))).to.equal('BAD_ARGUMENT');
  });
});

describe('the secrets of a server', () => {
  let federation: Federation;
  beforeEach(async () => {
    federation = await Federation.open();
  });
  afterEach(() => federation.close());
  const status = async (token: string, method = 'GET', path = 'server', body?: object): Promise<number> => {
    const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' };
    const init = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
    return (await fetch(`${federation.server.url}/api/${path}`, init)).status;
  };
  const onFolder = (...args: string[]) => fedloom([...args, '--data-dir', federation.dataDir]);

  it('make tokens with a role and an end, which a running server takes', async () => {
    const viewer = (await onFolder('token', 'create', '--expires', '7d', '--name', 'ann')).out.trim();
    const admin = (await onFolder('token', 'create', '--expires', '1h', '--role', 'admin', '--name', 'bob')).out.trim();
    expect([await status(viewer), await status(viewer, 'POST', 'runs')]).to.deep.equal([200, 403]);
    expect([await status(admin), await status(admin, 'POST', 'runs/none/stop')]).to.deep.equal([200, 404]);
    expect((await onFolder('token', 'create', '--expires', 'ever')).code).to.equal(2);
  }).timeout(60_000);

  it('are made anew while the server runs: what was given out from the old ones counts no more', async () => {
    const { server } = federation;
    const { adminToken, viewerToken, joinLink } = server;
    const signed = (await onFolder('token', 'create', '--expires', '7d')).out.trim();
    const rotate = (what: string): Promise<number> => status(server.adminToken, 'POST', 'secrets/rotate', { what });
    expect(await status(viewerToken, 'POST', 'secrets/rotate', { what: 'viewer' })).to.equal(403);
    expect(await rotate('server.key')).to.equal(400);
    expect([await rotate('viewer'), await status(viewerToken), await status(server.viewerToken)]).to.deep.equal([
      200, 401, 200,
    ]);
    expect([await rotate('signed'), await status(signed)]).to.deep.equal([200, 401]);
    expect((await RawClient.open(joinLink)).received[0]!.type).to.equal('welcome');
    expect(await rotate('join-code')).to.equal(200);
    const late = await RawClient.connect(joinLink);
    await late.shakeHands();
    expect((await late.closed).code).to.equal('NOT_ADMITTED');
    (await RawClient.open(server.joinLink)).cut();
    expect((await onFolder('token', 'rotate', 'admin')).code).to.equal(0);
    expect([await status(adminToken), await status(server.adminToken)]).to.deep.equal([401, 200]);
    expect((await readFile(join(federation.dataDir, 'admin.token'), 'utf8')).trim()).to.equal(server.adminToken);
    expect((await stat(join(federation.dataDir, 'token.key'))).mode & 0o077).to.equal(0);
  }).timeout(60_000);

  it('end the streams that the old ones had opened, and tell those nothing more', async () => {
    const { server } = federation;
    const stream = await fetch(`${server.url}/api/events`, {
      headers: { Authorization: `Bearer ${server.viewerToken}` },
    });
    expect(stream.status).to.equal(200);
    expect(await status(server.adminToken, 'POST', 'secrets/rotate', { what: 'viewer' })).to.equal(200);
    (await RawClient.open(server.joinLink)).cut(); // something happens
    const told = await stream.text(); // until it ends
    expect(told).to.include('event: snapshot').and.not.to.include('connected');
  }).timeout(60_000);

  it('leave a trace when they are used, without any of them in it', async () => {
    const { server } = federation;
    const { adminToken, viewerToken } = server;
    await status(adminToken, 'POST', 'runs/none/stop?token=query-secret');
    await status('wrong-secret');
    await status(viewerToken, 'DELETE', 'runs/none');
    await status(viewerToken); // reading leaves none
    await federation.server.close();
    const { entries, brokenAt } = await readAudit(federation.dataDir);
    expect(brokenAt).to.equal(null);
    expect(
      entries.map(({ who, action, status: code }) => `${who} ${action.replace(/^start .*/, 'start')} ${code}`),
    ).to.deep.equal([
      'server start 0',
      'admin POST /api/runs/none/stop 404',
      'nobody GET /api/server 401',
      'viewer DELETE /api/runs/none 403',
    ]);
    const text = await readFile(join(federation.dataDir, auditFile), 'utf8');
    for (const secret of [adminToken, viewerToken, server.joinCode, 'query-secret', 'wrong-secret'])
      expect(text).not.to.include(secret);
    const told = await fedloom(['audit', federation.dataDir]);
    expect(told.out + told.err).to.include('the chain is whole');
    await federation.restart();
  }).timeout(60_000);
});

import { expect } from 'chai';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Keyring } from '../../../server/access/keyring.ts';
import { signToken } from '../../../server/access/signed-token.ts';

describe('the keyring of a server', () => {
  let dataDir: string;
  beforeEach(async () => (dataDir = await mkdtemp(join(tmpdir(), 'fedloom-keyring-'))));
  afterEach(() => rm(dataDir, { recursive: true, force: true }));

  it('knows whose a token is, and nobody by what is only near one', async () => {
    const keyring = await Keyring.open(dataDir, () => 1_000, (token) => token === 'of a client'); // prettier-ignore
    const { adminToken, viewerToken, tokenKey } = keyring.secrets;
    const signed = signToken(tokenKey, { role: 'viewer', name: 'anna', exp: 2 });
    expect(keyring.bearerOf(adminToken)).to.deep.equal({ role: 'admin', who: 'admin' });
    expect(keyring.bearerOf(viewerToken)).to.deep.equal({ role: 'viewer', who: 'viewer' });
    expect(keyring.bearerOf('of a client')).to.deep.equal({ role: 'client', who: 'client' });
    expect(keyring.bearerOf(signed)).to.deep.equal({ role: 'viewer', who: 'signed:anna' });
    for (const none of ['', adminToken.slice(1), `${adminToken}x`, `x${adminToken.slice(1)}`]) {
      expect(keyring.bearerOf(none), none).to.equal(null);
    }
  });

  it('takes what was given out no more, once it is made anew', async () => {
    const keyring = await Keyring.open(dataDir, () => 1_000, () => false); // prettier-ignore
    const before = keyring.secrets;
    const signed = signToken(before.tokenKey, { role: 'admin', name: 'anna', exp: 2 });
    await keyring.rotate('admin');
    expect(keyring.bearerOf(before.adminToken)).to.equal(null);
    expect(keyring.bearerOf(keyring.secrets.adminToken)).to.include({ role: 'admin' });
    expect(keyring.bearerOf(signed)).to.include({ who: 'signed:anna' });
    await keyring.rotate('signed');
    expect(keyring.bearerOf(signed)).to.equal(null);
    expect(keyring.secrets.viewerToken).to.equal(before.viewerToken);
    const again = await Keyring.open(dataDir, () => 1_000, () => false); // prettier-ignore
    expect(again.secrets).to.deep.equal(keyring.secrets);
  });
});

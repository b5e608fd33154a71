import { expect } from 'chai';
import * as v8 from 'node:v8';
import { IncomingMessage } from 'node:http';
import { Connection } from '../../../server/gateway/connection.ts';
import { Federation } from '../../helpers/federation.ts';
import { RawClient } from '../../helpers/raw-client.ts';

const living = (of: unknown): number =>
  (v8 as unknown as { queryObjects(of: unknown, options: { format: 'count' }): number }).queryObjects(of, {
    format: 'count',
  });

describe('what a gateway holds', function () {
  this.timeout(60_000);
  let federation: Federation;
  before(async () => (federation = await Federation.open()));
  after(() => federation.close());

  it('of an open connection: not the request that it came with', async () => {
    const [requests, connections] = [living(IncomingMessage), living(Connection)];
    const clients = await Promise.all(Array.from({ length: 20 }, () => RawClient.open(federation.server.joinLink)));
    expect(living(Connection) - connections).to.equal(20);
    // The clients of this process have the answers to their requests: as many, and no more.
    expect(living(IncomingMessage) - requests).to.be.at.most(20);
    for (const client of clients) client.cut();
    await Promise.all(clients.map(({ closed }) => closed));
  });

  it('of connections that are gone: nothing, also when no other comes after them', async () => {
    const clients = await Promise.all(Array.from({ length: 20 }, () => RawClient.open(federation.server.joinLink)));
    for (const client of clients) client.cut();
    for (let tries = 0; living(Connection) > 1 && tries < 100; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(living(Connection)).to.be.at.most(1); // the one that a stack slot or an event may still name
    const { connections, sessions, tokens, pendingAddresses, connected } = federation.server.sizes();
    expect([connections, sessions, tokens, pendingAddresses, connected]).to.deep.equal([0, 0, 0, 0, 0]);
  });
});

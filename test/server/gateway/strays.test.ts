import { expect } from 'chai';
import { encodeChunkFrame } from '../../../shared/protocol/frames.ts';
import { Federation, tinyConfig } from '../../helpers/federation.ts';
import { random, RawClient } from '../../helpers/raw-client.ts';

describe('chunks that belong to no upload', () => {
  let federation: Federation;
  before(async () => (federation = await Federation.open({ limits: { windowBytes: 4_096 } })));
  after(() => federation.close());

  it('end a session that was never told to send, with the first of them', async () => {
    const raw = await RawClient.open(federation.server.joinLink);
    raw.sendPlain(encodeChunkFrame(random(16), 0, random(4)));
    expect((await raw.closed).code).to.equal('RATE_LIMITED');
  });

  it('are dropped in one that was, up to two windows of them: they were on their way when the upload ended', async () => {
    await federation.server.operations.create(tinyConfig({ minClients: 1, rounds: 2 }));
    const raw = await RawClient.ready(federation.server.joinLink);
    await raw.report(await raw.next('train'), new Float32Array(8));
    await raw.next('committed');
    const stray = (): void => raw.sendPlain(encodeChunkFrame(random(16), 0, random(1_024)));
    for (let i = 0; i < 8; i++) stray(); // 8 KiB: two windows of 4 KiB
    await raw.report(await raw.next('train', ({ round }) => round === 2), new Float32Array(8));
    await raw.next('committed', ({ round }) => round === 2);
    for (let i = 0; i < 9; i++) stray();
    expect((await raw.closed).code).to.equal('RATE_LIMITED');
  });
});

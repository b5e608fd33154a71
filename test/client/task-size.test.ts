import { expect } from 'chai';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { FederatedClient, type ProblemDetail } from '../../client/node.ts';
import { EventLog } from '../../server/event-log.ts';
import { Gateway } from '../../server/gateway/gateway.ts';
import type { SessionHandler } from '../../server/gateway/session.ts';
import { silentLog, systemClock } from '../../server/host.ts';
import { MaskPool } from '../../server/masking/mask-pool.ts';
import { createMetrics } from '../../server/metrics.ts';
import { memoryBlobs, memoryStore } from '../../server/store/memory.ts';
import { toHex } from '../../shared/bytes.ts';
import { defaultLimits } from '../../shared/protocol/limits.ts';
import type { ClientMessage, MessageOf } from '../../shared/protocol/messages.ts';
import { simpleTrainer } from '../helpers/federation.ts';
import { newIdentity, primitives, random } from '../helpers/raw-client.ts';

type Failed = MessageOf<ClientMessage, 'failed'>;

describe('a client whose server announces a task', () => {
  const masks = new MaskPool({ threads: 0 });

  /** A server that announces a task of so many bytes to whoever is ready, and has none; what it then hears. */
  async function announced(taskBytes: number) {
    const [task, weights] = [random(32), random(32)];
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(request.url!);
      response.writeHead(404).end('{}');
    });
    let heard: (failed: Failed) => void = () => {};
    const failed = new Promise<Failed>((resolve) => {
      heard = resolve;
    });
    const handler: SessionHandler = {
      opened: () => {},
      message(session, message) {
        if (message.type === 'failed') heard(message);
        if (message.type !== 'ready') return;
        const about = { run: 'r-1', round: 1, attempt: 1, task, weights, taskBytes, weightsBytes: 32 };
        session.send({ type: 'train', ...about, deadline: 60_000 });
      },
      chunk: () => false,
      closed: () => {},
    };
    const store = memoryStore();
    const gateway = new Gateway({
      host: {
        clock: systemClock,
        primitives,
        randomBytes: random,
        masks,
        store,
        blobs: memoryBlobs(),
        log: silentLog,
        limits: defaultLimits,
        events: new EventLog(0),
        metrics: createMetrics(),
      },
      identity: newIdentity(),
      primitives,
      admission: { mode: 'open', joinCode: '' },
      handler,
      allowedOrigins: [],
    });
    gateway.attach(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const client = new FederatedClient({
      url: `ws://127.0.0.1:${port}/v1`,
      consent: 'given',
      data: () => ({ xs: new Float32Array(8), ys: new Float32Array(1) }),
      trainer: simpleTrainer(),
    });
    const problems: ProblemDetail[] = [];
    client.addEventListener('problem', (event) => problems.push((event as CustomEvent<ProblemDetail>).detail));
    const abort = new AbortController();
    const joined = client.join({ signal: abort.signal }).next();
    const said = await failed;
    const { state } = client.state;
    abort.abort();
    await joined;
    gateway.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    return { said, problems, state, isAskedFor: asked.includes(`/v1/blobs/${toHex(task)}`) };
  }

  it('larger than any may be refuses it unseen, says so to both sides, and waits for another round', async () => {
    const bytes = defaultLimits.maxTaskBytes + 1;
    const { said, problems, state, isAskedFor } = await announced(bytes);
    const message = `the server announced a task of ${bytes} bytes; this client takes at most ${bytes - 1}`;
    expect(said).to.deep.include({ run: 'r-1', round: 1, attempt: 1, code: 'TOO_LARGE', message });
    expect(problems).to.deep.equal([{ code: 'TOO_LARGE', message }]);
    expect(state).to.equal('waiting');
    expect(isAskedFor).to.equal(false);
  });

  it('as large as one may be asks for it', async () => {
    const { said, isAskedFor } = await announced(defaultLimits.maxTaskBytes);
    expect(said.code).to.equal('NOT_FOUND');
    expect(isAskedFor).to.equal(true);
  });
});

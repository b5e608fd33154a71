import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { FederatedClient } from '../../client/federated-client.ts';
import { nodePlatform } from '../../client/node/platform.ts';
import type { Trainer } from '../../client/trainer.ts';
import { utf8 } from '../../shared/bytes.ts';
import { identityFromSeed } from '../../shared/crypto/identity.ts';
import { defaultLimits } from '../../shared/protocol/limits.ts';
import { parseLink } from '../../shared/protocol/link.ts';
import { LoadClient } from '../bench/load-client.ts';
import { identitySeed, primitives } from '../identities.ts';

/** All that goes on around the server of a soak: each function does one thing once, and leaves nothing behind. */

export interface Around {
  readonly joinLink: string;
  readonly url: string;
  readonly adminToken: string;
  /** 0 to 1; seeded. */
  readonly random: () => number;
  readonly signal: AbortSignal;
}

export const sleep = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end);
  });

/** Trains in no time: a step towards zero. */
const trainer = (): Trainer => ({
  backend: 'none',
  load: async () => {},
  train: async ({ weights }) => ({ delta: weights.map((w) => -w / 8), examples: 10, metrics: { loss: 1 } }),
  close: async () => {},
});

/**
 * One client, under one of the identities of the soak, until its time is over or the run ends.
 * @returns rounds in which it took part
 */
export async function takePart(around: Around, identity: number, ms: number): Promise<number> {
  const own = new AbortController();
  const stop = (): void => own.abort();
  around.signal.addEventListener('abort', stop);
  const timer = setTimeout(stop, ms);
  let rounds = 0;
  try {
    const client = new FederatedClient(
      {
        url: around.joinLink,
        consent: 'given',
        trainer: trainer(),
        data: ({ task }) => ({ xs: new Float32Array(task.data.features[0]!), ys: new Float32Array(1) }),
      },
      {
        ...nodePlatform({}),
        keys: { load: async () => identityFromSeed(primitives, identitySeed(identity)), remove: async () => {} },
      },
    );
    for await (const _ of client.join({ signal: own.signal })) rounds++;
  } finally {
    clearTimeout(timer);
    around.signal.removeEventListener('abort', stop);
  }
  return rounds;
}

/** One of a few hundred identities: what the server remembers of each client that it has ever seen is no leak. */
const someone = (kind: string, random: () => number): Uint8Array =>
  primitives.sha256(utf8(`fedloom soak, ${kind} ${Math.floor(100 * random())}`));

const faults: Record<string, (around: Around) => Promise<void>> = {
  /** Is cut off in the middle of an update. */
  async cutInAnUpdate({ joinLink, random, signal }) {
    let cut = (): void => {};
    const over = new Promise<void>((resolve) => (cut = resolve));
    const opened = await LoadClient.open({
      joinLink,
      seed: someone('cut', random),
      closed: cut,
      message: (message, client) => {
        if (message.type === 'train') {
          const { run, round, attempt, weightsBytes: bytes } = message;
          const about = {
            upload: new Uint8Array(randomBytes(16)),
            bytes,
            examples: 10,
            encoding: 'float32',
            metrics: {},
          };
          client.send({ type: 'report', run, round, attempt, ...about });
        } else if (message.type === 'send') {
          client.chunk(message.upload, 0, new Uint8Array(64));
          client.cut();
        }
      },
    });
    opened.send({ type: 'ready' });
    await Promise.race([over, sleep(500 + 1_000 * random(), signal)]);
    opened.cut();
  },
  /** Sends what nobody asked for until it is cut off. */
  async flood({ joinLink, random, signal }) {
    let isOver = false;
    const client = await LoadClient.open({
      joinLink,
      seed: someone('flood', random),
      message: () => {},
      closed: () => (isOver = true),
    });
    const chunk = new Uint8Array(defaultLimits.chunkBytes);
    while (!isOver && !signal.aborted) {
      await new Promise<void>((resolve) => {
        client.chunk(new Uint8Array(randomBytes(16)), 0, chunk, resolve);
        if (!client.isOpen) resolve();
      });
      await sleep(0, signal);
    }
    client.cut();
  },
  /** Connects, and says nothing or nonsense. */
  async halfAHandshake({ joinLink, random, signal }) {
    const { hostname, port } = new URL(parseLink(joinLink).httpUrl);
    const socket = connect({ host: hostname, port: Number(port) });
    socket.on('error', () => {});
    const upgrade = [
      'GET /v1 HTTP/1.1',
      `Host: ${hostname}`,
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
    ].join('\r\n');
    if (random() < 0.7) socket.write(`${upgrade}\r\n\r\n`);
    await sleep(200, signal);
    if (random() < 0.5) socket.write(randomBytes(100));
    await sleep(400, signal);
    socket.destroy();
  },
  /** Follows the events for a while, and goes away without a word. */
  async watch({ url, adminToken, random, signal }) {
    const own = new AbortController();
    const stop = (): void => own.abort();
    signal.addEventListener('abort', stop);
    const timer = setTimeout(stop, 200 + 1_500 * random());
    try {
      const headers = { Authorization: `Bearer ${adminToken}` };
      const response = await fetch(`${url}/api/events`, { headers, signal: own.signal });
      const reader = response.body!.getReader();
      while (!(await reader.read()).done);
    } catch {
      // cut off, as it was meant to be
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
    }
  },
  /** Asks for everything that an operator's page asks for. */
  async poll({ url, adminToken, signal }) {
    for (const path of ['healthz', 'metrics', 'api/runs', 'api/clients', 'api/nowhere']) {
      const response = await fetch(`${url}/${path}`, { headers: { Authorization: `Bearer ${adminToken}` }, signal });
      await response.arrayBuffer();
    }
  },
};

export const faultNames = Object.keys(faults);
/** One of the table above. What it runs into is what it is there for. */
export async function happen(name: string, around: Around): Promise<void> {
  await faults[name]!(around).catch(() => {});
}

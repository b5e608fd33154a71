import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { equalBytes } from '../../shared/bytes.ts';
import { defaultLimits } from '../../shared/protocol/limits.ts';
import { parseLink } from '../../shared/protocol/link.ts';
import type { MessageOf, ServerMessage } from '../../shared/protocol/messages.ts';
import { floatBytes } from '../../shared/weights.ts';
import type { LoadClient } from './load-client.ts';
import { patternExamples, patternUpdate } from './load-pattern.ts';

/** What clients of the load benchmark do. None of them downloads or trains: uploads are what costs the server. */

export interface Behaviour {
  /** The session is open. */
  start(client: LoadClient): void;
  message(message: ServerMessage, client: LoadClient): void;
  /** Now and then; without it a sign of life. */
  beat?(client: LoadClient | null): unknown;
}

export interface Counts {
  waited(ms: number): void;
  received(ms: number): void;
  acked(ms: number): void;
  committed(): void;
  refused(): void;
  sent(bytes: number): void;
}

type Where = Pick<MessageOf<ServerMessage, 'train'>, 'run' | 'round' | 'attempt'>;
const { chunkBytes, windowBytes } = defaultLimits;

function offer(client: LoadClient, { run, round, attempt }: Where, name: number, bytes: number): Uint8Array {
  const where = { run, round, attempt };
  const upload = new Uint8Array(randomBytes(16));
  client.send({ type: 'progress', ...where, phase: 'training', fraction: 0 });
  const about = { upload, bytes, examples: patternExamples(name), encoding: 'float32', metrics: {} };
  client.send({ type: 'report', ...where, ...about });
  return upload;
}

/** Offers its update at once, sends it when it is told to, a window ahead of the acknowledgements, and waits for the commit. */
export function honest(name: number, params: number, counts: Counts): Behaviour {
  const bytes = floatBytes(patternUpdate(name, params));
  let upload: Uint8Array = new Uint8Array(16);
  let offeredAt = 0;
  let endedAt = 0;
  let next = 0;
  let acked = 0;
  let sending = false;
  /** When the byte before each acknowledgement's offset was handed over. */
  const handed = new Map<number, number>();
  const pump = (client: LoadClient): void => {
    if (sending || next >= bytes.length || next - acked >= windowBytes) return;
    sending = true;
    const payload = bytes.subarray(next, next + chunkBytes);
    // One chunk at a time, so that a thousand clients of one process do not hold their windows in its memory.
    client.chunk(upload, next, payload, () => {
      sending = false;
      pump(client);
    });
    next += payload.length;
    handed.set(next, performance.now());
    counts.sent(payload.length);
    if (next === bytes.length) endedAt = performance.now();
  };
  return {
    start: (client) => client.send({ type: 'ready' }),
    message(message, client) {
      switch (message.type) {
        case 'train':
          upload = offer(client, message, name, bytes.length);
          offeredAt = performance.now();
          return;
        case 'send':
          if (!equalBytes(message.upload, upload)) return;
          counts.waited(performance.now() - offeredAt);
          next = acked = message.offset;
          handed.clear();
          return pump(client);
        case 'ack': {
          const at = handed.get(message.offset);
          if (at !== undefined) counts.acked(performance.now() - at);
          acked = message.offset;
          return pump(client);
        }
        case 'received':
          return counts.received(performance.now() - endedAt);
        case 'committed':
          return counts.committed();
        case 'refused':
          return counts.refused();
        default:
      }
    },
  };
}

/**
 * Has its first update refused, since it holds NaN, and then sends chunks that nobody asked for as fast as the socket takes
 * them, until it is cut off.
 */
export function liar(name: number, params: number, counts: Counts): Behaviour {
  const bytes = floatBytes(patternUpdate(name, params));
  const nonsense = floatBytes(new Float32Array(Math.min(params, chunkBytes / 4)).fill(Number.NaN));
  let isKnown = false;
  const flood = (client: LoadClient): void => {
    if (!client.isOpen) return;
    client.chunk(new Uint8Array(randomBytes(16)), 0, nonsense, () => flood(client));
    counts.sent(nonsense.length);
  };
  return {
    start: (client) => (isKnown ? flood(client) : client.send({ type: 'ready' })),
    message(message, client) {
      if (message.type === 'train' && !isKnown) {
        isKnown = true;
        offer(client, message, name, bytes.length);
      } else if (message.type === 'send') {
        client.chunk(message.upload, 0, nonsense);
      } else if (message.type === 'refused') {
        counts.refused();
        flood(client);
      }
    },
    beat: () => {},
  };
}

/**
 * Offers updates of a run that is not there again and again, asks for the model as often, and reads no answer to either.
 * @param blob - the model's SHA-256 in hex
 */
export function slowReader({ joinLink, blob }: { readonly joinLink: string; readonly blob: string }): Behaviour {
  const { hostname, port } = new URL(parseLink(joinLink).httpUrl);
  const nowhere = { run: 'nowhere', round: 1, attempt: 1 };
  return {
    start(client) {
      client.goDeaf();
      const socket = connect({ host: hostname, port: Number(port) });
      socket.on('error', () => {});
      socket.pause();
      const ask = `GET ${blobPath}${blob} HTTP/1.1\r\nHost: ${hostname}\r\nAuthorization: Bearer ${client.token}\r\n\r\n`;
      socket.write(ask.repeat(10)); // pipelined
    },
    message: () => {},
    beat: (client) => client !== null && offer(client, nowhere, 0, 4),
  };
}

const blobPath = '/v1/blobs/';

import type { ClientMessage, ServerMessage } from '../../shared/protocol/messages.ts';

/** One valid message of each type, with every optional field. */

const where = { run: 'digits', round: 7, attempt: 2 };
const bytes = (length: number, first: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (first + i) & 0xff);
const upload = bytes(16, 0xa0);

export const clientExamples: readonly ClientMessage[] = [
  {
    type: 'auth',
    identity: bytes(32, 1),
    signature: bytes(64, 2),
    joinProof: bytes(32, 3),
    ticket: bytes(32, 4),
    software: 'fedloom/0.1.0',
    backend: 'cpu',
    encodings: ['float32'],
    label: 'kitchen',
  },
  { type: 'ready', examples: 600 },
  { type: 'unready', reason: 'not-charging' },
  { type: 'progress', ...where, phase: 'training', fraction: 0.25 },
  {
    type: 'report',
    ...where,
    upload,
    bytes: 31_400,
    examples: 600,
    encoding: 'float32',
    metrics: { loss: 0.5, accuracy: 0.875 },
    backend: 'wasm',
  },
  { type: 'failed', ...where, code: 'TRAINING_FAILED', message: 'the loss is not finite' },
  { type: 'leave', reason: 'user' },
  { type: 'ping' },
];

export const serverExamples: readonly ServerMessage[] = [
  {
    type: 'welcome',
    client: '21fe31dfa154a261626bf854046fd227',
    ticket: bytes(32, 5),
    token: 'AAECAwQFBgcICQoLDA0ODw',
    resumed: false,
    heartbeat: 15_000,
    chunkBytes: 262_144,
    windowBytes: 4_194_304,
    software: 'fedloom/0.1.0',
  },
  { type: 'wait', reason: 'not-selected', run: 'digits', round: 7 },
  {
    type: 'train',
    ...where,
    task: bytes(32, 6),
    weights: bytes(32, 7),
    taskBytes: 900,
    weightsBytes: 31_400,
    deadline: 600_000,
  },
  { type: 'send', ...where, upload, offset: 0 },
  { type: 'ack', ...where, upload, offset: 16_384 },
  { type: 'received', ...where },
  { type: 'committed', ...where, result: 'done', weights: bytes(32, 8), weightsBytes: 31_400, counted: true },
  { type: 'abandoned', ...where, reason: 'fewer reports than minReports' },
  { type: 'refused', ...where, code: 'STALE_ROUND', message: 'round 7 is over' },
  {
    type: 'finished',
    run: 'digits',
    state: 'finished',
    rounds: 100,
    weights: bytes(32, 9),
    weightsBytes: 31_400,
    task: bytes(32, 6),
    taskBytes: 900,
  },
  { type: 'error', code: 'SERVER_STOPPING', message: 'the server stops', retryAfter: 1_000 },
  { type: 'ping' },
];

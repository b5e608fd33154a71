import { expect } from 'chai';
import {
  newSession,
  step,
  type KeptUpdate,
  type SessionEffect,
  type SessionEvent,
  type SessionState,
} from '../../client/session.ts';
import { fromHex } from '../../shared/bytes.ts';
import type { ServerMessage } from '../../shared/protocol/messages.ts';

const welcome: ServerMessage = {
  type: 'welcome',
  client: '0'.repeat(32),
  ticket: new Uint8Array(32),
  token: 'a'.repeat(32),
  resumed: false,
  heartbeat: 15_000,
  chunkBytes: 8,
  windowBytes: 16,
  software: 'test',
};
const hash = (digit: string): string => digit.repeat(64);
const train = (round: number, attempt = 1, weights = hash('b')): ServerMessage => ({
  type: 'train',
  run: 'r-1',
  round,
  attempt,
  task: fromHex(hash('a')),
  weights: fromHex(weights),
  taskBytes: 10,
  weightsBytes: 40,
  deadline: 1_000,
});
const key = (round: number, weights = hash('b')): string => `r-1/${round}/${hash('a')}/${weights}`;
const update = (round: number): KeptUpdate => ({
  key: key(round),
  run: 'r-1',
  round,
  upload: new Uint8Array(16).fill(round),
  bytes: 40,
  examples: 7,
  metrics: { loss: 1 },
  backend: 'test',
});
const about = (round: number, attempt = 1): { run: string; round: number; attempt: number } => ({
  run: 'r-1',
  round,
  attempt,
});
const message = (each: ServerMessage): SessionEvent => ({ type: 'message', message: each });

function run(state: SessionState, ...events: SessionEvent[]): [SessionState, SessionEffect[]] {
  const all: SessionEffect[] = [];
  let now = state;
  for (const event of events) {
    const [next, effects] = step(now, event);
    now = next;
    all.push(...effects);
  }
  return [now, all];
}
const [open] = run(newSession, { type: 'join', unable: null }, message(welcome));
/** Without what is only shown to people. */
const acts = (effects: SessionEffect[]): unknown[] =>
  effects
    .filter(({ do: kind }) => kind !== 'show')
    .map((effect) => (effect.do === 'send' ? effect.message.type : effect.do));

describe("a client's session", () => {
  it('connects, and says that it is ready once it is welcome', () => {
    const [, effects] = run(newSession, { type: 'join', unable: null }, message(welcome));
    expect(acts(effects)).to.deep.equal(['connect', 'ready']);
  });

  it('says why it cannot train, when a condition does not hold', () => {
    const [state, effects] = run(newSession, { type: 'join', unable: 'not-charging' }, message(welcome));
    expect(effects).to.deep.include({ do: 'send', message: { type: 'unready', reason: 'not-charging' } });
    expect(state).to.include({ shown: 'ineligible', reason: 'not-charging' });
  });

  it('fetches, trains, reports, uploads, and forgets when the round is durable', () => {
    const [state, effects] = run(
      open,
      message(train(1)),
      { type: 'fetched', key: key(1) },
      { type: 'trained', update: update(1) },
      message({ type: 'send', ...about(1), upload: update(1).upload, offset: 0 }),
      message({ type: 'ack', ...about(1), upload: update(1).upload, offset: 24 }),
      message({ type: 'received', ...about(1) }),
      message({
        type: 'committed',
        ...about(1),
        result: 'done',
        weights: fromHex(hash('c')),
        weightsBytes: 40,
        counted: true,
      }),
    );
    expect(acts(effects)).to.deep.equal([
      'fetch',
      'progress',
      'train',
      'report',
      'upload',
      'upload',
      'forget',
      'outcome',
    ]);
    expect(state).to.include({ kept: null, job: null, shown: 'waiting' });
  });

  it('sends no more than a window beyond what is acknowledged', () => {
    const [working] = run(
      open,
      message(train(1)),
      { type: 'fetched', key: key(1) },
      { type: 'trained', update: update(1) },
    );
    const upload = update(1);
    const [first, one] = run(working, message({ type: 'send', ...about(1), upload: upload.upload, offset: 0 }));
    expect(one.find(({ do: kind }) => kind === 'upload')).to.deep.include({ from: 0, to: 16 });
    const [second, two] = run(first, message({ type: 'ack', ...about(1), upload: upload.upload, offset: 8 }));
    expect(two).to.deep.equal([{ do: 'upload', update: upload, from: 16, to: 24 }]);
    const [, three] = run(second, message({ type: 'ack', ...about(1), upload: upload.upload, offset: 24 }));
    expect(three).to.deep.equal([{ do: 'upload', update: upload, from: 24, to: 40 }]);
  });

  const reported = run(
    open,
    message(train(1)),
    { type: 'fetched', key: key(1) },
    { type: 'trained', update: update(1) },
  )[0];
  const back: SessionEvent[] = [
    { type: 'disconnected', code: 'CONNECTION_LOST', message: 'gone' },
    { type: 'retry' },
    message(welcome),
  ];

  it('after a reconnect offers the kept update again and does not train anew', () => {
    const [, effects] = run(reported, ...back, message(train(1)));
    expect(acts(effects)).to.deep.equal(['disconnect', 'retry-later', 'connect', 'ready', 'report']);
  });

  it('goes on from the offset that the server has', () => {
    const [, effects] = run(
      reported,
      ...back,
      message(train(1)),
      message({ type: 'send', ...about(1), upload: update(1).upload, offset: 32 }),
    );
    expect(effects.at(-1)).to.deep.include({ do: 'upload', from: 32, to: 40 });
  });

  it('offers the kept update to the next attempt at the same round', () => {
    const [, effects] = run(
      reported,
      message({ type: 'abandoned', ...about(1), reason: 'too few' }),
      message(train(1, 2)),
    );
    expect(acts(effects)).to.deep.equal(['outcome', 'report']);
    expect(effects.findLast(({ do: kind }) => kind === 'send')).to.deep.nested.include({ 'message.attempt': 2 });
  });

  it('trains anew for another model, and forgets the old update', () => {
    const [, effects] = run(reported, message(train(2, 1, hash('d'))));
    expect(acts(effects)).to.deep.equal(['forget', 'fetch']);
  });

  it('keeps training through a cut, and reports when it is back', () => {
    const [working] = run(open, message(train(1)), { type: 'fetched', key: key(1) });
    const [cut, none] = run(
      working,
      { type: 'disconnected', code: 'CONNECTION_LOST', message: 'gone' },
      { type: 'trained', update: update(1) },
    );
    expect(acts(none)).to.deep.equal(['disconnect', 'retry-later']);
    const [, effects] = run(cut, { type: 'retry' }, message(welcome), message(train(1)));
    expect(acts(effects)).to.deep.equal(['connect', 'ready', 'report']);
  });

  it('takes up a new attempt in the middle of training without starting over', () => {
    const [working] = run(open, message(train(1)), { type: 'fetched', key: key(1) });
    const [state, effects] = run(working, message(train(1, 2)), { type: 'trained', update: update(1) });
    expect(acts(effects)).to.deep.equal(['progress', 'report']);
    expect(state.job?.attempt).to.equal(2);
  });

  it('cancels its work when the server says to wait', () => {
    const [working] = run(open, message(train(1)));
    const [state, effects] = run(working, message({ type: 'wait', reason: 'server-paused', run: 'r-1', round: 1 }));
    expect(acts(effects)).to.deep.equal(['cancel-work']);
    expect(state).to.include({ shown: 'waiting', reason: 'server-paused', job: null });
  });

  it('ignores results of work that is no longer wanted', () => {
    const [state, effects] = run(open, message(train(1)), message(train(2, 1, hash('d'))), {
      type: 'fetched',
      key: key(1),
    });
    expect(acts(effects)).to.deep.equal(['fetch', 'cancel-work', 'fetch']);
    expect(state.stage).to.equal('fetching');
  });

  it('keeps what it trained, and goes on training, while a server that came back has not taken up its run', () => {
    const notYet = message({ type: 'wait', reason: 'run-not-started' });
    const [training] = run(newSession, { type: 'join', unable: null }, message(welcome), message(train(1)), { type: 'fetched', key: key(1) }); // prettier-ignore
    const [back, cancelled] = run(training, notYet);
    expect(back).to.include({ stage: 'training', shown: 'waiting', reason: 'run-not-started' });
    expect(acts(cancelled)).to.not.include('cancel-work');
    const [kept] = run(back, { type: 'trained', update: update(1) }, notYet);
    expect(kept.kept?.key).to.equal(key(1));
    const [, effects] = run(kept, message(train(1, 2)));
    expect(acts(effects)).to.deep.equal(['report']);
  });

  it('tells the server when training fails, and waits for the next round', () => {
    const [, effects] = run(open, message(train(1)), {
      type: 'work-failed',
      key: key(1),
      code: 'TRAINING_FAILED',
      message: 'NaN',
    });
    expect(acts(effects)).to.deep.equal(['fetch', 'failed']);
  });

  it('gives up for good when the server refuses it', () => {
    const [state, effects] = run(open, message({ type: 'error', code: 'EXCLUDED', message: 'no' }));
    expect(acts(effects)).to.deep.equal(['disconnect', 'fail']);
    expect(state).to.include({ shown: 'rejected', link: 'off' });
  });

  it('counts its failures, and starts over after a welcome', () => {
    const fail: SessionEvent = { type: 'disconnected', code: 'CONNECTION_LOST', message: 'gone' };
    const [state] = run(newSession, { type: 'join', unable: null }, fail, { type: 'retry' }, fail);
    expect(state.failures).to.equal(2);
    expect(run(state, { type: 'retry' }, message(welcome))[0].failures).to.equal(0);
  });

  it('ignores an acknowledgement of bytes it never sent', () => {
    const [working] = run(reported, message({ type: 'send', ...about(1), upload: update(1).upload, offset: 0 }));
    const [state] = run(working, message({ type: 'ack', ...about(1), upload: update(1).upload, offset: 1e9 }));
    expect(state.sent).to.equal(40);
    const lie: ServerMessage = { type: 'send', ...about(1), upload: update(1).upload, offset: 1e9 };
    expect(run(reported, message(lie))[1]).to.deep.equal([]);
  });

  it('says goodbye when it leaves', () => {
    const [state, effects] = run(open, { type: 'leave', reason: 'user' });
    expect(acts(effects)).to.deep.equal(['leave', 'disconnect']);
    expect(state).to.include({ shown: 'left', link: 'off' });
  });
});

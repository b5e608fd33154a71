import { expect } from 'chai';
import {
  beginSession,
  newSession,
  type Job,
  type KeptUpdate,
  type Outgoing,
  type SessionEffect,
  type SessionEvent,
  type SessionState,
} from '../../client/session/types.ts';
import { step } from '../../client/session/step.ts';
import { fromHex } from '../../shared/bytes.ts';
import type { ErrorCode } from '../../shared/errors.ts';
import type { ClientMessage, ServerMessage } from '../../shared/protocol/messages.ts';

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
    expect(two).to.deep.equal([{ do: 'upload', outgoing: upload, from: 16, to: 24 }]);
    const [, three] = run(second, message({ type: 'ack', ...about(1), upload: upload.upload, offset: 24 }));
    expect(three).to.deep.equal([{ do: 'upload', outgoing: upload, from: 24, to: 40 }]);
  });

  const reported = run(
    open,
    message(train(1)),
    { type: 'fetched', key: key(1) },
    { type: 'trained', update: update(1) },
  )[0];
  const back: SessionEvent[] = [
    { type: 'disconnected', code: 'CONNECTION_LOST', message: 'gone', isSure: false },
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
      { type: 'disconnected', code: 'CONNECTION_LOST', message: 'gone', isSure: false },
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

  it('cancels its work when the server says to wait for a later round', () => {
    const [working] = run(open, message(train(1)));
    const [state, effects] = run(working, message({ type: 'wait', reason: 'server-paused', run: 'r-1', round: 2 }));
    expect(acts(effects)).to.deep.equal(['cancel-work']);
    expect(state).to.include({ shown: 'waiting', reason: 'server-paused', job: null });
  });

  it('cancels its work when the server says to wait for another run', () => {
    const [working] = run(open, message(train(1)));
    const [state, effects] = run(working, message({ type: 'wait', reason: 'server-paused', run: 'r-2', round: 1 }));
    expect(acts(effects)).to.deep.equal(['cancel-work']);
    expect(state.job).to.equal(null);
  });

  const paused = message({ type: 'wait', reason: 'server-paused', run: 'r-1', round: 1 });
  const abandoned = message({ type: 'abandoned', run: 'r-1', round: 1, attempt: 1, reason: 'too few' });
  for (const [name, event] of Object.entries({ 'a pause': paused, 'an abandoned attempt': abandoned })) {
    it(`goes on training through ${name}, without a word to the server, and offers the update to the next attempt`, () => {
      const [working] = run(open, message(train(1)), { type: 'fetched', key: key(1) });
      const [between, quiet] = run(
        working,
        event,
        { type: 'progress', key: key(1), fraction: 0.5 },
        { type: 'trained', update: update(1) },
      );
      expect(acts(quiet).filter((each) => each !== 'outcome')).to.deep.equal([]);
      expect(between).to.include({ shown: 'waiting' });
      const [, effects] = run(between, message(train(1, 2)));
      expect(acts(effects)).to.deep.equal(['report']);
    });

    it(`says that its training failed only to the attempt after ${name}`, () => {
      const [working] = run(open, message(train(1)), { type: 'fetched', key: key(1) }, event);
      const failed = { type: 'work-failed', key: key(1), code: 'TRAINING_FAILED', message: 'no' } as const;
      const [idle, quiet] = run(working, failed);
      expect(acts(quiet)).to.not.include('failed');
      expect(idle.job).to.equal(null);
      const [, effects] = run(run(working, message(train(1, 2)))[0], failed);
      expect(acts(effects)).to.include.members(['failed', 'problem']);
    });
  }

  it('ignores results of work that is no longer wanted', () => {
    const [state, effects] = run(open, message(train(1)), message(train(2, 1, hash('d'))), {
      type: 'fetched',
      key: key(1),
    });
    expect(acts(effects)).to.deep.equal(['fetch', 'cancel-work', 'fetch']);
    expect(state.stage).to.equal('fetching');
  });

  it('keeps what was trained at the moment at which its job was given up, and offers it to the next attempt', () => {
    const [working] = run(open, message(train(1)), { type: 'fetched', key: key(1) });
    const [idle] = run(working, { type: 'unable', reason: 'not-charging' });
    const [late, quiet] = run(idle, { type: 'trained', update: update(1) });
    expect(quiet).to.deep.equal([]);
    const [, effects] = run(late, { type: 'able', examples: null }, message(train(1, 2)));
    expect(acts(effects)).to.deep.equal(['ready', 'report']);
  });

  it('shows no training between attempts, when it has begun or ended there', () => {
    const [fetching] = run(open, message(train(1)), message({ type: 'abandoned', run: 'r-1', round: 1, attempt: 1, reason: 'too few' })); // prettier-ignore
    const [working] = run(fetching, { type: 'fetched', key: key(1) });
    expect(working).to.include({ stage: 'training', shown: 'waiting' });
    const [done] = run(working, { type: 'trained', update: update(1) });
    expect(done).to.include({ shown: 'waiting', reason: 'round-in-progress' });
  });

  it('forgets what was trained too late for it to be of use', () => {
    const [working] = run(open, message(train(1)), { type: 'fetched', key: key(1) });
    const late = { type: 'trained', update: update(1) } as const;
    const [, ofNext] = run(run(working, message(train(2, 1, hash('d'))))[0], late);
    expect(acts(ofNext)).to.deep.equal(['forget']);
    const [, afterLeaving] = run(run(working, { type: 'leave', reason: 'user' })[0], late);
    expect(acts(afterLeaving)).to.deep.equal(['forget']);
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
    expect(acts(effects)).to.deep.equal(['fetch', 'cancel-work', 'failed', 'problem']);
  });

  it('gives up for good when the server refuses it', () => {
    const [state, effects] = run(open, message({ type: 'error', code: 'EXCLUDED', message: 'no' }));
    expect(acts(effects)).to.deep.equal(['disconnect', 'fail']);
    expect(state).to.include({ shown: 'rejected', link: 'off' });
  });

  describe('refused by words that no seal covers', () => {
    const refused = (code: ErrorCode, isSure = false): SessionEvent[] => [
      { type: 'disconnected', code, message: 'no', isSure },
      { type: 'retry' },
    ];
    const joined = run(newSession, { type: 'join', unable: null })[0];

    it('says so and tries again; the fifth time in a row is the end', () => {
      const [four, effects] = run(joined, ...Array.from({ length: 4 }, () => refused('WRONG_SERVER')).flat());
      const each = ['disconnect', 'problem', 'retry-later', 'connect'];
      expect(acts(effects)).to.deep.equal([...each, ...each, ...each, ...each]);
      expect(four).to.include({ shown: 'connecting', link: 'connecting' });
      const [five, last] = run(four, refused('WRONG_SERVER')[0]!);
      expect(acts(last)).to.deep.equal(['disconnect', 'fail']);
      expect(five).to.include({ shown: 'rejected', link: 'off' });
    });

    it('counts equal ones in a row: another refusal or a welcome begins anew, a lost connection says nothing', () => {
      const wrong = Array.from({ length: 4 }, () => refused('WRONG_SERVER')).flat();
      const [other] = run(joined, ...wrong, ...refused('BAD_HANDSHAKE'), ...wrong);
      expect(other.doubt).to.deep.equal({ code: 'WRONG_SERVER', times: 4 });
      const [lost] = run(joined, ...wrong, ...refused('CONNECTION_LOST'), ...refused('WRONG_SERVER'));
      expect(lost.link).to.equal('off');
      const [welcomed] = run(joined, ...wrong, message(welcome), ...refused('BAD_FRAME'));
      expect(welcomed.doubt).to.deep.equal({ code: 'BAD_FRAME', times: 1 });
    });

    it('takes a sealed refusal as the last word at once, but for one that a flipped bit of WebSocket can bring about', () => {
      expect(acts(run(joined, refused('NOT_ADMITTED', true)[0]!)[1])).to.deep.equal(['disconnect', 'fail']);
      const text = message({ type: 'error', code: 'BAD_FRAME', message: 'expected a binary message, got text' });
      expect(acts(run(open, text)[1])).to.deep.equal(['disconnect', 'problem', 'retry-later']);
    });

    it('gives up after another number of them, if it is told so; after none it cannot', () => {
      const once = run(beginSession(1), { type: 'join', unable: null }, refused('BAD_HANDSHAKE')[0]!)[0];
      expect(once.link).to.equal('off');
      for (const wrong of [0, 1.5, Number.NaN]) expect(() => beginSession(wrong)).to.throw('maxDoubtfulRefusals');
    });
  });

  it('counts its failures, and starts over after a welcome', () => {
    const fail: SessionEvent = { type: 'disconnected', code: 'CONNECTION_LOST', message: 'gone', isSure: false };
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

  it('is told nothing of a report that it has not made', () => {
    const [working] = run(open, message(train(1)), message({ type: 'received', ...about(1) }));
    expect(working).to.include({ stage: 'fetching', shown: 'downloading' });
  });

  it('begins nothing while it cannot train, also when the word to train has crossed with its own', () => {
    const [state, effects] = run(open, { type: 'unable', reason: 'low-battery' }, message(train(1)));
    expect(acts(effects)).to.deep.equal(['unready']);
    expect(state).to.include({ job: null, shown: 'ineligible', reason: 'low-battery' });
  });

  it('keeps its update for another time when it leaves, and forgets it when consent is revoked', () => {
    expect(run(reported, { type: 'leave', reason: 'user' })[0].kept?.key).to.equal(key(1));
    const [revoked, effects] = run(reported, { type: 'leave', reason: 'consent' });
    expect(acts(effects)).to.deep.equal(['leave', 'forget', 'disconnect']);
    expect(revoked.kept).to.equal(null);
  });

  it('forgets what it has kept when consent is revoked after it has left', () => {
    const [left] = run(reported, { type: 'leave', reason: 'user' });
    const [state, effects] = run(left, { type: 'leave', reason: 'consent' });
    expect(acts(effects)).to.deep.equal(['forget']);
    expect(state).to.include({ kept: null, link: 'off' });
  });

  it('says why when the server refuses its report', () => {
    const refused: ServerMessage = { type: 'refused', ...about(1), code: 'ROUND_CLOSED', message: 'too late' };
    const [state, effects] = run(reported, message(refused));
    expect(effects).to.deep.include({ do: 'problem', code: 'ROUND_CLOSED', message: 'too late' });
    expect(state).to.include({ job: null, shown: 'waiting' });
  });

  it('is ready again for the next run, when only the run before was not for it', () => {
    const finished: ServerMessage = { type: 'finished', run: 'r-1', state: 'finished', rounds: 1 };
    for (const reason of ['data-too-small', 'plan-refused'] as const) {
      const [state, effects] = run(open, { type: 'unable', reason }, message(finished));
      expect(acts(effects)).to.deep.equal(['unready', 'finished', 'ready']);
      expect(state.unable).to.equal(null);
    }
    const [, effects] = run(open, { type: 'unable', reason: 'low-battery' }, message(finished));
    expect(acts(effects)).to.deep.equal(['unready', 'finished']);
  });
});

describe("a client's session with secure aggregation", () => {
  const secureTrain = (round: number, attempt = 1, weights = hash('b')): ServerMessage => ({
    ...(train(round, attempt, weights) as Extract<ServerMessage, { type: 'train' }>),
    secagg: '{"plan":1}',
    update: '{"plan":2}',
  });
  const where = (round: number, attempt = 1): Job => jobOf(secureTrain(round, attempt));
  function jobOf(told: ServerMessage): Job {
    const [{ job }] = run(open, message(told));
    return job!;
  }
  const trained = (round: number): SessionEvent[] => [
    { type: 'fetched', key: key(round) },
    { type: 'trained', update: update(round) },
  ];
  const masked: Outgoing = { upload: new Uint8Array(16).fill(9), bytes: 24 };
  const answers: Record<'advert' | 'shares' | 'consent' | 'reveal', object> = {
    advert: { advert: new Uint8Array(224) },
    shares: { signature: new Uint8Array(64), parcels: new Uint8Array(0) },
    consent: { signature: new Uint8Array(64) },
    reveal: {
      seedsOf: Uint8Array.of(1),
      seedShares: new Uint8Array(0),
      keysOf: Uint8Array.of(0),
      keyShares: new Uint8Array(0),
    },
  };
  const secured = (type: keyof typeof answers, round = 1, attempt = 1): SessionEvent => ({
    type: 'secured',
    job: where(round, attempt),
    message: { type, ...about(round, attempt), ...answers[type] } as ClientMessage,
  });
  const maskedEvent = (round = 1, attempt = 1): SessionEvent => ({
    type: 'masked',
    job: where(round, attempt),
    masked,
  });
  const set = Uint8Array.of(7);
  const questions: Record<'roster' | 'delivery' | 'survivors' | 'unmask', object> = {
    roster: { adverts: new Uint8Array(672), degree: 2, threshold: 3 },
    delivery: { sharers: set, from: set, parcels: new Uint8Array(0), signatures: new Uint8Array(0) },
    survivors: { survivors: set },
    unmask: { survivors: set, dropped: set, signers: set, signatures: new Uint8Array(0) },
  };
  const ask = (type: keyof typeof questions, round = 1, attempt = 1): SessionEvent =>
    message({ type, ...about(round, attempt), ...questions[type] } as ServerMessage);
  const committed = (round = 1, attempt = 1): SessionEvent =>
    message({
      type: 'committed',
      ...about(round, attempt),
      result: 'done',
      weights: fromHex(hash('c')),
      weightsBytes: 40,
      counted: true,
    });
  const abandoned = (round = 1, attempt = 1): SessionEvent =>
    message({ type: 'abandoned', ...about(round, attempt), reason: 'too few' });
  const cut: SessionEvent = { type: 'disconnected', code: 'CONNECTION_LOST', message: 'gone', isSure: false };
  const back: SessionEvent[] = [{ type: 'retry' }, message(welcome)];

  const [securing] = run(open, message(secureTrain(1)), ...trained(1));
  const [offered] = run(securing, secured('advert'), ask('roster'), secured('shares'), ask('delivery'), maskedEvent());

  it('advertises after training, and offers nothing before it is asked', () => {
    const [state, effects] = run(open, message(secureTrain(1)), ...trained(1), secured('advert'));
    expect(acts(effects)).to.deep.equal(['fetch', 'progress', 'train', 'end-secure', 'secure', 'advert']);
    expect(effects.find((effect) => effect.do === 'secure')).to.deep.include({ update: update(1) });
    expect(state).to.include({ stage: 'securing', outgoing: null, shown: 'uploading' });
  });

  it('hands on each question, and sends each answer', () => {
    const [, effects] = run(
      securing,
      secured('advert'),
      ask('roster'),
      secured('shares'),
      ask('delivery'),
      maskedEvent(),
      message({ type: 'received', ...about(1) }),
      ask('survivors'),
      secured('consent'),
      ask('unmask'),
      secured('reveal'),
      committed(),
    );
    expect(acts(effects)).to.deep.equal([
      'advert',
      'answer',
      'shares',
      'answer',
      'report',
      'answer',
      'consent',
      'answer',
      'reveal',
      'end-secure',
      'forget',
      'outcome',
    ]);
    const asked = effects.flatMap((effect) => (effect.do === 'answer' ? [effect.question.type] : []));
    expect(asked).to.deep.equal(['roster', 'delivery', 'survivors', 'unmask']);
  });

  it('offers the masked update with its encoding, and neither examples nor metrics', () => {
    const [state, effects] = run(securing, maskedEvent());
    expect(effects).to.deep.include({
      do: 'send',
      message: {
        type: 'report',
        ...about(1),
        upload: masked.upload,
        bytes: 24,
        examples: 0,
        encoding: 'masked',
        metrics: {},
        backend: 'test',
      },
    });
    expect(state.kept).to.deep.equal(update(1)); // the update itself stays until the round is durable
  });

  it('uploads the masked update alone: nothing comes of asking for the kept one', () => {
    const send = (upload: Uint8Array): SessionEvent => message({ type: 'send', ...about(1), upload, offset: 0 });
    expect(acts(run(offered, send(update(1).upload))[1])).to.deep.equal([]);
    const [, effects] = run(offered, send(masked.upload));
    expect(effects).to.deep.equal([{ do: 'upload', outgoing: masked, from: 0, to: 16 }]);
  });

  it('passes over questions and answers of another attempt', () => {
    const [, effects] = run(
      securing,
      ask('roster', 1, 2),
      ask('roster', 2),
      secured('shares', 1, 2),
      maskedEvent(1, 2),
    );
    expect(effects).to.deep.equal([]);
  });

  it('passes over questions in a run without secure aggregation', () => {
    const [plain] = run(open, message(train(1)), ...trained(1));
    expect(run(plain, ask('roster'))[1]).to.deep.equal([]);
  });

  it('after a reconnect offers nothing, and answers nothing, before the server asks again', () => {
    for (const state of [securing, offered]) {
      const [, effects] = run(state, cut, ...back, ask('roster'), secured('shares'), maskedEvent());
      expect(acts(effects)).to.deep.equal(['disconnect', 'retry-later', 'connect', 'ready']);
    }
  });

  it('gives its last answer again after a cut in the same attempt', () => {
    const [, effects] = run(securing, secured('advert'), cut, ...back, message(secureTrain(1)));
    expect(acts(effects)).to.deep.equal(['advert', 'disconnect', 'retry-later', 'connect', 'ready', 'answer-again']);
  });

  it('offers the same masked update again after a cut in the same attempt, and then goes on', () => {
    const [, effects] = run(offered, cut, ...back, message(secureTrain(1)), ask('survivors'), secured('consent'));
    expect(acts(effects).slice(4)).to.deep.equal(['report', 'answer', 'consent']);
    const report = effects.find((effect) => effect.do === 'send' && effect.message.type === 'report');
    expect(report).to.deep.nested.include({ 'message.upload': masked.upload, 'message.encoding': 'masked' });
  });

  it('keeps what was masked while the connection was away, and offers it once', () => {
    const [away] = run(securing, cut, maskedEvent());
    const [, effects] = run(away, ...back, message(secureTrain(1)), maskedEvent());
    expect(acts(effects)).to.deep.equal(['connect', 'ready', 'report']);
  });

  it('advertises when it is asked again, if training has ended while the connection was away', () => {
    const [away] = run(open, message(secureTrain(1)), { type: 'fetched', key: key(1) }, cut, {
      type: 'trained',
      update: update(1),
    });
    const [, effects] = run(away, ...back, message(secureTrain(1)));
    expect(acts(effects)).to.deep.equal(['connect', 'ready', 'end-secure', 'secure']);
  });

  it('begins a new conversation with the kept update for a new attempt, whatever the old one still brings', () => {
    for (const state of [securing, offered]) {
      const [next, effects] = run(state, message(secureTrain(1, 2)), maskedEvent(), secured('shares'));
      expect(acts(effects)).to.deep.equal(['end-secure', 'secure']);
      expect(effects.find((effect) => effect.do === 'secure')).to.deep.include({ update: update(1) });
      expect(next).to.include({ stage: 'securing', outgoing: null });
      expect(next.job?.attempt).to.equal(2);
    }
  });

  it('goes on training for a new attempt, and takes part in that one only', () => {
    const [, effects] = run(
      open,
      message(secureTrain(1)),
      { type: 'fetched', key: key(1) },
      message(secureTrain(1, 2)),
      { type: 'trained', update: update(1) },
    );
    expect(acts(effects)).to.deep.equal(['fetch', 'progress', 'train', 'progress', 'end-secure', 'secure']);
    expect(effects.find((effect) => effect.do === 'secure')).to.deep.nested.include({ 'job.attempt': 2 });
  });

  describe('refuses to go on in clear', () => {
    const refusesIn = (state: SessionState, told: ServerMessage = train(1, 2)): SessionEffect[] => {
      const [after, effects] = run(state, message(told));
      const sent = effects.flatMap((effect) => (effect.do === 'send' ? [effect.message] : []));
      expect(sent.map(({ type }) => type)).to.deep.equal(['failed', 'unready']);
      expect(sent[0]).to.deep.include({ type: 'failed', attempt: 2, code: 'SECAGG_REQUIRED' });
      expect(sent[1]).to.deep.include({ reason: 'plan-refused' });
      expect(effects.find((effect) => effect.do === 'problem')).to.include({ code: 'SECAGG_REQUIRED' });
      expect(after).to.include({ job: null, outgoing: null, shown: 'ineligible', reason: 'plan-refused' });
      return effects;
    };

    it('what it has kept', () => {
      const [between] = run(securing, abandoned());
      refusesIn(between);
    });
    it('in the middle of a conversation, which ends', () => {
      expect(acts(refusesIn(securing))).to.include('end-secure');
      expect(acts(refusesIn(offered))).to.include('end-secure');
    });
    it('while it fetches or trains for the secure attempt, and stops', () => {
      const [fetching] = run(open, message(secureTrain(1)));
      expect(acts(refusesIn(fetching))).to.include('cancel-work');
      const [training] = run(fetching, { type: 'fetched', key: key(1) });
      expect(acts(refusesIn(training))).to.include('cancel-work');
    });
    it('a later round, or another model, of the same run', () => {
      const [after] = run(offered, committed());
      refusesIn(after, train(2, 2));
      refusesIn(securing, train(1, 2, hash('d')));
    });
    it('an update that it had offered in clear before', () => {
      const [plain] = run(
        open,
        message(train(1)),
        ...trained(1),
        abandoned(),
        message(secureTrain(1, 2)),
        abandoned(1, 2),
      );
      refusesIn({ ...plain, link: 'open' }, { ...train(1, 2) } as ServerMessage);
    });
    it('after a reconnect', () => {
      const [again] = run(securing, cut, ...back);
      refusesIn(again);
    });

    it('but takes part in another run without secure aggregation', () => {
      const [after] = run(offered, committed());
      const other = { ...train(1), run: 'r-2' } as ServerMessage;
      const [state, effects] = run(after, message(other));
      expect(acts(effects)).to.deep.equal(['fetch']);
      expect(state.job?.run).to.equal('r-2');
    });
  });

  it('gives no more of a run whose plan it refuses', () => {
    const refused: SessionEvent = { type: 'work-failed', key: key(1), code: 'SECAGG_SMALL_COHORT', message: 'too few' };
    const [state, effects] = run(open, message(secureTrain(1)), refused);
    expect(acts(effects)).to.deep.equal(['fetch', 'cancel-work', 'end-secure', 'failed', 'problem', 'unready']);
    expect(state).to.include({ unable: 'plan-refused', shown: 'ineligible' });
  });

  it('waits for the next attempt after any other refusal of its own, and keeps its update', () => {
    const failed: SessionEvent = { type: 'work-failed', key: key(1), code: 'SECAGG_ROSTER', message: 'not mine' };
    const [state, effects] = run(securing, failed);
    expect(acts(effects)).to.deep.equal(['end-secure', 'failed', 'problem']);
    expect(state).to.include({ unable: null, shown: 'waiting' });
    expect(acts(run(state, message(secureTrain(1, 2)))[1])).to.deep.equal(['secure']);
  });

  it('tells people, and the server only where it is there, why it refuses', () => {
    const failed: SessionEvent = { type: 'work-failed', key: key(1), code: 'SECAGG_ROSTER', message: 'not mine' };
    expect(acts(run(securing, cut, failed)[1])).to.deep.equal(['disconnect', 'retry-later', 'end-secure', 'problem']);
  });

  describe('ends the conversation', () => {
    const ends = (event: SessionEvent, more: string[], keeps: boolean): void => {
      for (const state of [securing, offered]) {
        const [after, effects] = run(state, event);
        expect(acts(effects)).to.deep.equal(['end-secure', ...more]);
        expect(after).to.include({ job: null, outgoing: null, stage: 'idle' });
        expect(after.kept !== null).to.equal(keeps);
        expect(run(after, ask('roster'), secured('shares'), maskedEvent())[1]).to.deep.equal([]);
      }
    };
    it('when the attempt is abandoned, and keeps the update', () => ends(abandoned(), ['outcome'], true));
    it('when the round is committed, and forgets the update', () => ends(committed(), ['forget', 'outcome'], false));
    it('when the server refuses an answer, and keeps the update', () =>
      ends(message({ type: 'refused', ...about(1), code: 'SECAGG_STEP', message: 'no' }), ['problem'], true));
    it('when the run is finished', () =>
      ends(message({ type: 'finished', run: 'r-1', state: 'stopped', rounds: 0 }), ['forget', 'finished'], false));
    it('when the server says to wait, and keeps the update', () =>
      ends(message({ type: 'wait', reason: 'server-paused', run: 'r-1', round: 1 }), [], true));
    it('when the device cannot go on, and keeps the update', () =>
      ends({ type: 'unable', reason: 'not-charging' }, ['unready'], true));
    it('when it leaves, and keeps the update', () =>
      ends({ type: 'leave', reason: 'user' }, ['leave', 'disconnect'], true));
    it('when consent is revoked, and forgets the update', () =>
      ends({ type: 'leave', reason: 'consent' }, ['leave', 'forget', 'disconnect'], false));
    it('when the server refuses this client for good', () =>
      ends(message({ type: 'error', code: 'EXCLUDED', message: 'no' }), ['disconnect', 'fail'], true));
  });

  it('holds no more after hundreds of rounds, attempts and cuts than after one', () => {
    const round = (number: number): SessionEvent[] => [
      message(secureTrain(number)),
      ...trained(number),
      secured('advert', number),
      ask('roster', number),
      abandoned(number),
      message(secureTrain(number, 2)),
      secured('advert', number, 2),
      cut,
      ...back,
      message(secureTrain(number, 2)),
      ask('delivery', number, 2),
      maskedEvent(number, 2),
      message({ type: 'received', ...about(number, 2) }),
      committed(number, 2),
    ];
    const [after, first] = run(open, ...round(1));
    const rounds = 300;
    const [last, all] = run(open, ...Array.from({ length: rounds }, (_, i) => round(i + 1)).flat());
    expect(last).to.deep.equal(after);
    const count = (effects: SessionEffect[], kind: string): number => effects.filter((each) => each.do === kind).length;
    expect(count(all, 'train')).to.equal(rounds);
    expect(count(all, 'forget')).to.equal(rounds);
    expect(count(all, 'secure')).to.equal(2 * rounds);
    expect(all).to.have.length(rounds * first.length);
  });
});

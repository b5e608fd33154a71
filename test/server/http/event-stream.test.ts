import { expect } from 'chai';
import { checkToken, signToken } from '../../../server/access/signed-token.ts';
import type { ServerEvent } from '../../../server/operations.ts';
import { runId } from '../../../shared/ids.ts';
import { storedRun } from '../../contracts/store.ts';
import { errorOf, startHttp, type HttpFixture } from './fake-server.ts';

interface Message {
  readonly id?: string;
  readonly event?: string;
  readonly data?: unknown;
  readonly comment?: boolean;
}

/** Reads server-sent events from a response, one block at a time. */
function reading(response: Response): { next(): Promise<Message | null>; cancel(): Promise<void> } {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  return {
    async next() {
      while (!text.includes('\n\n')) {
        const { value, done } = await reader.read();
        if (done) return null;
        text += value;
      }
      const [block = ''] = text.split('\n\n', 1);
      text = text.slice(block.length + 2);
      const fields = new Map(block.split('\n').map((line) => [line.split(':')[0]!, line.slice(line.indexOf(':') + 2)]));
      if (fields.has('retry')) return this.next();
      if (block === ':') return { comment: true };
      return { id: fields.get('id')!, event: fields.get('event')!, data: JSON.parse(fields.get('data')!) as unknown };
    },
    cancel: () => reader.cancel(),
  };
}

describe('the event stream', () => {
  const first = runId('first');
  let http: HttpFixture;
  const open = async (path: string, lastId?: string): ReturnType<typeof openRaw> => openRaw(path, lastId);
  const openRaw = async (path: string, lastId?: string) => {
    const response = await http.as(
      'viewer',
      path,
      lastId === undefined ? {} : { headers: { 'Last-Event-ID': lastId } },
    );
    expect(response.headers.get('content-type')).to.include('text/event-stream');
    return reading(response);
  };
  const happens = (message: string, run = first): ServerEvent =>
    http.events.add({ at: 5, run, type: 'round', message, data: {} });
  const start = async (options = {}): Promise<void> => {
    http = await startHttp(options);
    await http.store.createRun(storedRun('first'));
  };
  afterEach(() => http.close());

  it('begins with a snapshot of the run, then tells what happens', async () => {
    await start();
    const before = happens('before');
    const stream = await open('/api/runs/first/events');
    const snapshot = await stream.next();
    expect(snapshot).to.include({ id: before.id, event: 'snapshot' });
    expect(snapshot?.data).to.include({ id: 'first', state: 'created' });
    happens('of another run', runId('second'));
    const after = happens('after');
    expect(await stream.next()).to.deep.equal({ id: after.id, event: 'round', data: after });
    await stream.cancel();
  });

  it('goes on after the last event that the reader saw', async () => {
    await start();
    const one = happens('one');
    const two = happens('two');
    const stream = await open('/api/events', one.id);
    expect(await stream.next()).to.deep.equal({ id: two.id, event: 'round', data: two });
    await stream.cancel();
  });

  it('sends a snapshot to a reader from an earlier life of the server', async () => {
    await start();
    const stream = await open('/api/events', 'another-17');
    const snapshot = await stream.next();
    expect(snapshot?.event).to.equal('snapshot');
    expect(snapshot?.data).to.have.nested.property('runs[0].id', 'first');
    await stream.cancel();
  });

  it('loses nothing that happens while the snapshot is taken', async () => {
    await start();
    const opening = open('/api/events');
    const event = happens('meanwhile');
    const stream = await opening;
    const messages = [await stream.next()];
    // It is either in what the snapshot stands for or comes after it.
    if (messages[0]?.id !== event.id) messages.push(await stream.next());
    expect(messages.at(-1)?.id).to.equal(event.id);
    await stream.cancel();
  });

  it('answers for a run that is not there, and to a wrong token', async () => {
    await start();
    expect(await errorOf(await http.as('viewer', '/api/runs/second/events'))).to.deep.equal([404, 'NOT_FOUND']);
    expect((await http.as('client', '/api/events')).status).to.equal(403);
    expect((await http.as('viewer', '/api/events', { method: 'HEAD' })).status).to.equal(200);
  });

  it('sends a comment now and then, so that a quiet stream stays open', async () => {
    await start({ heartbeat: 5 });
    const stream = await open('/api/events');
    await stream.next();
    expect(await stream.next()).to.deep.equal({ comment: true });
    await stream.cancel();
  });

  describe('of a token', () => {
    const key = new Uint8Array(32).fill(7);
    const exp = 1_800_000_000;
    let now = 1_000 * exp - 1;
    let validKey = key;
    const begin = async (options: object) => {
      now = 1_000 * exp - 1;
      validKey = key;
      await start({ ...options, roleOf: (token: string) => checkToken(validKey, token, now)?.role ?? null });
      const token = signToken(key, { role: 'viewer', name: 'ann', exp });
      const response = await fetch(`${http.url}/api/events`, { headers: { Authorization: `Bearer ${token}` } });
      const stream = reading(response);
      expect((await stream.next())?.event).to.equal('snapshot');
      return stream;
    };
    /** What comes before the end: no stream stays open. */
    const rest = async (stream: Awaited<ReturnType<typeof begin>>): Promise<unknown[]> => {
      const messages: unknown[] = [];
      for (let each = await stream.next(); each !== null; each = await stream.next()) {
        if (each.comment !== true) messages.push((each.data as ServerEvent).message);
      }
      return messages;
    };

    it('that expires ends when its time has come: at the next event, which it does not tell', async () => {
      const stream = await begin({ heartbeat: 1e6 });
      happens('in time');
      now++;
      happens('too late');
      expect(await rest(stream)).to.deep.equal(['in time']);
    });

    it('that is revoked ends in the same way', async () => {
      const stream = await begin({ heartbeat: 1e6 });
      happens('in time');
      validKey = new Uint8Array(32);
      happens('too late');
      expect(await rest(stream)).to.deep.equal(['in time']);
    });

    it('ends within a heartbeat where nothing happens', async () => {
      const stream = await begin({ heartbeat: 5 });
      expect(await stream.next()).to.deep.equal({ comment: true });
      now++;
      expect(await rest(stream)).to.deep.equal([]);
      await http.close();
      const another = await begin({ heartbeat: 5 });
      validKey = new Uint8Array(32);
      expect(await rest(another)).to.deep.equal([]);
    });
  });

  it('cuts a reader that does not read', async () => {
    await start({ limits: { maxStreamQueuedBytes: 50_000 } });
    const stream = await open('/api/events');
    // More than the socket's own buffers take in one go, since all of it comes before the reader runs again.
    for (let i = 0; i < 2_000; i++) happens('x'.repeat(10_000));
    let got = 0;
    const outcome = await (async (): Promise<string> => {
      while ((await stream.next()) !== null) got++;
      return 'ended';
    })().catch(() => 'cut');
    expect(outcome).to.equal('cut');
    expect(got).to.be.below(2_000);
  });
});

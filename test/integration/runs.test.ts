import { expect } from 'chai';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RunFolder } from '../../server/run-folder/run-folder.ts';
import { FederatedError } from '../../shared/errors.ts';
import { runId } from '../../shared/ids.ts';
import { Federation, tinyConfig, tinyTask } from '../helpers/federation.ts';

const run = runId('tiny-1');
const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'none',
    (error: unknown) => (error as FederatedError).code,
  );

describe('runs', () => {
  let federation: Federation;
  const limits = { rejoinGrace: 100 };
  afterEach(() => federation.close());

  const roundEvent = (fits: (data: Readonly<Record<string, unknown>>) => boolean) =>
    federation.event(({ type, data }) => type === 'round' && fits(data));
  /** A promise and the function that resolves it. */
  const gate = (): { opened: Promise<void>; open: () => void } => {
    let open = (): void => {};
    const opened = new Promise<void>((resolve) => (open = resolve));
    return { opened, open };
  };

  it('wait for enough clients, and say so', async () => {
    federation = await Federation.open();
    const created = await federation.server.operations.create(tinyConfig(), run);
    expect(created).to.include({ state: 'waiting', waiting: 'not-enough-clients', round: 0, parameters: 8 });
    expect(created.message).to.equal('Waiting for more clients to join. 0 of 3 are ready.');
    const { client } = federation.join();
    await federation.event(({ type }) => type === 'client');
    await new Promise<void>((resolve) => {
      client.addEventListener('state', () => {
        if (client.state.reason === 'not-enough-clients') resolve();
      });
    });
    expect(client.state).to.include({ state: 'waiting', message: 'Waiting for more clients to join.' });
  });

  it('pause after the round in progress, and go on when resumed', async () => {
    federation = await Federation.open();
    const { operations } = federation.server;
    await operations.create(tinyConfig({ rounds: 3 }), run);
    const hold = gate();
    const clients = [1, 2, 3].map((seed) => federation.join({ seed, training: { before: () => hold.opened } }));
    await roundEvent((data) => data['cohort'] === 3);
    expect((await operations.pause(run)).state).to.equal('pausing');
    expect(await codeOf(operations.pause(run))).to.equal('BAD_STATE');
    hold.open();
    await federation.state('paused');
    expect(await operations.run(run)).to.include({ state: 'paused', round: 1, waiting: 'server-paused' });
    expect((await operations.clients()).map(({ waiting }) => waiting)).to.deep.equal(
      Array.from({ length: 3 }, () => 'server-paused'),
    );
    await operations.resume(run);
    await Promise.all(clients.map(({ done }) => done));
    expect(await operations.run(run)).to.include({ state: 'finished', round: 3 });
  });

  it('stop after the round in progress, or at once', async () => {
    federation = await Federation.open();
    const { operations } = federation.server;
    await operations.create(tinyConfig({ rounds: 100 }), run);
    const hold = gate();
    const clients = [1, 2, 3].map((seed) =>
      federation.join({ seed, training: { before: ({ round }) => (round === 2 ? hold.opened : undefined) } }),
    );
    await roundEvent((data) => data['round'] === 2 && data['cohort'] === 3);
    expect((await operations.stop(run)).state).to.equal('stopping');
    await operations.stop(run, { now: true });
    await federation.state('stopped');
    hold.open();
    await Promise.all(clients.map(({ done }) => done)); // they hear that the run is over
    expect(await operations.run(run)).to.include({ state: 'stopped', round: 1 });
    const { record } = (await operations.rounds(run)).at(-1)!;
    expect(record).to.include({ result: 'abandoned', reason: 'stopped by the operator' });
    expect(await codeOf(operations.resume(run))).to.equal('BAD_STATE');
  });

  it('queue up: the next begins when the one before is over', async () => {
    federation = await Federation.open();
    const { operations } = federation.server;
    await operations.create(tinyConfig({ rounds: 1 }), run);
    const second = await operations.create(tinyConfig({ rounds: 2, seed: 2 }));
    expect(second).to.include({ id: 'tiny-2', state: 'created', message: 'Waiting for the run before it to end.' });
    const third = await operations.create(tinyConfig(), runId('unwanted'));
    expect((await operations.stop(third.id)).state).to.equal('stopped');
    expect(await codeOf(operations.remove(second.id))).to.equal('BAD_STATE');
    await operations.remove(third.id);
    for (const seed of [1, 2, 3]) federation.join({ seed, stay: true });
    await federation.event((event) => event.run === second.id && event.data['state'] === 'finished');
    expect((await operations.runs()).map(({ id, state, round }) => [id, state, round])).to.deep.equal([
      ['tiny-1', 'finished', 1],
      ['tiny-2', 'finished', 2],
    ]);
  });

  it('try an abandoned round again: no model changes, and no client trains anew', async () => {
    federation = await Federation.open({ limits });
    const { operations } = federation.server;
    await operations.create(tinyConfig({ rounds: 1, minReports: 3 }), run);
    let trainings = 0;
    const onTrain = (): void => void trainings++;
    const clients = [1, 2].map((seed) => federation.join({ seed, training: { onTrain } }));
    const broken = federation.join({ seed: 3, training: { delta: () => new Float32Array(8).fill(Number.NaN) } });
    await roundEvent((data) => data['result'] === 'abandoned');
    broken.abort.abort();
    federation.join({ seed: 3, training: { onTrain } });
    await Promise.all(clients.map(({ done }) => done));
    const records = (await operations.rounds(run)).map(({ record }) => record);
    for (const record of records.slice(0, -1)) {
      expect(record.result).to.equal('abandoned');
      expect(record.weightsAfter).to.equal(record.weightsBefore);
      expect(record.reason).to.match(/of 3 reports, at least 3 needed/);
    }
    expect(records.at(-1)).to.include({ round: 1, result: 'done' });
    expect(trainings).to.equal(3);
  });

  it('pause by themselves when a round was abandoned too often', async () => {
    federation = await Federation.open({ limits });
    const { operations } = federation.server;
    await operations.create(tinyConfig({ minReports: 3, maxAttempts: 2 }), run);
    for (const seed of [1, 2, 3])
      federation.join({ seed, training: { delta: () => new Float32Array(8).fill(Number.NaN) } });
    await federation.state('paused');
    const view = await operations.run(run);
    expect(view.reason).to.match(/^round 1 was abandoned 2 times, last: 0 of 3 reports/);
  });

  it('close a round at the wanted number when more were picked; the rest hears that it is closed', async () => {
    federation = await Federation.open();
    const { operations } = federation.server;
    await operations.create(tinyConfig({ rounds: 1, clientsPerRound: 2, overselect: 2, minClients: 4 }), run);
    const hold = gate();
    const quick = [1, 2].map((seed) => federation.join({ seed }));
    const slow = [3, 4].map((seed) => federation.join({ seed, training: { before: () => hold.opened } }));
    const outcomes = await Promise.all([...quick, ...slow].map(({ done }) => done));
    hold.open();
    expect(outcomes.map((each) => each[0]?.counted)).to.deep.equal([true, true, false, false]);
    expect((await operations.rounds(run))[0]!.record).to.deep.include({ result: 'done', round: 1 });
  });

  it('let a client in late, and give it work in the next round', async () => {
    federation = await Federation.open();
    await federation.server.operations.create(tinyConfig({ rounds: 2 }), run);
    const hold = gate();
    for (const seed of [1, 2, 3]) federation.join({ seed, training: { before: () => hold.opened } });
    await roundEvent((data) => data['cohort'] === 3);
    const late = federation.join({ seed: 4 });
    await new Promise<void>((resolve) => {
      late.client.addEventListener('state', () => {
        if (late.client.state.reason === 'not-selected') resolve();
      });
    });
    hold.open();
    expect((await late.done).map(({ round, counted }) => [round, counted])).to.deep.equal([[2, true]]);
  });

  it('stop at the target accuracy, and store each evaluation', async () => {
    let rounds = 0;
    const evaluate = async () => ({ loss: 1, accuracy: ++rounds / 10, examples: 5 });
    federation = await Federation.open({ evaluate });
    const { operations } = federation.server;
    await operations.create(tinyConfig({ rounds: 50, evaluateEvery: 2, targetAccuracy: 0.2 }), run);
    const clients = [1, 2, 3].map((seed) => federation.join({ seed }));
    await Promise.all(clients.map(({ done }) => done));
    expect(await operations.run(run)).to.include({ state: 'finished', round: 4 });
    const evaluations = (await operations.rounds(run)).map(({ evaluation }) => evaluation?.['accuracy'] ?? null);
    expect(evaluations).to.deep.equal([null, 0.1, null, 0.2]);
  });

  it('go on without an evaluation that fails', async () => {
    federation = await Federation.open({
      evaluate: async () => {
        throw new FederatedError('BAD_DATA', 'no such label');
      },
    });
    await federation.server.operations.create(tinyConfig({ rounds: 1, evaluateEvery: 1 }), run);
    const clients = [1, 2, 3].map((seed) => federation.join({ seed }));
    await Promise.all(clients.map(({ done }) => done));
    expect(await federation.server.operations.run(run)).to.include({ state: 'finished', round: 1, evaluation: null });
    await federation.event(({ message }) => message === 'Round 1 could not be evaluated: no such label');
  });

  it('go on after a restart although the evaluation of the last round fails again', async () => {
    federation = await Federation.open({
      evaluate: async () => {
        throw new FederatedError('BAD_DATA', 'no such label');
      },
    });
    await federation.server.operations.create(tinyConfig({ rounds: 2, evaluateEvery: 1 }), run);
    const hold = gate();
    const clients = [1, 2, 3].map((seed) =>
      federation.join({ seed, training: { before: ({ round }) => (round === 2 ? hold.opened : undefined) } }),
    );
    await roundEvent((data) => data['round'] === 2 && data['cohort'] === 3);
    await federation.restart();
    hold.open();
    await Promise.all(clients.map(({ done }) => done));
    expect(await federation.server.operations.run(run)).to.include({ state: 'finished', round: 2, resumedAt: 1 });
  });

  it('are refused with a config or a model that cannot work, before anything is stored', async () => {
    federation = await Federation.open({ limits: { maxUpdateBytes: 16 } });
    const { operations } = federation.server;
    expect(await codeOf(operations.create({ ...tinyConfig(), rouns: 3 }))).to.equal('BAD_CONFIG');
    expect(await codeOf(operations.create(tinyConfig({ clientsPerRound: 2, minReports: 3 })))).to.equal('BAD_CONFIG');
    expect(await codeOf(operations.create(tinyConfig({ clientsPerRound: 2, clientFraction: 0.5 })))).to.equal(
      'BAD_CONFIG',
    );
    expect(await codeOf(operations.create(tinyConfig()))).to.equal('BAD_MODEL'); // 32 bytes, 16 allowed
    const task = { ...tinyTask(), model: { ...tinyTask().model, input: [2, 4] } };
    expect(await codeOf(operations.create({ ...tinyConfig(), task }))).to.equal('BAD_TASK'); // two outputs, one target
    expect(await operations.runs()).to.deep.equal([]);
  });

  it('leave a folder for people: config, environment, a line a round, events', async () => {
    federation = await Federation.open({ evaluate: async () => ({ loss: 0.5, examples: 2 }) });
    const { operations, events } = federation.server;
    await operations.create(tinyConfig({ rounds: 2, evaluateEvery: 1 }), run);
    const folder = await RunFolder.begin(federation.dataDir, run, operations, events);
    const clients = [1, 2, 3].map((seed) => federation.join({ seed }));
    await Promise.all(clients.map(({ done }) => done));
    await folder.close();
    const read = (name: string): Promise<string> => readFile(join(folder.path, name), 'utf8');
    expect(JSON.parse(await read('config.json'))).to.include({ rounds: 2, seed: 1 });
    expect(JSON.parse(await read('env.json'))).to.include({ node: process.version });
    const lines = (await read('metrics.jsonl'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(
      lines.map((line) => [line['round'], line['result'], line['reports'], line['eval/loss'], line['train/loss']]),
    ).to.deep.equal([
      [1, 'done', 3, 0.5, 1],
      [2, 'done', 3, 0.5, 1],
    ]);
    expect((await read('events.jsonl')).trim().split('\n').length).to.be.above(10);
  });

  it('go on after a restart between two rounds, with the same weights as without', async () => {
    federation = await Federation.open();
    await federation.server.operations.create(tinyConfig({ rounds: 4 }), run);
    const hold = gate();
    const clients = [1, 2, 3].map((seed) =>
      federation.join({ seed, training: { before: ({ round }) => (round === 2 ? hold.opened : undefined) } }),
    );
    await roundEvent((data) => data['round'] === 2 && data['cohort'] === 3);
    await federation.restart();
    hold.open();
    await Promise.all(clients.map(({ done }) => done));
    const view = await federation.server.operations.run(run);
    expect(view).to.include({ state: 'finished', round: 4, resumedAt: 1 });
    const weights = view.weights;
    await federation.close();

    federation = await Federation.open();
    await federation.server.operations.create(tinyConfig({ rounds: 4 }), run);
    const again = [1, 2, 3].map((seed) => federation.join({ seed }));
    await Promise.all(again.map(({ done }) => done));
    expect((await federation.server.operations.run(run)).weights).to.equal(weights);
  });
});

describe('a client', () => {
  let federation: Federation;
  afterEach(() => federation.close());

  it('connects only after consent, and forgets its identity and model when consent is revoked', async () => {
    federation = await Federation.open();
    await federation.server.operations.create(tinyConfig({ rounds: 1, minClients: 1 }), run);
    const { client, done } = federation.join({ consent: 'required', seed: 1 });
    await new Promise<void>((resolve) => client.addEventListener('state', () => resolve(), { once: true }));
    expect(client.state.state).to.equal('needs-consent');
    expect(federation.server.operations.info().connections).to.equal(0);
    await client.consent.grant('Your data stays here.');
    await done;
    expect(client.consent.record).to.include({ state: 'granted' });
    expect((await client.model()).round).to.equal(1);
    await client.consent.revoke();
    expect(client.state.state).to.equal('needs-consent');
    expect(await codeOf(client.model())).to.equal('NOT_FOUND');
  });

  it('with too few examples says so, and is not waited for', async () => {
    federation = await Federation.open({ limits: { rejoinGrace: 50 } });
    const task = { ...tinyTask(), training: { ...tinyTask().training, minExamples: 2 } };
    await federation.server.operations.create(tinyConfig({ task, rounds: 1, minReports: 2 }), run);
    const enough = () => ({ xs: new Float32Array(16), ys: new Float32Array(2) });
    const others = [1, 2].map((seed) => federation.join({ seed, data: enough }));
    const { client, done } = federation.join({ seed: 3 });
    const shown: string[] = [];
    client.addEventListener('state', () => shown.push(`${client.state.state} ${client.state.reason}`));
    await Promise.all([...others.map((each) => each.done), done]); // it ends with the run, as the others do
    expect(shown).to.include('ineligible data-too-small');
  });

  it('with data that do not fit the task reports the failure, and the round goes on', async () => {
    federation = await Federation.open();
    await federation.server.operations.create(tinyConfig({ rounds: 1, minReports: 2 }), run);
    const others = [1, 2].map((seed) => federation.join({ seed }));
    federation.join({ seed: 3, data: () => ({ xs: new Float32Array(7), ys: new Float32Array(1) }) });
    await Promise.all(others.map(({ done }) => done));
    const event = await federation.event(({ type, data }) => type === 'client' && data['code'] === 'BAD_DATA');
    expect(event.message).to.match(/goes no further with this attempt: data: /);
  });

  it('keeps its identity in its folder, and is the same client to the server after a restart', async () => {
    federation = await Federation.open();
    await federation.server.operations.create(tinyConfig({ rounds: 1, minClients: 1 }), run);
    const stateDir = join(federation.dataDir, 'client');
    await federation.join({ seed: 1, stateDir }).done;
    await federation.server.operations.create(tinyConfig({ rounds: 1, minClients: 1, seed: 3 }));
    const second = federation.join({ seed: 1, stateDir });
    await second.done;
    expect(await federation.server.operations.clients()).to.have.length(1);
    expect((await second.client.model()).run).to.equal('tiny-2');
  });
});

import { expect } from 'chai';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { logToMlflow } from '../../../../simulations/reports/sinks/mlflow.ts';
import { roundOf, type RunRecord } from '../../../../simulations/reports/run-record.ts';
import { refuses } from '../../../contracts/store.ts';

/** A tracking server that knows the part of MLflow's REST API 2.0 that is used, and checks what its documentation asks for. */
class Tracking {
  readonly runs = new Map<string, { status: string; metrics: Record<string, unknown>[]; params: Map<string, string>; end: number | null }>(); // prettier-ignore
  readonly experiments = new Map<string, string>();
  readonly calls: string[] = [];
  readonly tokens = new Set<string | undefined>();
  /** Answers this call with this status and body. */
  fail: { readonly path: string; readonly status: number; readonly body: string } | null = null;
  readonly #server: Server = createServer((request, response) => {
    let body = '';
    request.on('data', (data: Buffer) => (body += data.toString()));
    request.on('end', () => {
      const url = new URL(request.url!, 'http://tracking');
      const path = url.pathname.replace('/api/2.0/mlflow/', '');
      this.calls.push(`${request.method} ${path}`);
      this.tokens.add(request.headers.authorization);
      const [status, answer] =
        this.fail?.path === path
          ? [this.fail.status, this.fail.body]
          : this.#answer(path, url.searchParams, body === '' ? {} : (JSON.parse(body) as Record<string, unknown>));
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(typeof answer === 'string' ? answer : JSON.stringify(answer));
    });
  });

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  #answer(path: string, query: URLSearchParams, body: Record<string, unknown>): [number, unknown] {
    const bad = (message: string): [number, unknown] => [400, { error_code: 'INVALID_PARAMETER_VALUE', message }];
    if (path === 'experiments/get-by-name') {
      const id = this.experiments.get(query.get('experiment_name')!);
      if (id === undefined) return [404, { error_code: 'RESOURCE_DOES_NOT_EXIST', message: 'No such experiment' }];
      return [200, { experiment: { experiment_id: id, name: query.get('experiment_name') } }];
    }
    if (path === 'experiments/create') {
      const id = String(this.experiments.size + 1);
      this.experiments.set(String(body['name']), id);
      return [200, { experiment_id: id }];
    }
    if (path === 'runs/create') {
      if (typeof body['experiment_id'] !== 'string' || !Number.isInteger(body['start_time']))
        return bad('experiment_id, start_time');
      const id = `run${this.runs.size}`;
      this.runs.set(id, { status: 'RUNNING', metrics: [], params: new Map(), end: null });
      return [200, { run: { info: { run_id: id } } }];
    }
    const run = this.runs.get(String(body['run_id']));
    if (run === undefined) return [404, { error_code: 'RESOURCE_DOES_NOT_EXIST', message: 'No such run' }];
    if (path === 'runs/log-batch') {
      const { metrics = [], params = [] } = body as {
        metrics?: Record<string, unknown>[];
        params?: { key: string; value: string }[];
      };
      if (metrics.length > 1000 || params.length > 100 || metrics.length + params.length > 1000)
        return bad('batch too large');
      for (const { key, value, timestamp, step } of metrics) {
        if (!/^[\w\-. :/]{1,250}$/.test(String(key))) return bad(`key ${String(key)}`);
        if (typeof value !== 'number' || !Number.isInteger(timestamp) || !Number.isInteger(step)) return bad('metric');
      }
      if (params.some(({ key, value }) => !/^[\w\-. :/]{1,250}$/.test(key) || typeof value !== 'string' || value.length > 6000)) return bad('param'); // prettier-ignore
      run.metrics.push(...metrics);
      for (const { key, value } of params) run.params.set(key, value);
      return [200, {}];
    }
    if (path === 'runs/update') {
      run.status = String(body['status']);
      run.end = Number(body['end_time']);
      return [200, { run_info: {} }];
    }
    return [404, { error_code: 'ENDPOINT_NOT_FOUND', message: path }];
  }
}

describe('logging to MLflow', () => {
  let tracking: Tracking;
  let url: string;
  beforeEach(async () => {
    tracking = new Tracking();
    url = await tracking.listen();
  });
  afterEach(() => tracking.close());

  const run = (rounds = 2, more: Partial<RunRecord> = {}): RunRecord => ({
    name: 'mnist-1',
    source: '/runs/mnist-1',
    state: 'finished',
    startedAt: 1_700_000_000_000,
    config: { seed: 7, task: { name: 'mnist', layers: [1, 2] }, note: 'x'.repeat(9_000) },
    env: null,
    rounds: Array.from({ length: rounds }, (_, i) =>
      roundOf({ round: i + 1, seconds: 1.5, 'eval/accuracy': 0.5, 'odd@tag/x': 1 }, 'here'),
    ),
    clients: [],
    notes: [],
    ...more,
  });

  it('makes the experiment once, then a run with its settings, a metric a round, and its end', async () => {
    const first = await logToMlflow(run(), { url, experiment: 'digits & more', token: 'secret' });
    expect(first).to.deep.equal({ experimentId: '1', runId: 'run0' });
    expect(tracking.calls).to.deep.equal([
      'GET experiments/get-by-name',
      'POST experiments/create',
      'POST runs/create',
      'POST runs/log-batch',
      'POST runs/log-batch',
      'POST runs/update',
    ]);
    const { status, metrics, params, end } = tracking.runs.get('run0')!;
    expect([status, end]).to.deep.equal(['FINISHED', 1_700_000_003_000]);
    expect(metrics.filter(({ key }) => key === 'eval/accuracy')).to.deep.equal([
      { key: 'eval/accuracy', value: 0.5, timestamp: 1_700_000_001_500, step: 1 },
      { key: 'eval/accuracy', value: 0.5, timestamp: 1_700_000_003_000, step: 2 },
    ]);
    expect(metrics.map(({ key }) => key)).to.include('odd_tag/x');
    expect([params.get('seed'), params.get('task.name'), params.get('task.layers')]).to.deep.equal([
      '7',
      'mnist',
      '[1,2]',
    ]);
    expect(tracking.tokens).to.deep.equal(new Set(['Bearer secret']));

    expect(await logToMlflow(run(), { url: `${url}/`, experiment: 'digits & more' })).to.include({
      experimentId: '1',
      runId: 'run1',
    });
    expect(tracking.experiments.size).to.equal(1);
    expect(tracking.tokens).to.include(undefined);
  });

  it('sends long runs in batches that the server takes', async () => {
    await logToMlflow(run(700), { url }); // 700 rounds with three metrics each: 2100
    expect(tracking.runs.get('run0')!.metrics).to.have.length(2100);
    expect(tracking.calls.filter((call) => call.endsWith('log-batch'))).to.have.length(1 + 3);
  });

  it('says how a run that did not finish ended', async () => {
    for (const [state, status] of [
      ['failed', 'FAILED'],
      ['stopped', 'KILLED'],
      [null, 'FINISHED'],
    ] as const) {
      // prettier-ignore
      const { runId } = await logToMlflow(run(1, { state }), { url });
      expect(tracking.runs.get(runId)!.status).to.equal(status);
    }
  });

  it('marks a run as failed that it could not log to its end, and tells why', async () => {
    tracking.fail = {
      path: 'runs/log-batch',
      status: 400,
      body: '{"error_code":"INVALID_PARAMETER_VALUE","message":"too long"}',
    };
    const error = await logToMlflow(run(), { url }).then(
      () => null,
      (thrown: Error) => thrown.message,
    );
    expect(error).to.match(/answered 400 to runs\/log-batch: INVALID_PARAMETER_VALUE too long/);
    expect(tracking.runs.get('run0')!.status).to.equal('FAILED');
  });

  it('refuses a wrong token, a wrong answer, a wrong address, and a server that is not there', async () => {
    tracking.fail = { path: 'experiments/get-by-name', status: 403, body: '{}' };
    await refuses(logToMlflow(run(), { url }), 'NOT_AUTHORISED');
    tracking.fail = { path: 'experiments/get-by-name', status: 200, body: '<html>' };
    await refuses(logToMlflow(run(), { url }), 'BAD_STATE');
    await refuses(logToMlflow(run(), { url: 'ftp://127.0.0.1' }), 'BAD_ARGUMENT');
    await refuses(logToMlflow(run(), { url: 'http://user:word@127.0.0.1' }), 'BAD_ARGUMENT');
    await refuses(logToMlflow(run(), { url: 'http://127.0.0.1:1' }), 'CONNECTION_REFUSED');
  });
});
